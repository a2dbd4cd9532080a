"""Repairs of one text: what they take out, and what they must leave alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.dataset import text
from core.dataset.checks import has_gap, is_placeholder, is_refusal, is_too_short, lost_accent, pasted_over

REPAIRS = (text.strip_html, text.repair_encoding, text.tidy_blanks, text.strip_chat_marks, text.strip_greetings)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<p>BP &lt; 90 and p<0.05</p>", "BP < 90 and p<0.05"),
        ("<ul><li>rest</li>\n<li>fluids</li></ul>", "- rest\n- fluids"),
        ("<table><tr><td>dose</td><td>5 mg</td></tr></table>", "dose | 5 mg"),
        ("see <a href='http://who.int'>WHO</a><script>alert(1)</script>", "see WHO"),
        ("&amp;lt;5 mg", "&lt;5 mg"),
        ("systolic < 90 and diastolic > 60", "systolic < 90 and diastolic > 60"),
        ("R&D in A&E", "R&D in A&E"),
    ],
)
def test_html_goes_and_medicine_stays(before: str, after: str) -> None:
    assert text.strip_html(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("SjÃ¶gren", "Sjögren"),
        ("the patientâ€™s rash", "the patient’s rash"),
        ("5 µg, ½ tablet, ≥ 38 °C, β-blocker", "5 µg, ½ tablet, ≥ 38 °C, β-blocker"),
        ("“quoted”", "“quoted”"),
        ("发热，咳嗽。", "发热，咳嗽。"),
        ("one\r\ntwo", "one\r\ntwo"),
        ("bell\x07 rings", "bell rings"),
    ],
)
def test_mojibake_is_undone_and_symbols_stay(before: str, after: str) -> None:
    assert text.repair_encoding(before) == after


def test_blanks() -> None:
    assert text.tidy_blanks("What is  it ?\r\n\r\n\r\n\r\n\t a\u00a0b\u200b , c ") == "What is it?\n\na b, c"
    assert text.tidy_blanks("give .5 mg") == "give .5 mg"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<|im_start|>user\nHi<|im_end|>", "Hi"),
        ("[INST] What is gout? [/INST]", "What is gout?"),
        ("<|start_header_id|>assistant<|end_header_id|>\n\nRest.<|eot_id|>", "Rest."),
        ("### Response:\nRest.", "Rest."),
        ("Q: What is gout?", "What is gout?"),
        ("Vitamin [A] <5 units", "Vitamin [A] <5 units"),
        ("A: a blood group", "a blood group"),
    ],
)
def test_chat_marks_go(before: str, after: str) -> None:
    assert text.strip_chat_marks(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "Hello, Welcome to ChatDoctor. Thanks for your query. You have a cold. Hope this helps. Regards, Dr. X",
            "You have a cold.",
        ),
        ("Hi, thank you for posting on HealthCareMagic. Take rest. Take care.", "Take rest."),
        ("Good morning sickness remedies include ginger.", "Good morning sickness remedies include ginger."),
        ("High blood pressure is common.", "High blood pressure is common."),
        ("Hello", "Hello"),
    ],
)
def test_greetings_go_unless_nothing_else_is_said(before: str, after: str) -> None:
    assert text.strip_greetings(before) == after


def test_what_a_question_template_left_behind_goes() -> None:
    assert text.strip_template_rest("What is (are) Glaucoma?") == "What is Glaucoma?"


@given(st.text(max_size=300))
@settings(max_examples=150, deadline=None)
def test_repairing_twice_changes_nothing_more(said: str) -> None:
    for repair in REPAIRS[2:]:
        once = repair(said)
        assert repair(once) == once or repair is text.strip_chat_marks


@pytest.mark.parametrize(
    "said", ["N/A", " none ", "null", "[insert answer here]", "Not available", "TBD", "lorem ipsum dolor sit"]
)
def test_placeholders(said: str) -> None:
    assert is_placeholder(said)


@pytest.mark.parametrize("said", ["", "No.", "None.", "None of these drugs is safe in pregnancy.", "Rest", "5 mg", "A"])
def test_short_answers_are_no_placeholders(said: str) -> None:
    assert not is_placeholder(said)


def test_gaps() -> None:
    assert has_gap("Dear [patient name], take {drug}.")
    assert not has_gap("The karyotype is 48,XXXX; it occurs in ______ of births.")
    assert not has_gap("Interferon [beta] for {1, 2} weeks, <5 mg")


def test_pasted_over_words() -> None:
    assert pasted_over("an enzyme, lactic acid dehy ChatDoctor.") == 23
    assert pasted_over("Ask ChatDoctor today.") is None


def test_lost_accents() -> None:
    assert lost_accent("She has Sjgren syndrome") == 8
    assert lost_accent("Guillain-Barr syndrome") == 0
    assert lost_accent("Guillain-Barré syndrome, Sjögren, Ménière") is None
    assert lost_accent("Is it serious?Yes") is None


@pytest.mark.parametrize(
    ("said", "refuses"),
    [
        ("I'm sorry, but I cannot provide medical advice.", True),
        ("As an AI language model, I can't diagnose.", True),
        ("I cannot assist with that.", True),
        ("Unfortunately, I am unable to diagnose you.", True),
        ("Unfortunately, it is not possible to predict how long it will last; we cannot give a date.", False),
        ("Unfortunately, the outlook is poor.", False),
        ("Sorry to hear that. Drink water and rest.", False),
        ("I cannot stress enough how important rest is.", False),
    ],
)
def test_refusals(said: str, refuses: bool) -> None:
    assert is_refusal(said) is refuses


@pytest.mark.parametrize(
    ("said", "short"),
    [("ok", True), ("Yes.", False), ("B", False), ("5 mg", False), ("多喝水休息", False), ("休", True)],
)
def test_short_by_nature_may_be_short(said: str, short: bool) -> None:
    assert is_too_short(said, 10) is short
