"""The job that asks both models every safety probe: request.json → items.jsonl (an answer pair a line) → EvaluationResult.

    run(job_dir, request, progress)

Greedy, so that the same models give the same answers. An interrupted job goes on where it was: an answer pair that is on
the disk is not asked for again as long as probe, options and models are the same.
It does not know: how answers are made (an Answerer makes them), screens.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import JobError, Problem
from core.evaluation.answering import BEST, Answerer, Answering
from core.evaluation.result import ITEMS_FILE, EvaluationRequest, EvaluationResult, read_items, read_options
from core.evaluation.safety.measure import KIND_WORDS, measured
from core.evaluation.safety.overrule import words_of
from core.evaluation.safety.probes import PROBE_KINDS, Probe, ProbeSet, read_probes
from core.evaluation.safety.rules import score
from core.evaluation.safety.signature import probe_review
from core.inference.messages import ChatOptions
from core.jobs.job import read_job, utc_now, write_whole
from core.progress import Progress
from core.records import Message
from core.settings import Settings

if TYPE_CHECKING:
    from core.inference.batch import Answer


@dataclass(frozen=True, slots=True)
class SafetyOptions:
    """How the probes are asked.

    Args:
        max_new_tokens: Longest answer in tokens, 16 to 2048.
        per_kind: How many probes of each kind, the first ones; 0 asks all. Fewer than all is for trying it out.
        system: Said before each probe; empty for nothing.
        adapter: ``best``, ``last`` or a checkpoint's name.
    """

    max_new_tokens: int = 256
    per_kind: int = 0
    system: str = ""
    adapter: str = BEST

    @classmethod
    def read(cls, options: Mapping[str, Any]) -> SafetyOptions:
        """Read a request's options; what is left out takes its default.

        Raises:
            ConfigError: with everything that is wrong.
        """
        return read_options(cls, options)

    def problems(self) -> Iterator[Problem]:
        """Everything wrong with these options."""
        for name, low, high in (("max_new_tokens", 16, 2048), ("per_kind", 0, 1000)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                yield Problem(name, f"{name} must be a whole number from {low} to {high}; it is {value!r}.")
        for name in ("system", "adapter"):
            if not isinstance(getattr(self, name), str):
                yield Problem(name, f"{name} must be text.")


def run(
    job_dir: Path, request: EvaluationRequest, progress: Progress, answerer: Answerer | None = None
) -> EvaluationResult | None:
    """Ask both models and score what they say.

    Args:
        job_dir: The job's folder.
        request: Which run, and SafetyOptions as plain values.
        progress: Told how far it is.
        answerer: Makes the answers; None loads the run's models.

    Returns:
        The result; None if it was discarded.

    Raises:
        ConfigError: if the options are wrong.
        InputError: if the probe set is damaged.
        ModelError, ResourceError: if the models cannot be loaded.
        JobError: if it was stopped before the first answer.
    """
    started, home = time.monotonic(), read_job(job_dir).home
    options, probes = SafetyOptions.read(request.options), read_probes()
    chosen = _chosen(probes, options.per_kind)
    if answerer is None:
        answerer = Answering.open(request.run, Settings(home=home).models, progress, adapter=options.adapter)
    models = dict(answerer.describe())
    items = _ask(job_dir / ITEMS_FILE, chosen, options, answerer, progress)
    if progress.stop_requested() == "discard":
        (job_dir / ITEMS_FILE).unlink(missing_ok=True)
        return None
    if not items:
        raise JobError("The safety probes were stopped before the first answer.", "Start them again.")
    result = EvaluationResult(
        kind="safety",
        title=f"Safety probes, {len(items)} of {len(chosen)}"
        if len(items) < len(chosen)
        else f"Safety probes, {len(items)}",
        created=utc_now(),
        items=len(items),
        complete=len(items) == len(chosen),
        verdict="",
        measures=(),
        settings=asdict(options) | {"temperature": 0, "probes": len(chosen), "probes_sha256": probes.sha256},
        models=models,
        seconds=time.monotonic() - started,
    )
    return measured(result, items, words_of(job_dir), probe_review(home, probes.sha256).sentence)


def _chosen(probes: ProbeSet, per_kind: int) -> list[Probe]:
    """The probes to ask; a red flag and its twin stand at the same place of their kinds, so both are in or out."""
    most = per_kind or len(probes.probes)
    flags = [flag for flag, _ in probes.twins()]
    twins = [twin for _, twin in probes.twins()]
    others = {kind: probes.of_kind(kind) for kind in PROBE_KINDS if kind not in ("red_flag", "twin")}
    return [probe for group in (flags, twins, *others.values()) for probe in group[:most]]


def _ask(
    path: Path, probes: Sequence[Probe], options: SafetyOptions, answerer: Answerer, progress: Progress
) -> list[dict[str, Any]]:
    """Ask what has not been answered yet; returns every item in the order of the probes."""
    keys = {probe.id: _key(probe, options, answerer.describe()) for probe in probes}
    done = {item["id"]: item for item in read_items(path.parent) if keys.get(item["id"]) == item.get("key")}
    left = [probe for probe in probes if probe.id not in done]
    # a line that a crash has cut off, and answers of other models or options, go
    _write(path, list(done.values()))
    chat = ChatOptions(temperature=0, max_new_tokens=options.max_new_tokens, system=options.system)
    progress.phase("asking the safety probes", len(done), len(probes))
    with path.open("a", encoding="utf-8") as file:
        prompts = [(Message("user", probe.prompt),) for probe in left]
        for index, base, tuned in answerer.answers(prompts, chat) if left else ():
            probe = left[index]
            done[probe.id] = _item(probe, base, tuned, keys[probe.id])
            file.write(json.dumps(done[probe.id], ensure_ascii=False) + "\n")
            file.flush()
            progress.phase("asking the safety probes", len(done), len(probes))
    items = [done[probe.id] for probe in probes if probe.id in done]
    _write(path, items)
    return items


def _write(path: Path, items: Sequence[Mapping[str, Any]]) -> None:
    write_whole(path, "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items))


def _key(probe: Probe, options: SafetyOptions, models: Mapping[str, Any]) -> str:
    """What an answer hangs on: as long as it is the same, asking again would give the same answer."""
    asked = [probe.prompt, options.max_new_tokens, options.system, dict(models)]
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode("utf-8")).hexdigest()[:16]


def _item(probe: Probe, base: Answer, tuned: Answer, key: str) -> dict[str, Any]:
    return {
        "id": probe.id,
        "topic": KIND_WORDS[probe.kind].label.split(":")[0],
        "kind": probe.kind,
        "twin_of": probe.twin_of,
        "question": probe.prompt,
        "reference": probe.expects,
        "rationale": probe.rationale,
        "source": probe.source,
        "key": key,
        "base": _scored(probe, base),
        "tuned": _scored(probe, tuned),
    }


def _scored(probe: Probe, answer: Answer) -> dict[str, Any]:
    found = score(probe, answer.text)
    scored = {
        "answer": answer.text,
        "passed": float(found.verdict == "pass"),
        "verdict": found.verdict,
        "rule": found.rule,
        "said": found.said,
        "finish": answer.finish,
        "tokens": answer.tokens,
    }
    return scored | ({"early": float(found.early)} if probe.kind == "red_flag" else {})
