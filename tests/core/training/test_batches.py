"""Packing, the two collators, the first-batch check, and the loss: packed, padded and single rows learn the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DatasetError
from core.model.plan import plan
from core.training.batches import Bins, check_first_batch, collate_packed, collate_padded
from core.training.loss import OutputLayer, answer_loss
from core.training.packing import best_fit
from core.training.trainer import LoopParts, batch_loss
from tests.tiny_model import random_rows

pytestmark = pytest.mark.thorough

# float32 on a CPU: sums in another order differ in the last places.
TOLERANCE = 1e-5


@given(st.lists(st.integers(1, 64), max_size=200))
def test_packing_keeps_every_row_once_and_fills_bins_well(lengths: list[int]) -> None:
    bins = best_fit(lengths, 64)
    assert sorted(index for group in bins for index in group) == list(range(len(lengths)))
    filled = [sum(lengths[index] for index in group) for group in bins]
    assert all(total <= 64 for total in filled)
    # No two bins could have been one: otherwise the later one's first row would have gone into the earlier one.
    assert sum(total <= 32 for total in filled) <= 1


def test_packing_refuses_rows_that_fit_nowhere() -> None:
    with pytest.raises(ValueError, match="1 to 8"):
        best_fit([3, 9], 8)


def test_packed_positions_start_anew_and_only_answers_are_predicted() -> None:
    rows = random_rows(5, 30)
    batch = collate_packed([rows[:2], rows[2:]])
    assert batch["lengths"] == tuple(len(row) for row in rows)
    assert batch["position_ids"][0].tolist() == [place for row in rows for place in range(len(row))]
    flat = batch["input_ids"][0]
    assert flat[batch["predict_at"] + 1].tolist() == batch["targets"].tolist()
    assert batch["targets"].tolist() == [label for row in rows for label in row.labels[1:] if label != -100]


def test_the_first_batch_is_refused_when_it_trains_other_tokens() -> None:
    rows = random_rows(4, 30)
    batch = collate_packed([rows])
    share = check_first_batch(batch, rows)
    assert share == sum(row.trained for row in rows) / sum(len(row) for row in rows)
    whole = batch | {"predict_at": batch["predict_at"].new_tensor(range(20)), "targets": batch["input_ids"][0, 1:21]}
    with pytest.raises(DatasetError, match="first batch would train 20 tokens"):
        check_first_batch(whole, rows)


def parts_of(prepared) -> LoopParts:
    chosen = plan(prepared.config, prepared.shape, prepared.stats(), prepared.device)
    loaded = prepared.engine.load(prepared.base.folder, prepared.config, chosen)
    for name, parameter in loaded.model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.05)
    loaded.model.train()
    # A slice of 7 tokens, so that several slices and a partial one occur.
    return LoopParts(prepared.engine, loaded, OutputLayer.of(loaded.causal, 7), prepared.job_dir, None)


def loss_and_gradients(parts, batches):
    import torch

    parts.loaded.model.zero_grad()
    total = 0.0
    for batch in batches:
        loss = batch_loss(parts, batch)
        loss.backward()
        total += float(loss.detach())
    return total, torch.cat([p.grad.flatten() for p in parts.loaded.model.parameters() if p.requires_grad])


def test_packed_padded_and_single_rows_learn_the_same(prepare) -> None:
    import torch

    packed_model, padded_model = parts_of(prepare(packing="on")), parts_of(prepare(packing="off"))
    weights = {name: p for name, p in packed_model.loaded.model.named_parameters() if p.requires_grad}
    for name, parameter in padded_model.loaded.model.named_parameters():
        if parameter.requires_grad:
            parameter.data.copy_(weights[name].data)
    rows = random_rows(9, 40)
    packed, packed_gradients = loss_and_gradients(packed_model, [collate_packed([rows[:4], rows[4:]])])
    single, single_gradients = loss_and_gradients(packed_model, [collate_packed([[row]]) for row in rows])
    padded, padded_gradients = loss_and_gradients(padded_model, [collate_padded([[row] for row in rows], pad_id=0)])
    for other, gradients in ((single, single_gradients), (padded, padded_gradients)):
        assert packed == pytest.approx(other, rel=TOLERANCE)
        assert torch.allclose(
            packed_gradients, gradients, rtol=1e-3, atol=TOLERANCE * float(packed_gradients.abs().max())
        )
    # And as transformers itself computes it, example by example, from whole logits.
    own = 0.0
    for row in rows:
        ids, labels = torch.tensor([list(row.input_ids)]), torch.tensor([list(row.labels)])
        with torch.no_grad():
            own += float(padded_model.loaded.model(input_ids=ids, labels=labels).loss) * row.trained
    assert packed == pytest.approx(own, rel=TOLERANCE)


def test_a_neighbour_changes_nothing(prepare) -> None:
    import torch

    parts, rows = parts_of(prepare()), random_rows(6, 40)
    found = []
    for neighbours in (rows[1:2], rows[2:6]):
        batch = collate_packed([[rows[0], *neighbours]])
        arguments = parts.engine.row_arguments(parts.loaded, batch["lengths"], "cpu")
        with torch.no_grad():
            hidden = parts.loaded.decoder(
                input_ids=batch["input_ids"], position_ids=batch["position_ids"], use_cache=False, **arguments
            )[0]
        found.append(hidden[0, : len(rows[0])])
    assert torch.allclose(*found, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize(("softcap", "scale"), [(0.0, 1.0), (5.0, 1.0), (0.0, 0.25)])
def test_the_loss_and_its_gradient_are_those_of_cross_entropy(softcap: float, scale: float) -> None:
    import torch

    torch.manual_seed(1)
    weight, hidden = torch.randn(50, 16), torch.randn(2, 20, 16, requires_grad=True)
    places, targets = torch.tensor([0, 3, 17, 25, 38]), torch.tensor([4, 49, 0, 7, 7])
    ours = answer_loss(hidden, places, targets, OutputLayer(weight, None, softcap, scale, 2))
    ours.backward()
    found, hidden.grad = hidden.grad, None
    logits = hidden.reshape(-1, 16)[places] @ weight.T * scale
    logits = softcap * torch.tanh(logits / softcap) if softcap else logits
    expected = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
    expected.backward()
    assert torch.allclose(ours, expected, rtol=TOLERANCE)
    assert torch.allclose(found, hidden.grad, rtol=1e-4, atol=1e-5)


def test_bins_without_packing_hold_one_row_each() -> None:
    rows = random_rows(5, 30)
    assert [len(group) for group in Bins.of(rows, 64, packing=False)] == [1] * 5
