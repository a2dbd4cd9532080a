"""The list of models keeps to what it promises."""

from __future__ import annotations

from core.config import DEFAULT_MODEL
from core.model.catalogue import CATALOGUE, find_card


def test_the_default_comes_first_and_is_free() -> None:
    assert CATALOGUE[0].id == DEFAULT_MODEL
    assert not CATALOGUE[0].gated


def test_ids_are_hub_ids_and_unique() -> None:
    ids = [card.id for card in CATALOGUE]
    assert len(set(ids)) == len(ids)
    assert all(len(id.split("/")) == 2 and " " not in id for id in ids)


def test_a_download_holds_two_bytes_a_weight_at_least() -> None:
    for card in CATALOGUE:
        assert 1.98 <= card.download_gb * 1e9 / card.parameters <= 2.6, card.id  # tied weights may be stored twice


def test_the_families_people_ask_for_are_there() -> None:
    for family in (
        "Llama-3.2-1B",
        "Llama-3.2-3B",
        "Llama-3.1-8B",
        "R1-Distill-Qwen-7B",
        "Qwen3",
        "gemma-3",
        "medgemma",
        "SmolLM2",
    ):
        assert any(family in card.id for card in CATALOGUE), family


def test_a_card_is_found_whatever_the_capitals() -> None:
    assert find_card(" qwen/qwen3-0.6b ") is not None
    assert find_card("nobody/nothing") is None
