"""Near duplicates and leaks: everything that is there is found, and nothing that is not."""

from __future__ import annotations

import functools
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dataset.duplicates import find_repeats, near_duplicate_pairs, rows_in_a_band, signatures
from core.dataset.leakage import ProbeIndex
from core.dataset.shingles import jaccard, key_of, sequences, words


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@functools.cache
def shingled(said: str) -> frozenset[tuple[str, ...]]:
    cut = words(said)
    return frozenset(tuple(cut[at : at + 5]) for at in range(max(1, len(cut) - 4))) if cut else frozenset()


def true_jaccard(left: str, right: str) -> float:
    """An independent count with plain tuples and sets, without any hash of ours."""

    a, b = shingled(left), shingled(right)
    return len(a & b) / len(a | b) if a | b else 0.0


def changed(said: str, edits: int, chance: random.Random) -> str:
    cut = said.split()
    for _ in range(edits):
        cut[chance.randrange(len(cut))] = f"word{chance.randrange(10_000)}"
    return " ".join(cut)


@given(st.text(st.characters(max_codepoint=127)))
def test_plain_english_has_the_same_words_either_way(said: str) -> None:
    with_accent = words(f"{said} café")
    assert words(said) == with_accent[:-1] and with_accent[-1] == "café"


@pytest.fixture(scope="module")
def family() -> list[str]:
    """60 texts of 120 words and four versions of each, from nearly the same to half changed."""
    chance = random.Random(7)
    texts = []
    for _ in range(60):
        base = " ".join(f"w{chance.randrange(3000)}" for _ in range(120))
        texts += [base, *(changed(base, edits, chance) for edits in (1, 2, 4, 9))]
    chance.shuffle(texts)
    return texts


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9])
def test_pairs_are_exactly_those_at_the_threshold(family: list[str], threshold: float) -> None:
    found = near_duplicate_pairs(family, threshold)
    real = {
        (left, right)
        for left in range(len(family))
        for right in range(left + 1, len(family))
        if true_jaccard(family[left], family[right]) >= threshold
    }
    assert {(pair.left, pair.right) for pair in found} == real
    for pair in found:
        assert pair.similarity == pytest.approx(true_jaccard(family[pair.left], family[pair.right]))


def test_of_the_rows_that_stay_no_two_are_alike_and_each_that_leaves_is_like_one(family: list[str]) -> None:
    hashed = sequences([words(said) for said in family])
    repeats = find_repeats(signatures(hashed), np.arange(len(family)), 0.8, hashed.set_of)
    gone = repeats.rows().tolist()
    kept = [row for row in range(len(family)) if row not in set(gone)]
    for row in gone:
        leader = int(repeats.leader[row])
        assert leader in kept and leader < row
        assert true_jaccard(family[row], family[leader]) >= 0.8
    alike = near_duplicate_pairs([family[row] for row in kept], 0.8)
    assert alike == []


def test_bands_hardly_ever_miss_a_pair_at_the_threshold() -> None:
    for threshold in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
        rows = rows_in_a_band(threshold)
        assert (1 - threshold**rows) ** (128 // rows) <= 1e-4


def test_case_blanks_and_marks_do_not_count() -> None:
    assert key_of("What is gout?") == key_of("  WHAT is\tgout ") != key_of("What is gout in dogs?")
    assert key_of("") == 0
    assert key_of("Blood group A+") != key_of("Blood group A-")
    assert key_of("1.5 mg") != key_of("15 mg")
    assert key_of("a", "b") != key_of("a b")


def test_chinese_signs_are_words() -> None:
    assert words("发热 and cough") == ["发", "热", "and", "cough"]
    assert (
        near_duplicate_pairs(["高血压患者应当少吃盐多运动", "高血压患者应当少吃盐多运动。", "糖尿病"], 0.8)[
            0
        ].similarity
        == 1
    )


def test_texts_shorter_than_a_sequence() -> None:
    hashed = sequences([["rest"], ["rest", "now"], [], ["rest"], ["a", "b", "c", "d", "e"]])
    sets = [hashed.set_of(at) for at in range(5)]
    assert jaccard(sets[0], sets[3]) == 1
    assert jaccard(sets[0], sets[1]) == 0
    assert jaccard(sets[2], sets[2]) == 0
    assert [len(one) for one in sets] == [1, 1, 0, 1, 1]


def test_probes_are_found_by_share_exactly(family: list[str]) -> None:
    """The prefix filter must give what comparing everything with everything gives."""
    hashed = sequences([words(said) for said in family])
    sets = [hashed.set_of(at) for at in range(len(family))]
    probes, rows = sets[:100], list(range(100, len(family)))
    index = ProbeIndex(probes, least_share=0.6)
    start = int(hashed.starts[100])
    index.look(100, hashed.hashes[start:], hashed.starts[100:] - start)
    wanted = {}
    for number, probe in enumerate(probes):
        shares = {row: len(np.intersect1d(probe, sets[row])) / len(probe) for row in rows}
        best = max(shares.values())
        if best >= 0.6:
            wanted[number] = best
    assert {number: hit.share for number, hit in index.hits.items()} == pytest.approx(wanted)
    assert wanted


@pytest.mark.realdata
def test_real_near_duplicates(realdata: Path) -> None:
    """108 pairs that MinHash estimated at 0.8 or more: 65 truly are, and all are at 0.5 or more.

    At 0.8 every pair that truly reaches 0.8 is found and no other; at 0.5 all 108 are found.
    """
    rows = rows_of(realdata / "qa" / "medquad_near_duplicates.jsonl")
    listed = {frozenset((row["a_response"], row["b_response"])) for row in rows}
    texts = sorted({said for pair in listed for said in pair})
    for threshold, least in ((0.8, 65), (0.5, 108)):
        pairs = near_duplicate_pairs(texts, threshold)
        found = {frozenset((texts[pair.left], texts[pair.right])) for pair in pairs}
        assert all(true_jaccard(*pair) >= threshold for pair in found)
        real = {pair for pair in listed if true_jaccard(*pair) >= threshold}
        assert real <= found
        assert len(listed & found) == least


@pytest.mark.realdata
def test_real_leaks(realdata: Path) -> None:
    train = rows_of(realdata / "qa" / "medquad_train.jsonl")
    held = rows_of(realdata / "qa" / "medquad_eval_leaky.jsonl")
    both = [sequences([words(row["prompt"]) + words(row["response"]) for row in rows]) for rows in (held, train)]
    index = ProbeIndex([both[0].set_of(at) for at in range(len(held))])
    index.look(0, both[1].hashes, both[1].starts)
    flagged = {held[number]["_leak"] for number in index.hits}
    assert len(index.hits) == 50 and flagged == {"exact", "case_space", "near"}
