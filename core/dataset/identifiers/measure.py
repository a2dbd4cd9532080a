"""How well the identifier check does, measured on labelled files that somebody else wrote.

    python -m core.dataset.identifiers.measure ../shared/data

FOLDER holds phi/asq_phi_spans_first525.jsonl (ASQ-PHI, J. Weatherhead, MIT, synthetic), phi/eponym_hard_negatives.jsonl and
qa/medquad_train.jsonl (MedQuAD, CC BY 4.0). A labelled span counts as found if any finding overlaps it; a row that holds no
identifier counts as flagged if anything at all is found in it.
The first 300 queries were looked at while the rules were written; docs/identifiers.md tells what the others had to do with it.
It does not know: the screens, data sets in the app.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.dataset.identifiers.kinds import Finding
from core.dataset.identifiers.names import names_available, scan_names
from core.dataset.identifiers.patterns import scan

ADVISORY_LABELS = frozenset({"NAME", "GEOGRAPHIC_LOCATION"})
LEVELS = ("blocking classes", "names and places")
LOOKED_AT = 300


@dataclass(frozen=True, slots=True)
class Query:
    """A labelled text.

    Args:
        text: What was asked.
        spans: (start, end, label) of every identifier in it.
    """

    text: str
    spans: tuple[tuple[int, int, str], ...]


@dataclass(frozen=True, slots=True)
class Score:
    """One detector on one set of queries.

    Args:
        found: Spans found, by label.
        total: Spans there are, by label.
        clean_flagged: Queries without any identifier in which something was found.
        clean: Queries without any identifier.
    """

    found: Counter[str]
    total: Counter[str]
    clean_flagged: int
    clean: int

    @property
    def recall(self) -> float:
        """Share of the spans found, 0 to 1."""
        return sum(self.found.values()) / max(1, sum(self.total.values()))


@dataclass(frozen=True, slots=True)
class Flagged:
    """One detector on rows that hold no identifier.

    Args:
        flagged: Rows in which something was found.
        rows: Rows there are.
        rows_per_s: Rows looked at in a second of processor time.
    """

    flagged: int
    rows: int
    rows_per_s: float


def read_queries(path: Path) -> list[Query]:
    """Read labelled queries: one JSON object a line with text and spans (start, end, label)."""
    with path.open(encoding="utf-8") as lines:
        bodies = [json.loads(line) for line in lines]
    return [
        Query(body["text"], tuple((span["start"], span["end"], span["label"]) for span in body["spans"]))
        for body in bodies
    ]


def read_rows(path: Path) -> list[tuple[str, str]]:
    """Read questions and answers: one JSON object a line with prompt and response."""
    with path.open(encoding="utf-8") as lines:
        return [(body["prompt"], body["response"]) for body in map(json.loads, lines)]


def by_patterns(texts: Sequence[str]) -> list[tuple[Finding, ...]]:
    """Run the blocking check."""
    return [scan(text) for text in texts]


def score(queries: Sequence[Query], advisory: bool) -> Score:
    """Score one detector on labelled queries.

    Args:
        queries: The labelled texts.
        advisory: Whether to score names and places (``scan_names``) or all other classes (``scan``).
    """
    found, total = Counter[str](), Counter[str]()
    clean = flagged = 0
    texts = [query.text for query in queries]
    for query, findings in zip(queries, scan_names(texts) if advisory else by_patterns(texts), strict=True):
        clean += not query.spans
        flagged += bool(not query.spans and findings)
        for start, end, label in query.spans:
            if (label in ADVISORY_LABELS) == advisory:
                total[label] += 1
                found[label] += any(finding.start < end and start < finding.end for finding in findings)
    return Score(found, total, flagged, clean)


def count_flagged(rows: Sequence[tuple[str, str]], advisory: bool) -> Flagged:
    """Count the rows in which one detector finds anything."""
    texts = [text for row in rows for text in row]
    if advisory:
        scan_names(texts[:1])  # so that loading the language model is not counted
    began = time.process_time()
    findings = scan_names(texts) if advisory else by_patterns(texts)
    seconds = time.process_time() - began
    flagged = sum(bool(findings[place] or findings[place + 1]) for place in range(0, len(texts), 2))
    return Flagged(flagged, len(rows), len(rows) / max(seconds, 1e-9))


def table(folder: Path) -> Iterator[str]:
    """Yield the lines of the measured table, in Markdown."""
    queries = read_queries(folder / "phi" / "asq_phi_spans_first525.jsonl")
    parts = {"all": queries, f"first {LOOKED_AT}": queries[:LOOKED_AT], "others": queries[LOOKED_AT:]}
    levels = [False, *([True] if names_available().value else [])]
    scores = [{name: score(part, advisory) for name, part in parts.items()} for advisory in levels]
    yield from _found(scores)
    yield ""
    yield from _flagged(scores)
    for name, path in (("MedQuAD rows", "qa/medquad_train.jsonl"), ("eponym rows", "phi/eponym_hard_negatives.jsonl")):
        counted = [count_flagged(read_rows(folder / path), advisory) for advisory in levels]
        yield _line(name, [f"{one.flagged:,} of {one.rows:,}" for one in counted])
        if name == "MedQuAD rows":
            speeds = [f"{one.rows_per_s:,.0f}" for one in counted]
    yield _line("MedQuAD rows a second, one core", speeds)
    if not names_available().value:
        yield f"\nNames and places were NOT checked: {names_available().reason}"


def _found(scores: Sequence[Mapping[str, Score]]) -> Iterator[str]:
    yield _line("found of labelled spans", list(scores[0]))
    yield "|---|" + "---:|" * len(scores[0])
    for title, row in zip(LEVELS, scores, strict=False):
        yield _line(f"**{title}**", [f"**{one.recall:.1%}**" for one in row.values()])
        total = row["all"].total
        for label in sorted(total, key=lambda name: (-total[name], name)):
            yield _line(
                label.replace("_", " ").lower(), [f"{one.found[label]} of {one.total[label]}" for one in row.values()]
            )


def _flagged(scores: Sequence[Mapping[str, Score]]) -> Iterator[str]:
    yield _line("flagged, though nothing is there", list(LEVELS[: len(scores)]))
    yield "|---|" + "---:|" * len(scores)
    for name in scores[0]:
        yield _line(f"clean queries, {name}", [f"{row[name].clean_flagged} of {row[name].clean}" for row in scores])


def _line(name: str, cells: Sequence[str]) -> str:
    return "| " + " | ".join([name, *cells]) + " |"


def main() -> None:
    """Print the table for the folder named on the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m core.dataset.identifiers.measure", description="Measure the identifier check."
    )
    parser.add_argument("folder", type=Path, help="folder that holds phi/ and qa/")
    for line in table(parser.parse_args().folder):
        sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
