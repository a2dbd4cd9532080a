"""Errors that a person sees: they say the same when they come from another process."""

from __future__ import annotations

import pickle

import pytest

from core import errors
from core.errors import ConfigError, MedftError, Problem, UploadError
from core.training.callbacks import TrainingDiverged


def test_every_error_survives_the_way_from_another_process() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, MedftError)]
    assert UploadError in kinds and len(kinds) > 8
    for kind in [*kinds, TrainingDiverged]:
        raised = (
            ConfigError([Problem("rank", "Too high."), Problem("seed", "Too low.")])
            if kind is ConfigError
            else kind("The file is empty.", "Choose another one.")
        )
        arrived = pickle.loads(pickle.dumps(raised))
        assert type(arrived) is kind and str(arrived) == str(raised)
        assert (arrived.message, arrived.hint) == (raised.message, raised.hint)
        assert getattr(arrived, "problems", ()) == getattr(raised, "problems", ())


def test_an_error_says_what_happened_and_what_to_do() -> None:
    with pytest.raises(MedftError, match=r"^The file is empty\. Choose another one\.$"):
        raise UploadError("The file is empty.", "Choose another one.")
