"""The harness's command line beside our benchmark: do both panes answer every PubMedQA item as `lm_eval` does?

    python -m tests.benchmarks.bench_way --train rows.jsonl --pubmedqa test.jsonl --precision float32 --keep FOLDER
    python -m tests.benchmarks.bench_same_answers --kept FOLDER --pubmedqa test.jsonl --model BASE [--device cuda]

lm_eval runs as a process of its own, with its own loading (and PEFT for the tuned model), a task file of its own and one
question at a time. Exit status 1 if a prompt or an answer differs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

CHOICES = ("yes", "no", "maybe")
TASK = """task: pubmedqa_local
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
output_type: multiple_choice
test_split: test
doc_to_text: "Abstract: {{{{abstract}}}}\\nQuestion: {{{{question}}}}\\nAnswer:"
doc_to_target: answer
doc_to_choice: ["yes", "no", "maybe"]
metric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}]
"""


def main() -> int:
    """Run lm_eval for each pane and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kept", type=Path, required=True, help="folder that bench_way kept")
    parser.add_argument("--pubmedqa", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="the base model's folder")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--limit", type=int, default=0)
    options = parser.parse_args()
    ours = _ours(options.kept)
    different = 0
    for pane in ("base", "tuned"):
        theirs = _command_line(options, pane)
        different += _compare(pane, theirs, ours)
    return int(different > 0)


def _ours(kept: Path) -> dict[int, dict[str, Any]]:
    """Our items by their place in the file, from the one PubMedQA benchmark in the folder."""
    found: dict[int, dict[str, Any]] = {}
    for path in kept.glob("*/items.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            item = json.loads(line)
            if str(item.get("id", "")).startswith("pubmedqa-"):
                found[int(item["id"].rsplit("-", 1)[1]) - 1] = item
    return found


def _command_line(options: argparse.Namespace, pane: str) -> dict[int, dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="medft-harness-") as scratch:
        folder = Path(scratch)
        (folder / "pubmedqa_local.yaml").write_text(TASK.format(file=options.pubmedqa.resolve()), encoding="utf-8")
        arguments = f"pretrained={options.model},dtype=float32"
        if pane == "tuned":
            arguments += f",peft={options.kept / 'adapter'}"
        command = [
            sys.executable, "-m", "lm_eval", "--model", "hf", "--model_args", arguments, "--include_path", str(folder),
            "--tasks", "pubmedqa_local", "--device", options.device, "--batch_size", "1", "--log_samples",
            "--output_path", str(folder / "out"),
        ]  # fmt: skip
        if options.limit:
            command += ["--limit", str(options.limit)]
        environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(folder / "cache")}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        (samples,) = (folder / "out").rglob("samples_*.jsonl")
        return {item["doc_id"]: item for item in map(json.loads, samples.read_text(encoding="utf-8").splitlines())}


def _compare(pane: str, theirs: dict[int, dict[str, Any]], ours: dict[int, dict[str, Any]]) -> int:
    """Print and count what differs; an item that only one side has counts as different."""
    prompts = answers = 0
    largest, closest, right = 0.0, float("inf"), 0
    for number in theirs.keys() & ours.keys():
        sample, item = theirs[number], ours[number]
        values = [float(response[0]) for response in sample["filtered_resps"]]
        mine = item[pane]["loglikelihoods"]
        best = max(range(len(values)), key=values.__getitem__)
        prompts += sample["arguments"]["gen_args_0"]["arg_0"] != item["prompt"]
        answers += CHOICES[best] != item[pane]["answer"] or (sample["acc"] == 1.0) != item[pane]["right"]
        largest = max(largest, *(abs(one - other) for one, other in zip(values, mine, strict=True)))
        first, second = sorted(values)[-1:-3:-1]
        closest = min(closest, first - second)
        right += item[pane]["right"]
    missing = len(theirs.keys() ^ ours.keys())
    sys.stdout.write(
        f"{pane}: {len(theirs.keys() & ours.keys())} items, {missing} on one side only, {prompts} prompts and {answers} answers "
        f"differ; largest difference of a log-likelihood {largest:.2e}; closest two options {closest:.2e} apart; "
        f"{right} right\n"
    )
    sys.stdout.flush()
    return missing + prompts + answers


if __name__ == "__main__":
    sys.exit(main())
