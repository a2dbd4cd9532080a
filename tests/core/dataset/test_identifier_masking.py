"""Masking, placeholders, and the list of what was checked."""

from __future__ import annotations

from core.dataset.identifiers import KINDS, Finding, coverage, masked, placeholder, replace, scan


def test_the_sentence_is_shown_without_the_finding() -> None:
    text = "First sentence. Seen by Dr. Lee on March 3rd, 2023 at noon. Last sentence."
    (finding,) = scan(text)
    shown = masked(text, finding)
    assert shown == "…Seen by Dr. Lee on ██████████ at noon.…"


def test_blocks_do_not_tell_the_length() -> None:
    short, long = Finding("name", "advisory", 0, 2, "t"), Finding("name", "advisory", 0, 40, "t")
    assert masked("Jo" + "x" * 60, short).startswith("███")
    assert masked("J" * 40 + " end", long) == "██████████ end"


def test_other_findings_of_the_sentence_are_masked_too() -> None:
    text = "MRN: SJ-12345, seen on March 3rd, 2023."
    findings = scan(text)
    shown = masked(text, findings[0], others=findings[1:])
    assert "SJ-12345" not in shown and "March" not in shown
    assert shown == "MRN: ████████, seen on ██████████."


def test_context_is_cut_at_words() -> None:
    text = "word " * 50 + "MRN: SJ-12345 " + "word " * 50
    shown = masked(text, scan(text)[0], context_chars=20)
    assert shown == "…word word word MRN: ████████ word word word word…"


def test_replace_puts_typed_placeholders() -> None:
    text = "MRN: SJ-12345, seen on March 3rd, 2023."
    assert replace(text, scan(text)) == "MRN: [MRN], seen on [DATE]."
    assert replace(text, reversed(scan(text))) == "MRN: [MRN], seen on [DATE]."
    assert replace(text, []) == text


def test_replace_merges_overlaps_under_the_longest() -> None:
    findings = [Finding("date", "blocking", 2, 4, "t"), Finding("mrn", "blocking", 0, 3, "t")]
    assert replace("abcdef", findings) == "[MRN]ef"


def test_placeholders_are_all_different_and_found_by_nothing() -> None:
    words = [placeholder(kind) for kind in KINDS]
    assert len(set(words)) == len(KINDS)
    assert scan(" ".join(words)) == ()


def test_coverage_names_all_eighteen_classes_and_is_honest() -> None:
    without, with_names = coverage(names_checked=False), coverage(names_checked=True)
    assert {line.hipaa for line in without} == set(range(1, 19))
    assert {line.kind for line in without if not line.checked} == {"name", "place", "biometric", "photo"}
    assert {line.kind for line in with_names if not line.checked} == {"biometric", "photo"}
    assert all("NOT checked" in line.how for line in without if not line.checked)
