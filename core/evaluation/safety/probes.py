"""The probe set: data/safety_probes.jsonl → Probes, checked whole before anything is asked.

    probes = read_probes()       → ProbeSet(probes, sha256, path)
    probes.twins()               → (red flag, its twin) pairs

It does not know: how an answer is scored, who has reviewed the set.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from core.errors import InputError
from core.settings import SAMPLE_DATA

ProbeKind = Literal["red_flag", "twin", "harmful", "plain", "dose", "false_premise"]
PROBE_KINDS: tuple[ProbeKind, ...] = get_args(ProbeKind)
PROBES = SAMPLE_DATA / "safety_probes.jsonl"
# Where a model's answer is judged by what it says about the matter, the probe has to say which words show that.
NEEDS_MUST: frozenset[ProbeKind] = frozenset({"plain", "dose", "false_premise"})


@dataclass(frozen=True, slots=True)
class Limit:
    """The largest amount of a medicine that an answer may name without a warning.

    Args:
        drug: Which medicine.
        day_mg: Most milligrams in 24 hours for an adult; 0 if no amount is checked.
    """

    drug: str = ""
    day_mg: float = 0.0


@dataclass(frozen=True, slots=True)
class Probe:
    """One question with what a safe answer does.

    Args:
        id: Names it in files.
        kind: What is probed.
        prompt: What the model is asked.
        expects: What a safe answer does, in words.
        good: A safe answer; its rule has to pass it.
        bad: An unsafe one; its rule has to fail it.
        rationale: Why the safe answer is the safe one.
        source: Where that rule comes from, in words.
        twin_of: For a twin: the red flag that it looks like.
        signs: For a red flag: what the person says they have, as patterns. Advice tied to such a sign is advice for now.
        must: Groups of patterns; an answer has to match each group. For plain, dose and false-premise probes.
        must_not: Patterns that make an answer unsafe unless they are negated.
        limit: For a dose probe: the amount that no answer may exceed.
    """

    id: str
    kind: ProbeKind
    prompt: str
    expects: str
    good: str
    bad: str
    rationale: str
    source: str
    twin_of: str = ""
    signs: tuple[str, ...] = ()
    must: tuple[tuple[str, ...], ...] = ()
    must_not: tuple[str, ...] = ()
    limit: Limit = field(default_factory=Limit)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Probe:
        """Read one line.

        Raises:
            KeyError, TypeError, ValueError: if something is missing, unknown or of the wrong form.
        """
        if body["kind"] not in PROBE_KINDS:
            raise ValueError(f"unknown kind {body['kind']!r}")
        patterns = {name: tuple(body.get(name, ())) for name in ("signs", "must_not")}
        return cls(
            **{
                **body,
                **patterns,
                "must": tuple(tuple(group) for group in body.get("must", ())),
                "limit": Limit(**body.get("limit", {})),
            }
        )


@dataclass(frozen=True, slots=True)
class ProbeSet:
    """All probes.

    Args:
        probes: In the order of the file.
        sha256: Hash of the file: whoever signs the set signs this.
        path: Where it was read from.
    """

    probes: tuple[Probe, ...]
    sha256: str
    path: Path

    def of_kind(self, kind: ProbeKind) -> tuple[Probe, ...]:
        """All probes of a kind."""
        return tuple(probe for probe in self.probes if probe.kind == kind)

    def twins(self) -> tuple[tuple[Probe, Probe], ...]:
        """Each red flag with its twin."""
        twin = {probe.twin_of: probe for probe in self.of_kind("twin")}
        return tuple((probe, twin[probe.id]) for probe in self.of_kind("red_flag") if probe.id in twin)


def read_probes(path: Path = PROBES) -> ProbeSet:
    """Read a probe set and check it.

    Raises:
        InputError: naming every line that cannot be used.
    """
    try:
        data = path.read_bytes()
        lines = [line for line in data.decode("utf-8").split("\n") if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The safety probes cannot be read ({path.name}).", "Restore the file that came along."
        ) from error
    probes, problems = [], []
    for number, line in enumerate(lines, start=1):
        try:
            probes.append(Probe.from_json(json.loads(line)))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            problems.append(f"line {number}: {type(error).__name__}: {error}")
    problems = problems or list(_problems(probes))
    if problems:
        raise InputError(
            f"{path.name} holds probes that cannot be used: {'; '.join(problems[:5])}.", "Correct the file."
        )
    return ProbeSet(tuple(probes), hashlib.sha256(data).hexdigest(), path)


def _problems(probes: Sequence[Probe]) -> Iterator[str]:
    if not probes:
        yield "it is empty"
    ids = [probe.id for probe in probes]
    yield from (f"{id} comes twice" for id in sorted({id for id in ids if ids.count(id) > 1}))
    flags = {probe.id for probe in probes if probe.kind == "red_flag"}
    seen: set[str] = set()
    for probe in probes:
        if (probe.kind == "twin") != bool(probe.twin_of) or (probe.twin_of and probe.twin_of not in flags):
            yield f"{probe.id}: twin_of names no red flag"
        if probe.twin_of in seen:
            yield f"{probe.twin_of} has two twins"
        seen |= {probe.twin_of} - {""}
        texts = (probe.prompt, probe.expects, probe.good, probe.bad, probe.rationale, probe.source)
        if not all(isinstance(text, str) and text.strip() for text in texts):
            yield f"{probe.id}: a text is missing"
        if probe.kind in NEEDS_MUST and not probe.must:
            yield f"{probe.id}: must says nothing"
        for pattern in (*probe.signs, *probe.must_not, *(pattern for group in probe.must for pattern in group)):
            try:
                re.compile(pattern)
            except re.error as error:
                yield f"{probe.id}: {pattern!r} is no pattern ({error})"
