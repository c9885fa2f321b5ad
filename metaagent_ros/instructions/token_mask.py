"""The plan's JSON schema as a mask over a language model's tokens, by `llguidance`.

Text that the schema leaves no choice in is written without asking the model; the model only chooses among the
tokens that may follow. Training and answering walk through a plan by the same :class:`Walk`.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metaagent_ros.instructions.json_schema import plan_schema
from metaagent_ros.instructions.schema import Plan

_COMPACT = {"item_separator": ",", "key_separator": ":", "whitespace_flexible": False}


def compact(plan: Plan) -> str:
    """The only way to write a plan that the mask lets through."""
    return json.dumps(plan.to_dict(), ensure_ascii=False, separators=(",", ":"))


class PlanMask:
    """What may be written, for one tokenizer; making it takes seconds, a :class:`Walk` microseconds."""

    def __init__(self, tokenizer: Any, size: int) -> None:
        import llguidance
        import llguidance.hf

        grammar = llguidance.LLMatcher.grammar_from_json_schema(plan_schema(), defaults=_COMPACT)
        self.tokens = llguidance.hf.from_tokenizer(tokenizer, n_vocab=size)
        self._start = llguidance.LLMatcher(self.tokens, grammar, log_level=0)
        if self._start.is_error():
            raise ValueError(f"llguidance: {self._start.get_error()}")

    def walk(self) -> Walk:
        """The start of an answer."""
        return Walk(self._start.deep_copy())


class Walk:
    """One answer while it is written."""

    def __init__(self, matcher: Any) -> None:
        self._matcher = matcher

    @property
    def done(self) -> bool:
        """Whether the plan is complete."""
        return bool(self._matcher.is_stopped())

    def forced(self) -> list[int]:
        """Take, and return, the tokens that leave no choice."""
        tokens = list(self._matcher.compute_ff_tokens())
        for token in tokens:
            self.take(token)
        return tokens

    def choices(self) -> NDArray[np.int64]:
        """The tokens that may follow, ascending."""
        mask = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        return np.flatnonzero(np.unpackbits(mask, bitorder="little"))

    def take(self, token: int) -> None:
        """Write one token; raises ``ValueError`` where it may not follow."""
        if not self._matcher.consume_token(token):
            raise ValueError(f"token {token} may not follow: {self._matcher.get_error()}")
