"""The report as people read it: a data set card (README.md, Hugging Face fields) and one page of HTML.

    write_readable(dataset)

The card holds no row and no example, so that it can travel with the data. It does not know: how the report is made.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.dataset.store import Dataset, write_whole

_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)


def write_readable(dataset: Dataset) -> None:
    """Write README.md and report.html into the data set's folder."""
    report = dataset.report()
    write_whole(dataset.folder / "README.md", card_text(dataset, report).encode("utf-8", "replace"))
    write_whole(dataset.folder / "report.html", page(dataset, report).encode("utf-8", "replace"))


def card_text(dataset: Dataset, report: Mapping[str, Any]) -> str:
    """Write the data set card: the Hub's fields, then what a reader must know before using the rows."""
    return "\n".join([*_front_matter(dataset, report), *_card_body(dataset, report), ""])


def _front_matter(dataset: Dataset, report: Mapping[str, Any]) -> Iterator[str]:
    rows = dataset.rows_train + dataset.rows_eval
    yield from ("---", f"pretty_name: {json.dumps(dataset.name, ensure_ascii=False)}", "license: other")
    if report["languages"]:
        yield from ("language:", *(f"- {name}" for name in report["languages"][:5]))
    yield from ("task_categories:", "- question-answering", "- text-generation", "tags:", "- medical")
    yield from ("size_categories:", f"- {next((name for top, name in _SIZES if rows < top), 'n>10M')}")
    if report["hub_ids"]:
        yield from ("source_datasets:", *(f"- {name}" for name in report["hub_ids"]))
    yield from ("configs:", "- config_name: default", "  data_files:", "  - split: train", "    path: train.jsonl")
    if dataset.rows_eval:
        yield from ("  - split: test", "    path: eval.jsonl")
    yield "---"


def _card_body(dataset: Dataset, report: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"# {dataset.name}", "")
    yield f"{dataset.rows_train:,} rows to train on, {dataset.rows_eval:,} held out. SHA-256 {dataset.sha256}."
    yield from ("", "## Where it comes from", "", report["provenance"])
    if report["mapping"].get("sentence"):
        yield from ("", report["mapping"]["sentence"])
    yield from ("", "## What cleaning did", "", *(f"- {line}" for line in report["summary"]), "")
    yield from ("| step | changed | removed | pointed at |", "|---|---|---|---|")
    for step in report["steps"]:
        if step["on"]:
            yield f"| {step['title']} | {step['changed']:,} | {step['removed']:,} | {step['warned']:,} |"
    off = [step["title"] for step in report["steps"] if not step["on"]]
    if off:
        yield from ("", f"Switched off: {', '.join(off)}.")
    yield from ("", "## How rows were held out", "", report["split"]["reason"])
    yield from ("", "## Identifiers", "", report["identifiers_sentence"], "", "| class | looked for |", "|---|---|")
    for line in report["identifiers"]["coverage"]:
        yield f"| {line['title']} | {line['how']} |"
    yield from ("", "## Approval", "", approval_sentence(dataset))
    yield from ("", "## Limits", "")
    yield "Not reviewed for medical correctness by this software. Near duplicates are found by wording, not by meaning."
    yield "Not for decisions about patients. The licence is that of the sources: set it before sharing."


def approval_sentence(dataset: Dataset) -> str:
    """Say who vouched for the data set, or that nobody has."""
    if dataset.approval:
        return f"{dataset.approval.by} confirmed on {dataset.approval.at[:10]}: {dataset.approval.statement}"
    if dataset.open_blocking:
        return f"Not approved: {dataset.open_blocking:,} findings are open."
    return "Not approved: nobody has vouched for it yet."


def page(dataset: Dataset, report: Mapping[str, Any]) -> str:
    """Write the report as one page of HTML that needs nothing else."""
    return "\n".join(_page(dataset, report))


