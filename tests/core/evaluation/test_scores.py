"""Scores of an answer, held against the libraries and papers they are taken from."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.evaluation.scores import is_refusal, length_ratio, repetition, rouge_l, score, token_f1

ENGLISH = st.text(alphabet=" .,-()abcdefgh ABC 123\n", max_size=60)


@settings(max_examples=150, deadline=None)
@given(ENGLISH, ENGLISH)
def test_rouge_l_of_plain_english_is_the_librarys_own(answer: str, reference: str) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    own = RougeScorer(["rougeL"], use_stemmer=False).score(reference, answer)["rougeL"].fmeasure
    assert rouge_l(answer, reference) == pytest.approx(own)


def test_rouge_l_of_the_papers_example() -> None:
    """Lin 2004, section 3.1: of four words, three stand in the same order ("police … the gunman"), or two."""
    assert rouge_l("police kill the gunman", "police killed the gunman") == pytest.approx(0.75)
    assert rouge_l("the gunman kill police", "police killed the gunman") == pytest.approx(0.5)


def test_words_of_every_script_count() -> None:
    assert rouge_l("Das Ödem schmerzt", "das ödem schmerzt") == 1.0
    assert rouge_l("β-Blocker 5 µg", "β-Blocker 50 µg") == pytest.approx(0.75)
    assert rouge_l("葡萄糖", "葡萄酒") == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("answer", "reference", "expected"),
    [
        ("The iron.", "iron", 1.0),
        ("iron iron", "iron", 2 / 3),  # what is said twice is shared once
        ("an iron tablet a day", "iron tablets", 2 * 1 / (3 + 2)),
        ("", "iron", 0.0),
        ("", "the", 1.0),
    ],
)
def test_f1_counts_words_as_squad_does(answer: str, reference: str, expected: float) -> None:
    assert token_f1(answer, reference) == pytest.approx(expected)


def test_repetition_is_the_share_of_sequences_already_said() -> None:
    assert repetition("one two three") == repetition("each word here is said once") == 0.0
    assert repetition("drink more water now. Drink more water now.") == pytest.approx(1 / 5)
    assert repetition("no " * 103) == pytest.approx(0.99)


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I cannot assist you with this request.",
        "I cannot provide medical advice.",
        "I am unable to answer questions about doses.",
        "As an AI language model, I don't diagnose illnesses.",
        "I must respectfully decline.",
        "We can't safely recommend a dose.",
    ],
)
def test_refusals_are_seen(answer: str) -> None:
    assert is_refusal(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "I'm sorry you feel ill. Drink water and rest.",
        "You cannot take both drugs together; ask your doctor first.",
        "People who cannot provide a sample may need a blood test.",
        "See a doctor at once: this may be a heart attack.",
        "Iron deficiency makes people tired. " * 8 + "I cannot answer more.",
        "I do not recommend taking both drugs together.",
        "I would not advise a child to take aspirin.",
        "I can answer that: iron is stored in the liver.",
    ],
)
def test_answers_are_no_refusals(answer: str) -> None:
    assert not is_refusal(answer)


def test_everything_at_once() -> None:
    found = score("Iron iron.", "Take iron each day", truncated=True)
    assert found == {
        "rouge_l": pytest.approx(1 / 3),
        "f1": pytest.approx(1 / 3),
        "length_ratio": 0.5,
        "repetition": 0.0,
        "truncated": True,
        "refusal": False,
    }
    assert length_ratio("two words", "") == 2.0
