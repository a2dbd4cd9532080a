"""The sample data set stays as the project wrote it: whoever changes it changes a copy.

    pristine_sample(home) → the data set that the quick demo trains on, whatever happened to it before
    own_copy(dataset)     → the same rows under an id of their own

It does not know: how the sample is made (build.py), what a change is.
"""

from __future__ import annotations

import secrets
import shutil
from dataclasses import replace
from pathlib import Path

from core.dataset.build import SAMPLE_ID, sample_dataset
from core.dataset.store import CHANGING, Dataset, new_id, write_state

COPY_NAME = "{name}, my copy"


def pristine_sample(home: Path) -> Dataset:
    """Give the sample as it was written; one that was changed by an earlier version of the app is kept as a copy.

    Args:
        home: The folder of data sets.
    """
    with CHANGING:
        sample = sample_dataset(home)
        if is_pristine(sample):
            return sample
        own_copy(sample)
        aside = home / f".gone-{secrets.token_hex(4)}"
        sample.folder.rename(aside)
        shutil.rmtree(aside)
        return sample_dataset(home)


def is_pristine(sample: Dataset) -> bool:
    """Say whether the sample can be trained on and holds the rows it was made with."""
    return sample.status == "approved" and sample.sha256 == sample.report()["sha256"]


def own_copy(dataset: Dataset) -> Dataset:
    """Copy a data set, its upload and its history to an id of its own.

    Args:
        dataset: Which one.
    """
    with CHANGING:
        name = COPY_NAME.format(name=dataset.name)
        target = dataset.folder.parent / new_id(name)
        aside = dataset.folder.parent / f".new-{secrets.token_hex(4)}"
        try:
            shutil.copytree(dataset.folder, aside)
            copy = replace(dataset, id=target.name, name=name, folder=aside)
            write_state(copy)
            aside.rename(target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return replace(copy, folder=target)


def is_sample(dataset: Dataset) -> bool:
    """Say whether this is the sample itself."""
    return dataset.id == SAMPLE_ID
