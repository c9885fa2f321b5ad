"""The parser's weights on disk: what training changed, small and without pickle.

The encoder's matrices travel as the difference to the published ones, eight bits a number and one scale a
row: differences are small, so a 256th of the largest is below what half precision would round away of the
weights themselves.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from metaagent_ros.instructions import encoder, lowrank, slots
from sim_envs.atomic import write_atomically

FORMAT = 2
SECOND = "second.safetensors"
"""The low-rank round of a second network, on the same weights, that answers together with the first."""


class ParserFileError(ValueError):
    """Parser weights that cannot be used; the message names the file and the cause."""


def _heads() -> dict[str, list[str]]:
    return {head: list(names) for head, names in slots.HEADS.items()}


def pack(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """What a file holds of a network's state: eight-bit differences, and the rest in half precision."""
    out, base = {}, encoder.published()
    for name, value in state.items():
        known = base.get(name.removeprefix("encoder."))
        if known is None or not name.startswith("encoder."):
            out[name] = value.half().contiguous()
        elif not torch.equal(known, value):
            delta = value - known
            if delta.dim() < 2:
                out[name] = delta.half()
                continue
            scale = delta.abs().amax(1, keepdim=True).clamp(min=1e-12) / 127
            out[name] = (delta / scale).round().to(torch.int8)
            out[f"{name}.scale"] = scale
    return out


def unpack(packed: dict[str, Tensor]) -> dict[str, Tensor]:
    """The whole state again, in single precision."""
    out = {f"encoder.{name}": value for name, value in encoder.published().items()}
    for name, value in packed.items():
        if name.endswith(".scale"):
            continue
        scale = packed.get(f"{name}.scale")
        full = value.float() if scale is None else value.float() * scale
        out[name] = out[name] + full if name in out else full
    return out


def kept(folder: Path, frozen: Collection[str]) -> dict[str, Tensor]:
    """What the file of a folder holds of the encoder's parameters that a training on from it left ``frozen``.

    Packing them again may round their scales another way; as they are, two versions of the file share the
    bytes, so that git stores only what was trained.
    """
    packed = load((folder / "weights.safetensors").read_bytes())
    return {
        name: value
        for name, value in packed.items()
        if name.startswith("encoder.") and name.removesuffix(".scale") in frozen
    }


def write(
    state: dict[str, Tensor], out: Path, card: dict[str, Any], packed: dict[str, Tensor] | None = None
) -> None:
    """``weights.safetensors`` and ``parser.json``; a reader never sees half a file.

    ``packed`` are tensors of :func:`kept`, which are written as they are.
    """
    out.mkdir(parents=True, exist_ok=True)
    blob = save(pack({name: value.detach().cpu() for name, value in state.items()}) | (packed or {}))
    whole = {
        **card,
        "format": FORMAT,
        "sha256": hashlib.sha256(blob).hexdigest(),
        "encoder": encoder.PACKAGE,
        "status": list(slots.STATUS),
        "heads": _heads(),
    }
    write_atomically(out / "weights.safetensors", blob)
    write_card(out, whole)


def write_round(folder: Path, out: Path, card: dict[str, Any], packed: dict[str, Tensor]) -> None:
    """The weights of ``folder`` with the differences of one more round (:mod:`.lowrank`) beside them."""
    out.mkdir(parents=True, exist_ok=True)
    blob = save(packed)
    write_atomically(out / "weights.safetensors", (folder / "weights.safetensors").read_bytes())
    write_atomically(out / lowrank.FILE, blob)
    alone = {key: value for key, value in read_card(folder).items() if key != "second"}
    write_card(out, alone | card | {"adapter": hashlib.sha256(blob).hexdigest()})


def write_pair(first: Path, second: Path, out: Path, card: dict[str, Any]) -> None:
    """The weights and the round of ``first``, and the round that ``second`` makes of the same weights."""
    blob = (second / lowrank.FILE).read_bytes()
    out.mkdir(parents=True, exist_ok=True)
    for name in ("weights.safetensors", lowrank.FILE):
        write_atomically(out / name, (first / name).read_bytes())
    write_atomically(out / SECOND, blob)
    write_card(out, read_card(first) | card | {"second": hashlib.sha256(blob).hexdigest()})


def model_of(card: dict[str, Any]) -> str:
    """The first digits of a checksum that tells a parser from every other."""
    first = str(card.get("adapter", card["sha256"]))
    return (
        hashlib.sha256((first + card["second"]).encode()).hexdigest()[:12] if "second" in card else first[:12]
    )


def write_card(out: Path, card: dict[str, Any]) -> None:
    """The card alone, such as after a calibration."""
    write_atomically(out / "parser.json", (json.dumps(card, indent=1, ensure_ascii=False) + "\n").encode())


def read_card(folder: Path) -> dict[str, Any]:
    """The card of a folder; raises :class:`ParserFileError`."""
    try:
        card = json.loads((folder / "parser.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ParserFileError(f"{folder}: {error}") from None
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise ParserFileError(f"{folder}/parser.json: not a parser of format {FORMAT}; train it again")
    if card.get("heads") != _heads():
        raise ParserFileError(f"{folder}/parser.json: made for another vocabulary; train it again")
    return card


def read(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """State and card of a folder, its own round included; raises :class:`ParserFileError`."""
    state, card, packed = read_parts(folder)
    return _merged(state, packed, folder / lowrank.FILE), card


def _merged(state: dict[str, Tensor], packed: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    try:
        return lowrank.merged(state, packed)
    except (ValueError, KeyError) as error:
        raise ParserFileError(f"{path}: {error}") from None


def read_all(folder: Path) -> tuple[list[dict[str, Tensor]], dict[str, Any]]:
    """The states of all that answer together, and their card; raises :class:`ParserFileError`."""
    state, card, packed = read_parts(folder)
    rounds = {lowrank.FILE: packed}
    try:
        if "second" in card:
            rounds[SECOND] = _checked(folder / SECOND, card["second"])
    except (OSError, SafetensorError) as error:
        raise ParserFileError(f"{folder}: {error}") from None
    return [_merged(state, part, folder / name) for name, part in rounds.items()], card


def read_parts(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any], dict[str, Tensor]]:
    """State and card of a folder, and apart from them the low-rank differences (empty: none)."""
    card = read_card(folder)
    try:
        state = unpack(_checked(folder / "weights.safetensors", card.get("sha256")))
        packed = _checked(folder / lowrank.FILE, card["adapter"]) if "adapter" in card else {}
    except (OSError, SafetensorError) as error:
        raise ParserFileError(f"{folder}: {error}") from None
    return state, card, packed


def _checked(path: Path, sha256: str | None) -> dict[str, Tensor]:
    """The tensors of a file; raises :class:`ParserFileError` where it is not the one of the card."""
    blob = path.read_bytes()
    if hashlib.sha256(blob).hexdigest() != sha256:
        raise ParserFileError(f"{path}: the checksum is not the one of parser.json")
    return load(blob)
