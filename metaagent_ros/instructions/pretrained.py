"""Language models of the `transformers` library: tensors and JSON only, no pickle and no foreign code."""

from __future__ import annotations

from typing import Any


def load(name: str, hub: bool = False, dtype: Any = "auto") -> tuple[Any, Any]:
    """Tokenizer and model of a folder, with ``hub`` of a name there; as precise as stored, or ``dtype``."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    _quiet()
    where: dict[str, Any] = {"trust_remote_code": False, "local_files_only": not hub}
    tokenizer = AutoTokenizer.from_pretrained(name, **where)
    return tokenizer, AutoModelForCausalLM.from_pretrained(name, use_safetensors=True, dtype=dtype, **where)


def _quiet() -> None:
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
