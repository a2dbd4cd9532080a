"""What can be run: lm-evaluation-harness's own medical and general tasks, and the sample sets that come with the app.

    find_task("pubmedqa").prompt  →  "Abstract: … Question: … Answer:"

A task names the form of its documents, so that a local file can stand in for the Hub (sources.py).
It does not know: lm-eval's code, files of uploads, models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.settings import SAMPLE_DATA

About = Literal["medical", "general"]
# Which columns a document needs: those of the data set that the harness's task reads, or of our own two forms.
Columns = Literal["pubmedqa", "medqa", "medmcqa", "mmlu", "arc", "hellaswag", "letters", "texts"]
MEDICAL_SAMPLE, SAMPLE_GENERAL = "medical_mcq", "general_mcq"

PROMPTS: Mapping[Columns, str] = {
    "pubmedqa": "lm-eval's pubmedqa: “Abstract: … Question: … Answer:”, scored are yes, no, maybe",
    "medqa": "lm-eval's medqa_4options: “Question: … A. … B. … C. … D. … Answer:”, scored are the letters",
    "medmcqa": "lm-eval's medmcqa: “Question: … Choices: A. … B. … C. … D. … Answer:”, scored are the letters",
    "mmlu": "lm-eval's mmlu: a line on the subject, “… A. … B. … C. … D. … Answer:”, scored are the letters",
    "arc": "lm-eval's arc_easy: “Question: … Answer:”, scored are the options' texts",
    "hellaswag": "lm-eval's hellaswag: the beginning of a text, scored are four endings",
    "letters": "the form of MedQA: “Question: … A. … B. … Answer:”, scored are the letters",
    "texts": "the form of ARC: “Question: … Answer:”, scored are the options' texts",
}
# Forms whose scored answers are texts of different lengths, where the harness also reports accuracy by length.
SCORES_TEXTS: frozenset[Columns] = frozenset({"arc", "hellaswag", "texts"})


@dataclass(frozen=True, slots=True)
class BenchmarkTask:
    """One benchmark.

    Args:
        name: Its key; for the harness's own tasks, their name there.
        label: What people call it.
        columns: The form of its documents, and with it of its prompt.
        about: What it measures: medical knowledge, or general ability, which tuning can make a model forget.
        folder: Where the harness keeps the task, below its ``tasks``; empty for our own form.
        hub: The Hub data set that the task reads; empty if there is none (any more).
        path: The file that comes with the app.
    """

    name: str
    label: str
    columns: Columns
    about: About = "medical"
    folder: str = ""
    hub: str = ""
    path: Path | None = None

    @property
    def prompt(self) -> str:
        """The prompt form, named."""
        return PROMPTS[self.columns]

    @property
    def reads_files(self) -> bool:
        """Whether a local file can stand in for the Hub."""
        return self.path is None and self.columns != "hellaswag"


def _mmlu(subject: str) -> BenchmarkTask:
    label = f"MMLU {subject.replace('_', ' ')}"
    return BenchmarkTask(f"mmlu_{subject}", label, "mmlu", folder="mmlu/default", hub="cais/mmlu")


MMLU_MEDICAL = tuple(
    _mmlu(subject)
    for subject in (
        "anatomy",
        "clinical_knowledge",
        "college_biology",
        "college_medicine",
        "medical_genetics",
        "professional_medicine",
    )
)
TASKS: tuple[BenchmarkTask, ...] = (
    # Its Hub data set is a loading script, which datasets 4 refuses to run (lm-evaluation-harness issue 3645).
    BenchmarkTask("pubmedqa", "PubMedQA", "pubmedqa", folder="pubmedqa"),
    BenchmarkTask("medqa_4options", "MedQA", "medqa", folder="medqa", hub="GBaker/MedQA-USMLE-4-options-hf"),
    BenchmarkTask("medmcqa", "MedMCQA", "medmcqa", folder="medmcqa", hub="openlifescienceai/medmcqa"),
    *MMLU_MEDICAL,
    BenchmarkTask(MEDICAL_SAMPLE, "Sample medical questions", "letters", path=SAMPLE_DATA / "medical_mcq.jsonl"),
    BenchmarkTask(SAMPLE_GENERAL, "General ability", "texts", about="general", path=SAMPLE_DATA / "general_mcq.jsonl"),
    BenchmarkTask("arc_easy", "ARC easy", "arc", about="general", folder="arc", hub="allenai/ai2_arc"),
    BenchmarkTask("hellaswag", "HellaSwag", "hellaswag", about="general", folder="hellaswag", hub="Rowan/hellaswag"),
)


def find_task(name: str) -> BenchmarkTask | None:
    """The task of that name; None if there is none."""
    return next((task for task in TASKS if task.name == name), None)


def uploaded_task(name: str, columns: Columns) -> BenchmarkTask:
    """The task that an uploaded multiple-choice file becomes."""
    return BenchmarkTask(name, name, columns)
