"""Questions of a benchmark file, so that training rows which hold one can be found.

    benchmark_questions(Path("medqa_test.jsonl")) → ["A 45-year-old man …", …]

It does not know: what is done with them.
"""

from __future__ import annotations

from pathlib import Path

from core.dataset.ingest import read_upload
from core.errors import UploadError

# The bare question is looked for first: prompts carry options or an abstract, which other copies lack.
_COLUMNS = (
    "question",
    "body",
    "query",
    "question text",
    "prompt",
    "instruction",
    "input",
    "problem",
    "ask",
    "text",
    "sent1",
)


def benchmark_questions(path: Path) -> list[str]:
    """Read the questions of a benchmark file of any format that an upload may have.

    Raises:
        UploadError: if the file cannot be read, or no column holds questions.
    """
    upload = read_upload([path])
    known = {column.strip().lower().replace("_", " "): column for column in upload.columns}
    column = next((known[name] for name in _COLUMNS if name in known), None)
    if column is None:
        raise UploadError(
            f"No column of the benchmark file {path.name} is called question or prompt.",
            "Rename the column that holds the questions to question.",
        )
    cells = (row.values.get(column) for row in upload.rows())
    return [cell for cell in cells if isinstance(cell, str) and cell.strip()]
