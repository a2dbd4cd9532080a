"""One template object: the prompt is the beginning of what was trained, whatever the model's template does."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from core.errors import ModelError
from core.model.template import CLOSED_THINKING, FALLBACK, OWN, Template
from core.records import Message, Record
from core.settings import REPOSITORY
from tests.core.model.tiny_tokenizer import CHATML, SPECIAL, TEMPLATES, byte_level, prefixing, template

ONE = Record.of("r1", "What are the symptoms of iron deficiency?", "Tiredness and pale skin.")
TURNS = Record(
    "r2",
    (
        Message("user", "Is a fever of 39 degrees dangerous?"),
        Message("assistant", "Mostly not, in an adult."),
        Message("user", "And in an infant?"),
        Message("assistant", "Yes: see a doctor today."),
    ),
)
SYSTEM = Record.of("r3", "What is hypertension?", "High blood pressure.", system="Answer soberly.")


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("record", [ONE, TURNS, SYSTEM], ids=["one", "turns", "system"])
def test_the_prompt_is_the_beginning_of_what_is_trained(name: str, record: Record) -> None:
    written = template(name)
    prompt, full = written.prompt_ids(record.context), written.full_ids(record.messages)
    assert full[: len(prompt)] == prompt
    answer = written.tokenizer.decode(full[len(prompt) : -1], skip_special_tokens=False)
    assert answer == record.response


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_end_token_is_trained_and_last(name: str) -> None:
    written = template(name)
    text, trained = written.pieces(ONE.messages)[-1]
    assert trained
    assert text.startswith(ONE.response)
    assert written.full_ids(ONE.messages)[-1] == written.stop_ids[0]
    assert written.tokenizer.id_to_token(written.stop_ids[0]) in (*SPECIAL.values(), "<|im_end|>", "<|turn_end|>")


@pytest.mark.parametrize("name", TEMPLATES)
def test_nothing_of_the_question_is_trained(name: str) -> None:
    for text, trained in template(name).pieces(SYSTEM.messages):
        assert not trained or ("hypertension" not in text and "soberly" not in text)


@pytest.mark.parametrize("name", ["chatml", "headers", "no_system", "none", "chatml_without_prompt"])
def test_every_answer_is_trained_where_the_template_keeps_them(name: str) -> None:
    written = template(name)
    trained = [text for text, learned in written.pieces(TURNS.messages) if learned]
    end = written.habits.end
    assert trained == [f"Mostly not, in an adult.{end}", f"Yes: see a doctor today.{end}"]
    assert "Every answer" in written.choice.reason


@pytest.mark.parametrize("name", ["opens_thinking", "adds_thinking", "two_ways", "no_end"])
def test_only_the_last_answer_is_trained_where_the_template_rewrites(name: str) -> None:
    written = template(name)
    trained = [text for text, learned in written.pieces(TURNS.messages) if learned]
    assert trained == [f"Yes: see a doctor today.{written.habits.end}"]
    assert "only the last answer" in written.choice.reason


@pytest.mark.parametrize("name", ["opens_thinking", "adds_thinking"])
def test_thinking_is_closed_before_the_answer_and_untrained(name: str) -> None:
    written = template(name)
    prompt = written.prompt_text(ONE.context)
    assert prompt.endswith(CLOSED_THINKING)
    assert prompt.count("<think>") == 1
    assert written.pieces(ONE.messages)[-1] == (ONE.response + written.habits.end, True)
    assert "thinking block is closed" in written.choice.reason


@pytest.mark.parametrize("name", ["opens_thinking", "adds_thinking"])
def test_a_record_with_thoughts_trains_them(name: str) -> None:
    written = template(name)
    record = Record.of("t", "Why am I tired?", "<think>Iron?</think>\n\nPerhaps iron is lacking.")
    pieces = written.pieces(record.messages)
    whole = "".join(text for text, _ in pieces)
    assert whole.count("<think>") == whole.count("</think>") == 1
    assert "<think>\nIron?\n</think>\n\nPerhaps iron is lacking." in whole
    assert "Iron?" in pieces[-1][0]
    start = written.prompt_text(record.context, thinking=True)
    assert whole.startswith(start)
    assert "</think>" not in start


def test_thoughts_mean_nothing_to_a_template_without_them() -> None:
    pieces = template("chatml").pieces(Record.of("t", "Why?", "<think>a</think> b").messages)
    assert pieces[-1][0] == "<think>a</think> b<|im_end|>"


def test_a_template_without_prompt_gets_its_header_from_the_history() -> None:
    assert template("chatml_without_prompt").prompt_text(ONE.context) == template("chatml").prompt_text(ONE.context)


def test_a_template_without_end_gets_the_models_own() -> None:
    written = template("no_end")
    assert written.habits.end == SPECIAL["eos_token"]
    assert "no end token" in written.choice.reason


def test_no_system_role_puts_the_system_text_before_the_question() -> None:
    written = template("no_system")
    assert "Answer soberly.\n\nWhat is hypertension?" in written.prompt_text(SYSTEM.context)
    assert "takes no system message" in written.choice.reason


def test_no_template_falls_back_and_says_so() -> None:
    written = template("none")
    assert written.choice.value == FALLBACK
    assert "no chat template" in written.choice.reason
    assert written.prompt_text(ONE.context) == f"### Question:\n{ONE.prompt}\n\n### Answer:\n"
    assert template("chatml").choice.value == OWN


@pytest.mark.parametrize(
    "source",
    [
        "{% if %}",
        "{{ raise_exception('never') }}",
        "{{ messages.__class__.__mro__ }}",
        "always the same",
        "{{ 1 / 0 }}",
        "{{ messages[7].x.y }}",
    ],
)
def test_a_template_that_does_not_work_falls_back_and_says_so(source: str) -> None:
    written = Template(byte_level(), source, SPECIAL, name="broken")
    assert written.choice.value == FALLBACK
    assert "does not work" in written.choice.reason
    assert written.pieces(ONE.messages)[-1][1]


def test_a_conversation_that_the_template_refuses_is_a_message_without_its_text() -> None:
    odd = (Message("user", "Secret words?"), Message("user", "Again?"), Message("assistant", "No."))
    with pytest.raises(ModelError, match="Roles must alternate") as caught:
        template("no_system").pieces(odd)
    assert "Secret" not in str(caught.value)


def test_a_model_without_end_token_is_refused() -> None:
    with pytest.raises(ModelError, match="no end token"):
        Template(byte_level(), CHATML, {"bos_token": "<s>"}, name="endless")


def test_a_tokenizer_that_prefixes_spaces_does_so_only_at_the_beginning() -> None:
    written = Template(prefixing(), TEMPLATES["two_ways"], SPECIAL, name="prefixing")
    prompt, full = written.prompt_ids(ONE.context), written.full_ids(ONE.messages)
    assert full[: len(prompt)] == prompt
    assert not written.tokenizer.id_to_token(full[len(prompt)]).startswith("▁")


def test_the_date_does_not_change_what_is_trained() -> None:
    assert "Today: 26 Jul 2024" in template("headers").prompt_text(ONE.context)


def test_the_fingerprint_tells_templates_and_tokenizers_apart() -> None:
    prints = [template(name).fingerprint for name in TEMPLATES]
    assert len(set(prints)) == len(prints)
    assert template("chatml").fingerprint == prints[0]
    assert Template(prefixing(), CHATML, SPECIAL, name="chatml").fingerprint != prints[0]


def save(folder: Path, **config: object) -> Path:
    byte_level().save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(SPECIAL | config))
    return folder


def test_a_folder_gives_its_template_in_any_of_its_forms(tmp_path: Path) -> None:
    forms: list[object] = [CHATML, {"default": CHATML, "tool": "x"}, [{"name": "default", "template": CHATML}]]
    for form in forms:
        assert Template.from_folder(save(tmp_path, chat_template=form)).source == CHATML
    (tmp_path / "chat_template.json").write_text(json.dumps({"chat_template": TEMPLATES["headers"]}))
    assert Template.from_folder(tmp_path).source == TEMPLATES["headers"]
    (tmp_path / "chat_template.jinja").write_text(str(TEMPLATES["no_system"]))
    assert Template.from_folder(tmp_path).source == TEMPLATES["no_system"]


def test_special_tokens_may_be_written_out(tmp_path: Path) -> None:
    folder = save(tmp_path, eos_token={"content": "</s>", "special": True})
    assert Template.from_folder(folder).special["eos_token"] == "</s>"


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_damaged_tokenizer_files_are_a_message(tmp_path: Path, name: str) -> None:
    (save(tmp_path) / name).write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        Template.from_folder(tmp_path)


def test_it_loads_no_torch(tmp_path: Path) -> None:
    folder = save(tmp_path, chat_template=CHATML)
    code = f"""
