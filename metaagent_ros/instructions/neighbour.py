"""Nearest neighbour: the plan of the most similar sentence that the generator made. A baseline.

Similar is the cosine of mean-pooled MiniLM embeddings (Reimers & Gurevych 2019, arXiv:1908.10084).
"""

from __future__ import annotations

import dataclasses

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import normalize

from metaagent_ros.instructions import encoder, guard
from metaagent_ros.instructions.generator import grammar
from metaagent_ros.instructions.schema import Plan


class NeighbourParser:
    """Remembers ``count`` generated sentences (about 5 ms each to build)."""

    name = "nearest"

    def __init__(self, count: int = 4000, seed: int = 0) -> None:
        self._tokenizer: Tokenizer = encoder.load_tokenizer([])
        self._bert = encoder.LeanBert(encoder.config()).eval()
        self._bert.load_state_dict(encoder.published())
        known = list(grammar.examples(seed, count))
        self._plans = [example.plan for example in known]
        texts = [example.text for example in known]
        self._memory = torch.cat([self._embed(texts[i : i + 64]) for i in range(0, count, 64)])

    def _embed(self, texts: list[str]) -> Tensor:
        encoded = self._tokenizer.encode_batch(texts)
        ids = torch.tensor([e.ids for e in encoded])
        mask = torch.tensor([e.attention_mask for e in encoded])
        with torch.inference_mode():
            words = torch.nn.functional.embedding(ids, self._bert.embeddings.word_embeddings.weight)
            hidden = self._bert(words, mask) * mask[..., None]
        return normalize(hidden.sum(1) / mask.sum(1, keepdim=True), dim=-1)

    def parse(self, text: str) -> Plan:
        """The plan of the nearest known sentence."""
        if (refusal := guard.check(text)) is not None:
            return refusal
        likeness = self._memory @ self._embed([text])[0]
        best = int(likeness.argmax())
        sure = float(likeness[best].clamp(0.0, 1.0))
        return dataclasses.replace(self._plans[best], parser=self.name, confidence=sure)
