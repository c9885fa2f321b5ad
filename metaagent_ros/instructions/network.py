"""The parser network: a MiniLM encoder, and a small decoder with one learned query per slot.

The decoder follows DETR (Carion et al. 2020, arXiv:2005.12872): learned queries, here (step, slot), look at
the words in parallel. Every query then points at the words that it speaks for (a pointer network, Vinyals
et al. 2015, arXiv:1506.03134; "not said" points at the first token) and its class is read from there. The
generator knows these words, so the pointers are trained too: they are the plan's provenance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from metaagent_ros.instructions import encoder
from metaagent_ros.instructions.schema import MAX_STEPS
from metaagent_ros.instructions.slots import HEADS, QUERIES, QUERY_OF, STATUS

WIDTH = 192


class ParserNet(nn.Module):
    """Token ids to the scores of the status, of every head of every step, and of the pointers.

    ``extra`` is the number of words that the encoder's vocabulary lacks; ``lean`` builds the encoder that
    only answers, otherwise the one of `transformers` that can be trained.
    """

    def __init__(self, extra: int, lean: bool = True) -> None:
        super().__init__()
        config = encoder.config()
        inner = config["hidden_size"]
        self.encoder: Any = encoder.LeanBert(config) if lean else encoder.trainable(config)
        self.extra = nn.Embedding(extra, inner)
        self.memory = nn.Linear(inner, WIDTH)
        self.step_query = nn.Parameter(torch.randn(MAX_STEPS, 1, WIDTH) * 0.5)
        self.slot_query = nn.Parameter(torch.randn(1, len(QUERIES), WIDTH) * 0.5)
        self.status_query = nn.Parameter(torch.randn(1, WIDTH) * 0.5)
        layer = nn.TransformerDecoderLayer(
            WIDTH, 6, 2 * WIDTH, dropout=0.05, batch_first=True, norm_first=True
        )
        self.decoder = nn.TransformerDecoder(layer, 2, norm=nn.LayerNorm(WIDTH))
        self.pointer, self.key = nn.Linear(WIDTH, WIDTH), nn.Linear(inner, WIDTH)
        self.value = nn.Linear(inner, WIDTH)
        self.status = nn.Linear(2 * WIDTH, len(STATUS))
        self.heads = nn.ModuleDict({h: nn.Linear(2 * WIDTH, len(v)) for h, v in HEADS.items()})

    def embed(self, ids: Tensor) -> Tensor:
        """Word embeddings (batch, tokens, width) of old and new words."""
        old: Tensor = self.encoder.embeddings.word_embeddings.weight
        new = ids - len(old)
        known = nn.functional.embedding(ids.clamp(max=len(old) - 1), old)
        return torch.where((new >= 0)[..., None], self.extra(new.clamp(min=0)), known)

    def forward(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """``ids`` and ``mask`` (batch, tokens) to scores.

        Scores are ``status`` (batch, 8), heads (batch, 3, classes) and, as logarithms of probabilities
        over the tokens, ``pointers`` (batch, 3, queries, tokens).
        """
        words = self.encoder(self.embed(ids), mask)
        memory, hidden = self.memory(words), mask == 0
        slots = (self.step_query + self.slot_query).flatten(0, 1)
        queries = torch.cat([self.status_query, slots]).expand(len(ids), -1, -1)
        found = self.decoder(queries, memory, memory_key_padding_mask=hidden)
        scores = self.pointer(found) @ self.key(words).transpose(1, 2) / WIDTH**0.5
        pointers = scores.masked_fill(hidden[:, None], -1e4).log_softmax(-1)
        found = torch.cat([found, pointers.exp() @ self.value(words)], -1)
        steps = found[:, 1:].reshape(len(ids), MAX_STEPS, len(QUERIES), -1)
        out = {h: head(steps[:, :, QUERY_OF[h]]) for h, head in self.heads.items()}
        out["status"] = self.status(found[:, 0])
        out["pointers"] = pointers[:, 1:].reshape(len(ids), MAX_STEPS, len(QUERIES), -1)
        return out


class Together(nn.Module):
    """Several parsers that answer as one: the mean of their probabilities.

    Networks that were trained from different random numbers err in different places (Lakshminarayanan et al.
    2017, arXiv:1612.01474), so the mean errs less, and doubts where they disagree.
    """

    def __init__(self, nets: Sequence[nn.Module]) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)

    def forward(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """As of :class:`ParserNet`; all scores are logarithms of probabilities."""
        all_scores = [net(ids, mask) for net in self.nets]
        return {name: _mean([scores[name] for scores in all_scores]) for name in all_scores[0]}


def _mean(scores: Sequence[Tensor]) -> Tensor:
    stacked = torch.stack([each.log_softmax(-1) for each in scores])
    return torch.logsumexp(stacked, 0) - math.log(len(scores))