def _page(dataset: Dataset, report: Mapping[str, Any]) -> Iterator[str]:
    name = html.escape(dataset.name)
    yield f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}: cleaning report</title><style>'
    yield "body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse}"
    yield "td,th{padding:.25rem .75rem;border-bottom:1px solid #8884;text-align:left;vertical-align:top}td.n{text-align:right}"
    yield "pre{white-space:pre-wrap;background:#8881;padding:.5rem;margin:.25rem 0}"
    yield "i.bar{display:inline-block;height:.8em;background:#0f766e;border-radius:2px}td.w{width:20rem}</style></head><body>"
    yield f"<h1>{name}</h1><p>{dataset.rows_train:,} rows to train on, {dataset.rows_eval:,} held out.</p>"
    yield f"<p>{html.escape(report['provenance'])}</p><p>{html.escape(str(report['mapping'].get('sentence', '')))}</p>"
    yield from _facts(report)
    yield "<h2>Steps</h2><table><tr><th>step</th><th>changed</th><th>removed</th><th>pointed at</th><th>note</th></tr>"
    for step in report["steps"]:
        counts = "".join(f'<td class="n">{step[what]:,}</td>' for what in ("changed", "removed", "warned"))
        note = html.escape(step["note"]) if step["on"] else "off"
        yield f"<tr><td>{html.escape(step['title'])}</td>{counts}<td>{note}</td></tr>"
    yield "</table>"
    yield from _pictures(report)
    yield "<h2>Examples</h2>"
    for step in report["steps"]:
        yield from _examples(step)
    yield f"<h2>Identifiers</h2><p>{html.escape(report['identifiers_sentence'])}</p><table>"
    for line in report["identifiers"]["coverage"]:
        yield f"<tr><td>{html.escape(line['title'])}</td><td>{html.escape(line['how'])}</td></tr>"
    yield f"</table><h2>Approval</h2><p>{html.escape(approval_sentence(dataset))}</p></body></html>"


def _facts(report: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"<p>{html.escape(line)}</p>" for line in (*report["summary"], report["split"]["reason"]))
    for reason, count in report["skipped"].items():
        yield f"<p>{count:,} rows could not be used: {html.escape(reason)}.</p>"


def _pictures(report: Mapping[str, Any]) -> Iterator[str]:
    """Draw the numbers of the charts as bars that need no script."""
    charts = report["charts"]
    unit = "tokens" if "tokens" in charts["lengths"] else "words"
    shape = charts["lengths"][unit]
    edges = shape["edges"]
    spans = [f"{low:,} to {high - 1:,}" for low, high in zip(edges, edges[1:], strict=False)]
    if spans:
        spans[-1] = f"{edges[-2]:,} and more"  # the last bin holds all that is longer
    titles = {step["name"]: step["title"] for step in report["steps"]}
    yield from _bars(f"Length of the rows in {unit}", list(zip(spans, shape["counts"], strict=True)))
    yield from _bars("Rows removed", [(titles[name], count) for name, count in charts["removed"].items()])
    yield from _bars("What the questions ask for", list(charts["questions"].items()))
    yield from _bars("Topics", [(topic["topic"], topic["train"] + topic["eval"]) for topic in charts["topics"]["top"]])


def _bars(title: str, rows: Sequence[tuple[str, int]]) -> Iterator[str]:
    most = max((count for _, count in rows), default=0)
    if not most:
        return
    yield f"<h2>{html.escape(title)}</h2><table>"
    for name, count in rows:
        bar = f'<i class="bar" style="width:{count / most:.1%}"></i>'
        yield f'<tr><td>{html.escape(name)}</td><td class="n">{count:,}</td><td class="w">{bar}</td></tr>'
    yield "</table>"


def _examples(step: Mapping[str, Any]) -> Iterator[str]:
    if not step["examples"]:
        return
    yield f"<h3>{html.escape(step['title'])}</h3>"
    for example in step["examples"]:
        yield f"<p>{html.escape(example['record_id'])}: {html.escape(example['reason'])}</p><pre>{html.escape(example['before'])}</pre>"
        if example["after"]:
            yield f"<pre>{html.escape(example['after'])}</pre>"
