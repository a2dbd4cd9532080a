"""The base pane is the base, token for token; the tuned pane is what PEFT computes; both in one batch."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import ModelError
from core.inference.batch import Batch
from core.inference.chat import ChatModel, Writing, left_padded
from core.inference.loader import Loaded, load, swap_adapter
from core.inference.messages import ChatOptions, ChatPiece, ChatRequest, ChatTarget, Pane
from core.progress import SilentProgress
from core.records import Message
from tests.core.inference.tiny_model import CONTEXT, save_adapter, save_base

pytestmark = pytest.mark.slow

SHORT = (Message("user", "What is anaemia?"),)
LONG = (
    *SHORT,
    Message("assistant", "Too little haemoglobin in the blood."),
    Message("user", "And what helps with it?"),
)
GREEDY = ChatOptions(temperature=0, max_new_tokens=40)
SILENT = SilentProgress()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_adapter(tmp_path_factory.mktemp("adapter"), base)


@pytest.fixture(scope="module", autouse=True)
def precise() -> Any:
    """Load in float32, so that a batch of two cannot round otherwise than a batch of one."""
    from core.inference import loader

    form = loader._form
    with pytest.MonkeyPatch.context() as patch:
        import torch

        patch.setattr(loader, "_form", lambda *asked: (form(*asked)[0], {"dtype": torch.float32}))
        yield


@pytest.fixture(scope="module")
def loaded(base: Path, adapter: Path) -> Loaded:
    return load(ChatTarget(str(base), str(adapter)), base, SILENT)


def answers(loaded: Loaded, request: ChatRequest, **options: Any) -> tuple[dict[str, str], dict[str, ChatPiece]]:
    texts: dict[str, str] = {pane: "" for pane in request.panes}
    last: dict[str, ChatPiece] = {}

    def keep(piece: ChatPiece) -> None:
        texts[piece.which] += piece.text
        last[piece.which] = piece

    ChatModel(loaded).answer(request, keep, **options)
    return {pane: text.rstrip("\ufffd") for pane, text in texts.items()}, last


def plainly(loaded: Loaded, model: Any, turns: tuple[Message, ...], limit: int = 40) -> str:
    """What a model answers by itself, without anything of ours between."""
    import torch

    ids = torch.tensor([loaded.template.prompt_ids(turns)])
    made = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=limit,
        do_sample=False,
        eos_token_id=list(loaded.stop_ids),
        pad_token_id=loaded.template.pad_id,
    )
    text = str(loaded.template.tokenizer.decode(made[0, ids.shape[1] :].tolist(), skip_special_tokens=True))
    return text.rstrip("\ufffd")  # a character cut in its middle by the limit is not shown


@pytest.fixture(scope="module")
def untouched(base: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(base).eval()


@pytest.fixture(scope="module")
def peft_tuned(base: Path, adapter: Path) -> Any:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    return PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter).eval()


@pytest.mark.parametrize("turns", [(SHORT, SHORT), (SHORT, LONG), (LONG, SHORT)], ids=["same", "shorter", "longer"])
def test_side_by_side_each_is_itself(loaded: Loaded, untouched: Any, peft_tuned: Any, turns: Any) -> None:
    texts, _ = answers(loaded, ChatRequest("both", *turns, GREEDY))
    assert texts["base"] == plainly(loaded, untouched, turns[0])
    assert texts["tuned"] == plainly(loaded, peft_tuned, turns[1])
    assert texts["base"] != texts["tuned"]


@pytest.mark.parametrize("pane", ["base", "tuned"])
def test_alone_as_side_by_side(loaded: Loaded, pane: Pane) -> None:
    alone, _ = answers(loaded, ChatRequest(pane, LONG, LONG, GREEDY))
    both, _ = answers(loaded, ChatRequest("both", LONG, LONG, GREEDY))
    assert alone[pane] == both[pane]


def test_the_base_rows_numbers_are_untouched(loaded: Loaded, untouched: Any) -> None:
    import torch

    ids = torch.tensor([loaded.template.prompt_ids(LONG)] * 2)
    assert loaded.adapter is not None
    with torch.inference_mode(), loaded.adapter.applied(("base", "tuned")):
        ours = loaded.model(input_ids=ids).logits
    with torch.inference_mode():
        theirs = untouched(input_ids=ids).logits
    assert torch.equal(ours[0], theirs[0])
    assert not torch.allclose(ours[1], theirs[1], atol=0.1)


@pytest.mark.parametrize(
    "options",
    [{"use_rslora": True}, {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"o_proj": 20}}, {"use_dora": True}],
)
def test_variants_of_lora_are_what_peft_computes(base: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    adapter = save_adapter(tmp_path / "adapter", base, **options)
    loaded = load(ChatTarget(str(base), str(adapter)), base, SILENT)
    theirs = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter).eval()
    texts, last = answers(loaded, ChatRequest("both", SHORT, LONG, GREEDY))
    assert texts["tuned"] == plainly(loaded, theirs, LONG)
    assert texts["base"] == plainly(loaded, AutoModelForCausalLM.from_pretrained(base).eval(), SHORT)
    assert all(piece.done for piece in last.values())
    assert loaded.adapter is not None
    assert loaded.adapter.mixes == ("use_dora" not in options)


def test_another_adapter_on_the_same_base(base: Path, adapter: Path, tmp_path: Path) -> None:
    other = save_adapter(tmp_path / "other", base, seed=9)
    request = ChatRequest("both", SHORT, SHORT, GREEDY)
    fresh, _ = answers(load(ChatTarget(str(base), str(other)), base, SILENT), request)
    first = load(ChatTarget(str(base), str(adapter)), base, SILENT)
    before, _ = answers(first, request)
    swapped = swap_adapter(first, ChatTarget(str(base), str(other)), SILENT)
    after, _ = answers(swapped, request)
    assert after == fresh
    assert after["tuned"] != before["tuned"]
    bare = swap_adapter(swapped, ChatTarget(str(base)), SILENT)
    assert answers(bare, replace(request, which="base"))[0]["base"] == fresh["base"]
    with pytest.raises(ModelError, match="no tuned model"):
        answers(bare, request)


def test_an_adapter_of_another_shape_is_refused(base: Path, tmp_path: Path) -> None:
    larger = save_base(tmp_path / "larger", hidden=64)
    adapter = save_adapter(tmp_path / "adapter", larger)
    with pytest.raises(ModelError, match="does not fit this base"):
        load(ChatTarget(str(base), str(adapter)), base, SILENT)


@pytest.mark.filterwarnings("ignore:Found missing adapter keys")
def test_an_adapter_with_other_layers_is_refused(base: Path, adapter: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    (tmp_path / "adapter_config.json").write_bytes((adapter / "adapter_config.json").read_bytes())
    weights = load_file(adapter / "adapter_model.safetensors")
    renamed = {name.replace("layers.0", "layers.7"): weight for name, weight in weights.items()}
    save_file(renamed, tmp_path / "adapter_model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="does not fit this base"):
        load(ChatTarget(str(base), str(tmp_path)), base, SILENT)


def test_an_adapter_of_a_diverged_training_is_refused(base: Path, adapter: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    (tmp_path / "adapter_config.json").write_bytes((adapter / "adapter_config.json").read_bytes())
    weights = load_file(adapter / "adapter_model.safetensors")
    weights[next(iter(weights))][0, 0] = float("nan")
    save_file(weights, tmp_path / "adapter_model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="not finite"):
        load(ChatTarget(str(base), str(tmp_path)), base, SILENT)


@pytest.mark.parametrize("temperature", [0, 1])
def test_numbers_that_overflow_are_named_and_no_answer_is_made_of_them(
    base: Path, adapter: Path, tmp_path: Path, temperature: float
) -> None:
    """A greedy choice among what is not a number is the first token, again and again."""
    from safetensors.torch import load_file, save_file

    (tmp_path / "adapter_config.json").write_bytes((adapter / "adapter_config.json").read_bytes())
    weights = {name: weight * 1e28 for name, weight in load_file(adapter / "adapter_model.safetensors").items()}
    save_file(weights, tmp_path / "adapter_model.safetensors", metadata={"format": "pt"})
    overflowing = load(ChatTarget(str(base), str(tmp_path)), base, SILENT)
    options = replace(GREEDY, temperature=temperature)
    texts, _ = answers(overflowing, ChatRequest("base", SHORT, (), options))
    assert texts["base"]
    with pytest.raises(ModelError, match="not a number"):
        answers(overflowing, ChatRequest("tuned", (), SHORT, options))
    with pytest.raises(ModelError, match="not a number"):
        list(Batch(overflowing).answers([SHORT], options))


def test_a_prompt_that_ends_in_a_thinking_block_says_so_in_the_answer(base: Path, tmp_path: Path) -> None:
    thinker = tmp_path / "thinker"
    shutil.copytree(base, thinker)
    config = json.loads((thinker / "tokenizer_config.json").read_text())
    end = "{% if add_generation_prompt %}<|im_start|>assistant\n"
    assert end in config["chat_template"]
    config["chat_template"] = config["chat_template"].replace(end, end + "<think>\n")
    (thinker / "tokenizer_config.json").write_text(json.dumps(config))
    loaded = load(ChatTarget(str(thinker)), base, SILENT)
    assert loaded.template.habits.thinks
    for thinking in (True, False):
        texts, _ = answers(loaded, ChatRequest("base", SHORT, (), replace(GREEDY, thinking=thinking)))
        assert texts["base"].startswith("<think>\n") == thinking
    writing = Writing(loaded.template.tokenizer, (), "", thinks=True)
    assert "</think>" in writing.special_tags().values()
    assert replace(writing, thinks=False).special_tags() == {}


def test_the_limit_ends_an_answer_and_is_named(loaded: Loaded) -> None:
    _, last = answers(loaded, ChatRequest("both", SHORT, SHORT, replace(GREEDY, max_new_tokens=7)))
    for piece in last.values():
        assert (piece.done, piece.finish, piece.tokens) == (True, "length", 7)
        assert piece.tokens_per_s > 0
        assert piece.first_token_s > 0


def test_the_end_token_ends_one_row_and_the_other_goes_on(loaded: Loaded) -> None:
    full, _ = answers(loaded, ChatRequest("both", SHORT, SHORT, GREEDY))
    base_ids = loaded.template.tokenizer.encode(full["base"], add_special_tokens=False).ids
    tuned_ids = loaded.template.tokenizer.encode(full["tuned"], add_special_tokens=False).ids
    end = next(id for id in base_ids[1:] if id not in tuned_ids)
    texts, last = answers(replace(loaded, stop_ids=(end,)), ChatRequest("both", SHORT, SHORT, GREEDY))
    assert last["base"].finish == "stop"
    assert full["base"].startswith(texts["base"])
    assert len(texts["base"]) < len(full["base"])
    assert texts["tuned"] == full["tuned"]
    assert last["tuned"].finish == "length"


def test_stop_ends_both_at_once(loaded: Loaded) -> None:
    asked = iter(range(100))
    _, last = answers(loaded, ChatRequest("both", SHORT, SHORT, GREEDY), should_stop=lambda: next(asked) >= 4)
    assert {(piece.finish, piece.tokens) for piece in last.values()} == {("stopped", 5)}


def test_a_seed_repeats_an_answer(loaded: Loaded) -> None:
    warm = ChatOptions(temperature=1.5, top_p=1.0, max_new_tokens=30, seed=5)
    first, again, other = (
        answers(loaded, ChatRequest("tuned", (), SHORT, options))[0]["tuned"]
        for options in (warm, warm, replace(warm, seed=6))
    )
    assert first == again != other


def test_top_p_near_zero_is_greedy(loaded: Loaded) -> None:
    narrow = ChatOptions(temperature=1.0, top_p=1e-6, max_new_tokens=30)
    sampled, _ = answers(loaded, ChatRequest("both", SHORT, SHORT, narrow))
    greedy, _ = answers(loaded, ChatRequest("both", SHORT, SHORT, replace(GREEDY, max_new_tokens=30)))
    assert sampled == greedy


def test_a_conversation_beyond_the_context_is_told_in_numbers(loaded: Loaded) -> None:
    endless = (Message("user", "fever and cough " * 2000),)
    with pytest.raises(ModelError, match=rf"tokens; tiny reads at most {CONTEXT:,}") as caught:
        answers(loaded, ChatRequest("base", endless))
    assert "fever" not in str(caught.value)


def test_an_answer_ends_where_the_context_does(loaded: Loaded) -> None:
    tight = replace(loaded, context_tokens=len(loaded.template.prompt_ids(SHORT)) + 5)
    _, last = answers(tight, ChatRequest("base", SHORT, (), GREEDY))
    assert (last["base"].tokens, last["base"].finish) == (5, "length")


def test_padding_is_on_the_left_and_masked() -> None:
    ids, mask = left_padded([[5, 6, 7], [8]], pad_id=0)
    assert ids.tolist() == [[5, 6, 7], [0, 0, 8]]
    assert mask.tolist() == [[1, 1, 1], [0, 0, 1]]


def test_a_base_that_cannot_be_loaded_is_a_message(base: Path, tmp_path: Path) -> None:
    for path in base.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = (tmp_path / "config.json").read_text().replace('"llama"', '"unheard_of"')
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(ModelError, match="cannot be loaded"):
        load(ChatTarget(str(tmp_path)), base, SILENT)


@pytest.mark.parametrize("which", ["nf4", "int8"])
def test_quantised_bases_answer_themselves_too(tmp_path: Path, which: Any) -> None:
    from core.inference import loader

    base = save_base(tmp_path / "base", hidden=64)
    adapter = save_adapter(tmp_path / "adapter", base)
    with pytest.MonkeyPatch.context() as patch:
        patch.undo()
        form = _true_form(loader, which)
        patch.setattr(loader, "_form", lambda *asked: form)
        both = load(ChatTarget(str(base), str(adapter), which), base, SILENT)
        bare = load(ChatTarget(str(base), "", which), base, SILENT)
    texts, _ = answers(both, ChatRequest("both", SHORT, SHORT, GREEDY))
    assert texts["base"] == plainly(bare, bare.model, SHORT)
    assert texts["base"] != texts["tuned"]


def _true_form(loader: Any, which: str) -> Any:
    import torch
    from transformers import BitsAndBytesConfig

    from core.progress import Choice

    four = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32)
    eight = BitsAndBytesConfig(load_in_8bit=True)
    return Choice("cpu", "test"), {"dtype": torch.float32, "quantization_config": four if which == "nf4" else eight}
