"""Counting tokens word by word gives what counting whole texts gives, or is not done."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from core.model import counting
from core.model.counting import WordCounter, adds_up, text_counter
from tests.core.model.tiny_tokenizer import CORPUS, byte_level, prefixing, template

LLAMA = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def made(before: pre_tokenizers.PreTokenizer) -> Tokenizer:
    """A byte-level BPE that parts its texts in some way before it looks for tokens."""
    tokenizer = byte_level()
    tokenizer.pre_tokenizer = before
    return tokenizer


def split(expression: str) -> Tokenizer:
    parts = pre_tokenizers.Split(Regex(expression), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)
    return made(pre_tokenizers.Sequence(list(parts)))


def smol() -> Tokenizer:
    return made(pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(False)]))


def qwen() -> Tokenizer:
    tokenizer = split(QWEN)
    tokenizer.normalizer = normalizers.NFC()
    return tokenizer


def runs_of_blanks() -> Tokenizer:
    tokenizer = byte_level()
    tokenizer.add_tokens([AddedToken("  "), AddedToken("\n\n "), AddedToken("<mask>", lstrip=True)])
    return tokenizer


def unigram() -> Tokenizer:
    """The kind that SentencePiece makes: it takes the likeliest parts of a whole text."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=200, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def with_token(token: AddedToken) -> Tokenizer:
    tokenizer = byte_level()
    tokenizer.add_tokens([token])
    return tokenizer


def rewriting() -> Tokenizer:
    tokenizer = byte_level()
    tokenizer.normalizer = normalizers.Replace("a b", "ab")
    return tokenizer


ADDING_UP = {
    "gpt2": byte_level(),
    "smol": smol(),
    "llama3": split(LLAMA),
    "qwen": qwen(),
    "runs_of_blanks": runs_of_blanks(),
}
OTHERS: dict[str, Callable[[], Tokenizer]] = {
    "metaspace": prefixing,
    "unigram": unigram,
    "a blank is put before": lambda: made(pre_tokenizers.ByteLevel(add_prefix_space=True)),
    "another expression": lambda: split(r"\S+ |\S+|\s+"),
    "never parted": lambda: made(pre_tokenizers.ByteLevel(False, use_regex=False)),
    "rewritten": rewriting,
    "takes the blank behind it": lambda: with_token(AddedToken("<mask>", rstrip=True)),
    "has a blank inside": lambda: with_token(AddedToken("type 2")),
}
PARTS = st.sampled_from(
    [
        "fever",
        "Symptoms",
        " of",
        " 38.5",
        " 1,200 mg/dl",
        "'s",
        " it's",
        "é",
        "e\u0301",
        "\u0301",
        "µ",
        "°",
        "–",
        "’",
        "葡萄糖",
    ]
    + [
        "🙂",
        "<|im_end|>",
        "<mask>",
        "type",
        "</s>",
        "(",
        ".",
        " ",
        "  ",
        "\n",
        "\n\n ",
        "\t",
        "\r\n",
        "\u00a0",
        "\u200b",
    ]
    + ["\u3000", "\u180e", "\x1c", "\x85", "a b", "-" * 50, " 2"]
)
TEXTS = st.lists(PARTS, max_size=12).map("".join) | st.text(max_size=30)


@pytest.mark.parametrize("name", ADDING_UP)
@given(texts=st.lists(TEXTS, max_size=4))
@settings(max_examples=150, deadline=None)
def test_words_add_up(name: str, texts: list[str]) -> None:
    tokenizer = ADDING_UP[name]
    assert adds_up(tokenizer)
    assert WordCounter(tokenizer)(texts) == [len(tokenizer.encode(text, add_special_tokens=False)) for text in texts]


@pytest.mark.parametrize("name", OTHERS)
def test_others_are_counted_whole(name: str) -> None:
    tokenizer = OTHERS[name]()
    texts = ["has type 2 diabetes", "a <mask> b", " a  b", "", "Rest, fluids and time."]
    assert not adds_up(tokenizer)
    assert text_counter(tokenizer)(texts) == [len(tokenizer.encode(text, add_special_tokens=False)) for text in texts]


def test_some_of_the_others_would_be_wrong_word_by_word() -> None:
    """So that the test above does not only say no to everything."""
    for name, text in (
        ("unigram", "of of"),
        ("takes the blank behind it", "a <mask> b"),
        ("has a blank inside", "a type 2"),
    ):
        tokenizer = OTHERS[name]()
        assert WordCounter(tokenizer)([text]) != text_counter(tokenizer)([text]), name


def test_what_is_remembered_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = WordCounter(byte_level())
    long = "葡萄糖" * 400
    before = counter([f"{long} a {long}"])
    assert set(counter._later) == {"a"} and not counter._first
    monkeypatch.setattr(counting, "_MOST_WORDS", 3)
    assert counter(["a b c d", f"{long} a {long}"])[1:] == before
    counter(["e"])
    assert len(counter._first) + len(counter._later) == 1


def test_a_template_counts_a_row_with_what_stands_around_it() -> None:
    chatml = template("chatml")
    said = "What is gout?\n\nA disease of the joints."
    whole = len(chatml.tokenizer.encode(said, add_special_tokens=False))
    assert chatml.count([said, said + " Yes."])[0] - whole == chatml.count([""])[0] > 0
