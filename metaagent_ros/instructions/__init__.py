"""Instructions: a sentence in, a checked plan out."""

from __future__ import annotations

import warnings
from typing import Protocol

from metaagent_ros.instructions.rules import RuleParser
from metaagent_ros.instructions.schema import Plan
from metaagent_ros.policies.files import shipped
from sim_envs.spec import require

WEIGHTS = shipped("parser")
PARSERS = ("default", "rules", "nearest", "hf_causal", "hf_few_shot", "server")


class InstructionParser(Protocol):
    """What every parser offers; ``parse`` never raises on any text, it refuses instead."""

    name: str

    def parse(self, text: str) -> Plan:
        """The plan that the text becomes."""
        ...


def load_parser(kind: str = "default") -> InstructionParser:
    """The parser of that kind; an unknown one raises ``SpecError`` with the nearest match.

    Where the default's weights do not load, a warning says so and the rules answer; a language model or a
    server that cannot be had raises ``SpecError``.
    """
    require("parser", kind, PARSERS)
    if kind == "default":
        from metaagent_ros.instructions.model import ModelParser, ParserFileError

        try:
            return ModelParser(WEIGHTS)
        except (ParserFileError, FileNotFoundError) as error:
            warnings.warn(f"no parser model, using the rules: {error}", stacklevel=2)
    if kind == "nearest":
        from metaagent_ros.instructions.neighbour import NeighbourParser

        return NeighbourParser()
    if kind in ("hf_causal", "hf_few_shot"):
        from metaagent_ros.instructions.causal import NO_ADAPTER, CausalParser

        return CausalParser(adapter=NO_ADAPTER if kind == "hf_few_shot" else None)
    if kind == "server":
        from metaagent_ros.instructions.server import ServerParser

        return ServerParser.from_environment()
    return RuleParser()