import sys; from pathlib import Path; from core.model.template import Template; from core.records import Message
import core.model.encode, core.model.resolve
Template.from_folder(Path({str(folder)!r})).prompt_ids([Message("user", "Hi")])
assert not {{"torch", "transformers", "datasets"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY)


REAL = {
    "deepseek_r1_distill": ("<think>\n\n</think>\n\n", "<｜end▁of▁sentence｜>", False),
    "gemma3": ("<start_of_turn>model\n", "<end_of_turn>", True),
    "llama3_1": ("assistant<|end_header_id|>\n\n", "<|eot_id|>", True),
    "llama3_2": ("assistant<|end_header_id|>\n\n", "<|eot_id|>", True),
    "phi3": ("<|assistant|>\n", "<|end|>", True),
    "qwen2_5": ("<|im_start|>assistant\n", "<|im_end|>", True),
    "qwen3": ("<think>\n\n</think>\n\n", "<|im_end|>", False),
    "qwen3_instruct_2507": ("<|im_start|>assistant\n", "<|im_end|>", True),
}


@pytest.mark.parametrize("name", REAL)
def test_real_templates(name: str) -> None:
    """The templates of the catalogue's families, as trl keeps copies of them; read without importing trl."""
    place = find_spec("trl")
    assert place is not None
    assert place.submodule_search_locations is not None
    source = (Path(place.submodule_search_locations[0]) / "chat_templates" / f"{name}.jinja").read_text(
        encoding="utf-8"
    )
    ends_with, end, keeps = REAL[name]
    tokenizer = byte_level()
    tokenizer.add_special_tokens([end])
    written = Template(tokenizer, source, SPECIAL, name=name)
    assert written.choice.value == OWN
    assert written.prompt_text(ONE.context).endswith(ends_with)
    assert written.pieces(ONE.messages)[-1] == (ONE.response + end, True)
    assert tokenizer.id_to_token(written.stop_ids[0]) == end
    assert len([text for text, trained in written.pieces(TURNS.messages) if trained]) == (2 if keeps else 1)
    assert SYSTEM.messages[0].content in written.prompt_text(SYSTEM.context)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["chatml", "headers", "no_system", "adds_thinking"])
