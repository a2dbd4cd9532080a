"""Lays an adapter beside a base model's weights, so that each row of a batch goes with or without it.

    adapter = attach(base, folder)
    with adapter.applied(("base", "tuned")): model.generate(two rows)

A LoRA layer adds B(A(x)) · scale to its base layer's output (Hu et al. 2021). Here a hook on the base layer adds it to
the tuned rows only; the base row's numbers are never touched, so the base pane is the base. PEFT can mix rows too, but
its bookkeeping for each layer and token made two answers take 2.3 times as long as one on a CPU
(docs/decisions/). What is no plain LoRA (DoRA) stays with PEFT, one answer after the other.
It does not know: conversations, sampling, where the base came from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from core.errors import ModelError
from core.inference.fit import WEIGHTS
from core.inference.messages import Pane
from core.inference.target import check_adapter

NAME = "default"


class Adapter(Protocol):
    """An adapter beside a base model.

    Attributes:
        model: What generates.
        mixes: Whether base and tuned rows may share a batch.
    """

    model: Any
    mixes: bool

    def applied(self, panes: Sequence[Pane]) -> AbstractContextManager[None]:
        """A context in which row i goes with the adapter if panes[i] is ``tuned``, else through the base alone."""

    def detach(self) -> Any:
        """Take the adapter off and return the base model."""


class HookedAdapter:
    """Plain LoRA, added by hooks. See Adapter.

    Args:
        base: The base model.
        layers: (base layer, A, B · scale) of each adapted layer, by its name; A is (rank, in), B is (out, rank).
    """

    def __init__(self, base: Any, layers: Mapping[str, tuple[Any, Any, Any]]) -> None:
        self.model = base
        # LLM.int8 looks for outliers over the whole batch, so there a row's numbers depend on its neighbours. Experts are
        # given tokens of all rows in one heap, so there nobody can say which are the tuned ones.
        self.mixes = not getattr(base, "is_loaded_in_8bit", False) and not any("expert" in name for name in layers)
        self._panes: Sequence[Pane] = ()
        self._hooks = [layer.register_forward_hook(self._hook(a, b)) for layer, a, b in layers.values()]

    @contextmanager
    def applied(self, panes: Sequence[Pane]) -> Iterator[None]:
        """See Adapter; tuned rows must lie next to each other."""
        self._panes = tuple(panes)
        try:
            yield
        finally:
            self._panes = ()

    def detach(self) -> Any:
        """See Adapter."""
        for hook in self._hooks:
            hook.remove()
        return self.model

    def _hook(self, a: Any, b: Any) -> Any:
        from torch.nn.functional import linear  # noqa: PLC0415

        def add(layer: Any, inputs: tuple[Any, ...], output: Any) -> None:
            if "tuned" in self._panes:
                part = self._tuned_part(output)
                part += linear(linear(self._tuned_part(inputs[0]).to(a.dtype), a), b).to(part.dtype)

        return add

    def _tuned_part(self, values: Any) -> Any:
        """The tuned rows of a layer's input or output, (rows, tokens, width) or, as some layers get it, (rows · tokens, width)."""
        if "base" not in self._panes:
            return values
        rows = values.unflatten(0, (len(self._panes), -1)) if values.dim() == 2 else values
        return rows[self._panes.index("tuned") : len(self._panes) - self._panes[::-1].index("tuned")]


class PeftAdapter:
    """Any LoRA variant, computed by PEFT; base and tuned take turns. See Adapter."""

    mixes = False

    def __init__(self, model: Any) -> None:
        self.model = model

    @contextmanager
    def applied(self, panes: Sequence[Pane]) -> Iterator[None]:
        """See Adapter; all panes must be the same."""
        if "tuned" in panes:
            yield
        else:
            with self.model.disable_adapter():
                yield

    def detach(self) -> Any:
        """See Adapter."""
        return self.model.unload()


def attach(base: Any, folder: Path) -> Adapter:
    """Lay a LoRA adapter beside a base model.

    Args:
        base: The base model.
        folder: The adapter's folder.

    Raises:
        ModelError: if it is no whole LoRA adapter, or was made for a model of another shape.
    """
    from peft import PeftModel, get_peft_model_state_dict  # noqa: PLC0415
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415

    check_adapter(folder)
    misfit = ModelError(
        "The adapter does not fit this base model: it was made for another one.", "Choose the base it was trained on."
    )
    try:
        model = PeftModel.from_pretrained(base, folder, adapter_name=NAME, autocast_adapter_dtype=False)
    except (RuntimeError, ValueError, KeyError, SafetensorError) as error:
        raise misfit from error
    with safe_open(str(folder / WEIGHTS), framework="pt") as file:
        saved = set(file.keys())
    # PEFT only warns of names that it cannot place, and goes on with an adapter that does nothing.
    if saved != set(get_peft_model_state_dict(model, save_embedding_layers=False)):
        raise misfit
    _refuse_nonsense(model)
    layers = _plain_layers(model, base.dtype)
    return HookedAdapter(model.unload(), layers) if layers else PeftAdapter(model)


def _refuse_nonsense(model: Any) -> None:
    """Refuse weights that are NaN or infinite: a diverged training leaves them, and every answer would be nonsense."""
    import torch  # noqa: PLC0415

    if not all(torch.isfinite(weight).all() for name, weight in model.named_parameters() if "lora_" in name):
        raise ModelError(
            "The adapter holds numbers that are not finite: its training has diverged, or its file is damaged.",
            "Choose an earlier checkpoint, or another adapter.",
        )


def _plain_layers(model: Any, dtype: Any) -> dict[str, tuple[Any, Any, Any]]:
    """Weights of every adapted layer in the base's number format, by name; none if any layer is more than plain LoRA."""
    from peft.tuners.lora import Linear, LoraLayer  # noqa: PLC0415

    layers = {}
    adapted: dict[str, Any] = {name: module for name, module in model.named_modules() if isinstance(module, LoraLayer)}
    for name, module in adapted.items():
        plain = isinstance(module, Linear) or type(module).__name__ in ("Linear4bit", "Linear8bitLt")
        if (
            not plain
            or NAME in module.lora_variant
            or module.lora_bias.get(NAME)
            or getattr(module, "fan_in_fan_out", False)
        ):
            return {}
        a, b = module.lora_A[NAME].weight, module.lora_B[NAME].weight
        layers[name] = (module.get_base_layer(), a.detach().to(dtype), (b.detach() * module.scaling[NAME]).to(dtype))
    return layers
