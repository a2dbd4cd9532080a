"""Many rows at once give what each gives alone; the base's numbers are the untouched model's, the tuned ones PEFT's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigError, ModelError, ResourceError
from core.inference.batch import Answer, Batch
from core.inference.loader import Loaded, load
from core.inference.messages import ChatOptions, ChatTarget
from core.model.encode import IGNORED, Encoded, encode
from core.model.template import Template
from core.progress import SilentProgress
from core.records import Message, Record
from tests.core.inference.tiny_model import CONTEXT, save_adapter, save_base

pytestmark = pytest.mark.slow

GREEDY = ChatOptions(temperature=0, max_new_tokens=24)
SILENT = SilentProgress()
PROMPTS = [(Message("user", f"What is {'very ' * count}low iron?"),) for count in (0, 7, 2, 11, 4)]
RECORDS = [
    Record.of(f"r{count}", f"What is {'very ' * count}low iron?", "Too little iron in the blood. " * answer)
    for count, answer in ((0, 1), (7, 3), (2, 9), (11, 2), (4, 6))
]
# Batches round otherwise than single rows; of a loss of about 100 nats in float32, so much.
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="module", autouse=True)
def precise() -> Any:
    """Load in float32, so that batches cannot round otherwise than single rows."""
    from core.inference import loader

    form = loader._form
    with pytest.MonkeyPatch.context() as patch:
        import torch

        patch.setattr(loader, "_form", lambda *asked: (form(*asked)[0], {"dtype": torch.float32}))
        yield


@pytest.fixture(scope="module", params=[False, True], ids=["lora", "dora"])
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    # Unsloth writes such a mapping into every adapter.
    mapping = {"base_model_class": "LlamaForCausalLM", "parent_library": "transformers", "unsloth_fixed": True}
    return save_adapter(tmp_path_factory.mktemp("adapter"), base, use_dora=request.param, auto_mapping=mapping)


@pytest.fixture(scope="module")
def loaded(base: Path, adapter: Path) -> Loaded:
    """Rows end at different places: some tokens that the random model likes to say count as the end."""
    found = load(ChatTarget(str(base), str(adapter)), base, SILENT)
    assert found.adapter is not None
    said = [answer for _, *both in Batch(found).answers(PROMPTS, GREEDY) for answer in both]
    assert {answer.finish for answer in said} == {"length"} and {answer.tokens for answer in said} == {24}
    outputs = [plainly(found.model, found.template.prompt_ids(prompt), ()) for prompt in PROMPTS]
    ends = set()
    for place, said in enumerate(outputs[:3]):
        others = {token for other in (*outputs[:place], *outputs[place + 1 :]) for token in other}
        ends |= {[token for token in said if token not in others][-1]}
    return replace(found, stop_ids=(*found.stop_ids, *sorted(ends)))


def plainly(model: Any, prompt: list[int], stop_ids: Sequence[int]) -> list[int]:
    """Greedy tokens, one forward pass over everything for each, without generate, batches or caches."""
    import torch

    ids = list(prompt)
    with torch.no_grad():
        for _ in range(GREEDY.max_new_tokens):
            ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
            if ids[-1] in stop_ids:
                break
    return ids[len(prompt) :]


def untouched(base: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(base).eval()


def with_peft(base: Path, adapter: Path) -> Any:
    from peft import PeftModel

    return PeftModel.from_pretrained(untouched(base), adapter).eval()


def rows(loaded: Loaded, longest: int = 512) -> list[Encoded]:
    return [encode(record, loaded.template, longest) for record in RECORDS]


def test_answers_of_a_batch_are_those_of_each_prompt_alone(loaded: Loaded, base: Path, adapter: Path) -> None:
    many = {index: both for index, *both in Batch(loaded).answers(PROMPTS, GREEDY)}
    assert sorted(many) == list(range(len(PROMPTS)))
    models = {0: untouched(base), 1: with_peft(base, adapter)}
    ended = set()
    for index, prompt in enumerate(PROMPTS):
        ids = loaded.template.prompt_ids(prompt)
        for place, model in models.items():
            alone = plainly(model, ids, loaded.stop_ids)
            text = loaded.template.tokenizer.decode(alone, skip_special_tokens=True).strip()
            finish = "stop" if alone[-1] in loaded.stop_ids else "length"
            assert many[index][place] == Answer(text, len(alone), finish)
            ended.add((finish, len(alone)))
    assert len(ended) > 2 and {finish for finish, _ in ended} == {"stop", "length"}


def test_losses_of_a_batch_are_those_of_each_row_alone(loaded: Loaded, base: Path, adapter: Path) -> None:
    import torch

    encoded = rows(loaded)
    many = dict(Batch(loaded).losses(encoded))
    plain, tuned = untouched(base), with_peft(base, adapter)
    for index, row in enumerate(encoded):
        ((_, alone),) = Batch(loaded).losses([row])
        labels = torch.tensor(row.labels[1:])
        for model, batched, single in (
            (plain, many[index].base, alone.base),
            (tuned, many[index].tuned, alone.tuned),
        ):
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([row.input_ids])).logits[0, :-1]
            own = torch.nn.functional.cross_entropy(logits, labels, ignore_index=IGNORED, reduction="sum")
            assert batched == pytest.approx(single, rel=TOLERANCE)
            assert batched == pytest.approx(float(own), rel=TOLERANCE)
        assert many[index].tokens == alone.tokens == row.trained_tokens
        assert many[index].base != pytest.approx(many[index].tuned, rel=1e-4)


def test_a_row_without_an_answer_has_no_loss(loaded: Loaded) -> None:
    found = dict(Batch(loaded).losses(rows(loaded, longest=10)))
    assert sorted(found) == list(range(len(RECORDS)))
    assert all((loss.tokens, loss.base, loss.tuned) == (0, 0.0, 0.0) for loss in found.values())


def test_a_batch_that_does_not_fit_is_halved(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    whole = list(Batch(loaded).answers(PROMPTS, GREEDY))
    batch, sizes = Batch(loaded, answer_rows=10), []
    answer = batch._answer

    def tight(prompts: Sequence[list[int]], *rest: Any) -> Any:
        sizes.append(len(prompts))
        if len(prompts) > limit:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return answer(prompts, *rest)

    monkeypatch.setattr(batch, "_answer", tight)
    limit = 1
    assert sorted(batch.answers(PROMPTS, GREEDY)) == sorted(whole)
    assert sizes == [5, 2, 1, 1, 1, 1, 1]
    limit = 0
    with pytest.raises(ResourceError, match="even one row"):
        list(batch.answers(PROMPTS, GREEDY))


def test_other_faults_are_not_taken_for_memory(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Batch, made_of: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Batch, "_loss", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        list(Batch(loaded).losses(rows(loaded)))


def test_a_prompt_longer_than_the_context_is_told_and_the_others_answered(loaded: Loaded) -> None:
    prompts = [PROMPTS[0], (Message("user", "x" * CONTEXT),), PROMPTS[1]]
    found = {index: both for index, *both in Batch(loaded).answers(prompts, GREEDY)}
    assert found[1] == [Answer("", 0, "too long")] * 2
    assert found[0][0].tokens and found[2][1].tokens
    near = (Message("user", "x" * (CONTEXT - len(loaded.template.prompt_ids((Message("user", ""),))) - 5)),)
    ((_, cut, _),) = Batch(loaded).answers([near], replace(GREEDY, max_new_tokens=200))
    assert cut.tokens <= 5


def test_a_stop_is_heard_at_the_next_token(loaded: Loaded) -> None:
    asked = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 3

    assert list(Batch(loaded).answers(PROMPTS, GREEDY, stop)) == [] and len(asked) == 4
    batch = Batch(loaded)
    batch._loss_tokens = 1
    assert len(list(batch.losses(rows(loaded), lambda: True))) == 1


def test_the_same_seed_samples_the_same(loaded: Loaded) -> None:
    warm = replace(GREEDY, temperature=1.5)
    once = list(Batch(loaded).answers(PROMPTS, warm))
    assert once == list(Batch(loaded).answers(PROMPTS, warm))
    assert once != list(Batch(loaded).answers(PROMPTS, replace(warm, seed=7)))


def test_what_cannot_be_asked_is_refused(loaded: Loaded, base: Path) -> None:
    with pytest.raises(ConfigError):
        list(Batch(loaded).answers(PROMPTS, replace(GREEDY, top_p=0)))
    with pytest.raises(ConfigError, match="no question"):
        list(Batch(loaded).answers([(Message("user", " "),)], GREEDY))
    with pytest.raises(ModelError, match="no tuned model"):
        Batch(replace(loaded, adapter=None))


@pytest.mark.parametrize("special", [True, False])
def test_what_a_model_thinks_is_no_part_of_its_answer(
    loaded: Loaded, base: Path, tmp_path: Path, special: bool
) -> None:
    """Else a blind rater would know a model by it, and scores would count its words."""
    thinker = shutil.copytree(base, tmp_path / "thinker")
    config = json.loads((thinker / "tokenizer_config.json").read_text())
    begin = "<|im_start|>assistant\n"
    config["chat_template"] = config["chat_template"].replace(begin, begin + "<think>\n")
    (thinker / "tokenizer_config.json").write_text(json.dumps(config))
    tokens = json.loads((thinker / "tokenizer.json").read_text())
    for token in tokens["added_tokens"]:
        token["special"] &= special or "think" not in token["content"]
    (thinker / "tokenizer.json").write_text(json.dumps(tokens))
    template = Template.from_folder(thinker)
    assert template.habits.thinks
    batch = Batch(replace(loaded, template=template))
    prompt = (Message("user", "Low iron?"),)
    cases = {
        False: {"<think>\nOx liver.</think>\n\nEat lentils.": "Eat lentils.", "Eat lentils.": "Eat lentils."},
        True: {"Ox liver.</think>\n\nEat lentils.": "Eat lentils.", "Ox liv": ""},
    }
    for thinking, said in cases.items():
        for text, answer in said.items():
            ids = template.tokenizer.encode(text, add_special_tokens=False).ids
            batch._answer = lambda *_, ids=ids, **__: [[ids], [ids]]  # type: ignore[method-assign, misc]
            options = replace(GREEDY, thinking=thinking)
            [(_, one, other)] = batch.answers([prompt], options)
            assert (one.text, other.text, one.tokens) == (answer, answer, len(ids))