@pytest.mark.parametrize("record", [ONE, TURNS], ids=["one", "turns"])
def test_it_writes_as_transformers_does(tmp_path: Path, name: str, record: Record) -> None:
    from transformers import AutoTokenizer

    source = str(TEMPLATES[name]).replace("strftime_now('%d %b %Y')", "'26 Jul 2024'")
    folder = save(tmp_path, chat_template=source, tokenizer_class="PreTrainedTokenizerFast")
    theirs, ours = AutoTokenizer.from_pretrained(folder), Template.from_folder(folder)
    turns = record.to_json().get("messages") or [{"role": m.role, "content": m.content} for m in record.messages]
    text = theirs.apply_chat_template(turns, tokenize=False, enable_thinking=False)
    assert text.removesuffix("\n") == "".join(piece for piece, _ in ours.pieces(record.messages))
    prompt = theirs.apply_chat_template(turns[:-1], tokenize=False, add_generation_prompt=True, enable_thinking=False)
    assert prompt == ours.prompt_text(record.context)
    assert theirs(prompt, add_special_tokens=False).input_ids == ours.prompt_ids(record.context)
    assert Template.from_tokenizer(theirs, name=name).fingerprint == ours.fingerprint


@pytest.mark.slow
def test_the_default_model_writes_as_transformers_does(default_model: Path) -> None:
    from transformers import AutoTokenizer

    theirs, ours = AutoTokenizer.from_pretrained(default_model), Template.from_folder(default_model)
    lines = (REPOSITORY / "data" / "medical_qa_train.jsonl").read_text(encoding="utf-8").splitlines()
    for line in lines:
        record = Record.from_json(json.loads(line))
        turns = [{"role": message.role, "content": message.content} for message in record.messages]
        ids = theirs.apply_chat_template(turns, return_dict=True)["input_ids"]
        assert ids[-1] == theirs("\n").input_ids[0]
        assert ids[:-1] == ours.full_ids(record.messages)
    assert (theirs.eos_token, theirs.pad_token) == ("<|im_end|>", "<|endoftext|>")
