"""Every error that a person may see, and nothing else.

    MedftError                 what happened + what to do about it
    ├── InputError             something the person gave cannot be used
    │   ├── UploadError        a file or data set that cannot be read
    │   └── ConfigError        settings that cannot work together (carries the Problems, all at once)
    ├── DatasetError           a data set is missing, damaged, or not yet approved for training
    ├── ModelError             a model or adapter is missing, gated, damaged or does not match
    ├── JobError               a job cannot be started, stopped or resumed as asked
    ├── ResourceError          the machine has not enough memory or disk
    └── AccessError            the person may not do this (login, role, Hub token)

Usage:
    raise UploadError("The file is empty.", "Choose a file that holds questions and answers.")

Anything that is not a MedftError is a bug: it keeps its traceback in the log. Messages never quote record text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class MedftError(Exception):
    """An error that the screens show as it is.

    Args:
        message: What happened, in plain words, as a full sentence.
        hint: What the person can do now, as a full sentence.
    """

    def __init__(self, message: str, hint: str) -> None:
        # As the constructor takes them, so that an error of another process arrives as it was raised.
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}"


class InputError(MedftError):
    """Something the person gave cannot be used."""


class UploadError(InputError):
    """A file or data set cannot be read."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one setting.

    Args:
        field: The setting's name in its dataclass, for example ``learning_rate``.
        message: What is wrong and what would be right, as a full sentence.
    """

    field: str
    message: str


class ConfigError(InputError):
    """Settings that cannot work; ``problems`` holds all of them at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            " ".join(problem.message for problem in self.problems), "Change the settings named and try again."
        )
        self.args = (self.problems,)


class DatasetError(MedftError):
    """A data set is missing, damaged, or not yet approved for training."""


class ModelError(MedftError):
    """A model or adapter is missing, gated, damaged or does not match."""


class JobError(MedftError):
    """A job cannot be started, stopped or resumed as asked."""


class ResourceError(MedftError):
    """The machine has not enough memory or disk."""


class AccessError(MedftError):
    """The person may not do this."""
