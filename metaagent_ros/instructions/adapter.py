"""Our own LoRA (Hu et al. 2021, arXiv:2106.09685): low-rank differences to a language model's weights.

A folder holds ``adapter.safetensors`` (half precision, per linear layer ``NAME.a`` and ``NAME.b``) and the
card ``adapter.json``: made for which model, ``scale``, the ``template`` of the prompt it was trained with
(short, without examples), and how it was made. Merging adds ``scale * b @ a`` to the layer's weight.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from sim_envs.atomic import write_atomically

FORMAT = 1
LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class AdapterError(ValueError):
    """An adapter that cannot be used; the message names the file and the cause."""


class LoraLinear(nn.Module):
    """A frozen linear layer and a trainable difference of low rank, zero at the start."""

    def __init__(self, base: nn.Linear, rank: int, scale: float) -> None:
        super().__init__()
        self.base, self.scale = base, scale
        self.a = nn.Parameter(torch.empty(rank, base.in_features))
        self.b = nn.Parameter(torch.zeros(base.out_features, rank))
        nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        """As the merged layer would."""
        low = nn.functional.linear(x, self.a.to(x.dtype))
        return self.base(x) + self.scale * nn.functional.linear(low, self.b.to(x.dtype))  # type: ignore[no-any-return]


def attach(model: nn.Module, rank: int, scale: float) -> dict[str, LoraLinear]:
    """Freeze the model and put a :class:`LoraLinear` around each of its projections."""
    model.requires_grad_(False)
    found = {
        name: layer
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear) and name.rsplit(".", 1)[-1] in LAYERS
    }
    if not found:
        raise AdapterError(f"{type(model).__name__} has no layers named {', '.join(LAYERS)}")
    out = {name: LoraLinear(layer, rank, scale) for name, layer in found.items()}
    for name, layer in out.items():
        model.set_submodule(name, layer)
    return out


def tensors_of(layers: dict[str, LoraLinear]) -> dict[str, Tensor]:
    """What :func:`write` takes."""
    return {f"{name}.{k}": getattr(layer, k).detach() for name, layer in layers.items() for k in "ab"}


@dataclass(frozen=True)
class Adapter:
    """An adapter as it lies in a folder."""

    tensors: dict[str, Tensor]
    card: dict[str, Any]

    @property
    def model(self) -> str:
        """The first digits of its checksum."""
        return str(self.card["sha256"])[:12]

    def merge(self, model: nn.Module) -> None:
        """Add the differences to the model's weights; raises :class:`AdapterError` where they do not fit."""
        for name in {key[:-2] for key in self.tensors}:
            try:
                weight = model.get_submodule(name).weight
                a, b = self.tensors[f"{name}.a"].float(), self.tensors[f"{name}.b"].float()
                assert isinstance(weight, Tensor)
                weight.data += (float(self.card["scale"]) * b @ a).to(weight.dtype)
            except (AttributeError, KeyError, RuntimeError) as error:
                raise AdapterError(f"the adapter is for another model: {name}: {error}") from None


def write(folder: Path, tensors: dict[str, Tensor], card: dict[str, Any]) -> None:
    """Both files; a reader never sees half of one."""
    folder.mkdir(parents=True, exist_ok=True)
    blob = save({name: value.half().contiguous() for name, value in tensors.items()})
    whole = {"format": FORMAT, **card, "sha256": hashlib.sha256(blob).hexdigest()}
    write_atomically(folder / "adapter.safetensors", blob)
    write_atomically(folder / "adapter.json", (json.dumps(whole, indent=1) + "\n").encode())


def read(folder: Path) -> Adapter:
    """The adapter of a folder that :func:`write` made; raises :class:`AdapterError`."""
    try:
        card = json.loads((folder / "adapter.json").read_text(encoding="utf-8"))
        blob = (folder / "adapter.safetensors").read_bytes()
        if not isinstance(card, dict) or card.get("format") != FORMAT:
            raise AdapterError(f"{folder}/adapter.json: not an adapter of format {FORMAT}")
        if hashlib.sha256(blob).hexdigest() != card.get("sha256"):
            raise AdapterError(f"{folder}/adapter.safetensors: the checksum is not the one of adapter.json")
        if not math.isfinite(float(card["scale"])) or "{text}" not in card["template"]:
            raise AdapterError(f"{folder}/adapter.json: scale or template is unusable")
        return Adapter(load(blob), card)
    except (OSError, KeyError, TypeError, SafetensorError, json.JSONDecodeError) as error:
        raise AdapterError(f"{folder}: {error}") from None
