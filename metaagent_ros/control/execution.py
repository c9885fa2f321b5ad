"""From a sentence to a finished run, step by step: parse, ground, adapt, run. No ROS, no threads.

What each stage does is passed in, so this is only the order, the cancelling and the words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from metaagent_ros.control.reports import PolicyReport
from metaagent_ros.policies.files import PolicyFile
from sim_envs.spec import GroundedTask, Scene, TaskSpec

STAGES = ("parse", "ground", "adapt", "run", "done")
STATUSES = ("done", "refused", "clarify", "failed", "cancelled")


class Stopped(Exception):
    """Why it goes no further; ``status`` is one of :data:`STATUSES`."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an execution stands.

    ``plan`` (a ``metaagent_ros.instructions.schema.Plan``) is there from stage "ground" on, ``task``
    from "adapt" on; ``trial``, ``success_rate``, ``mean_return`` and ``env_steps`` are those of the
    adaptation trial that just ended.
    """

    stage: str
    message: str = ""
    plan: Any = None
    step: int = 0
    task: GroundedTask | None = None
    trial: int | None = None
    success_rate: float | None = None
    mean_return: float | None = None
    env_steps: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended: :data:`STATUSES`, one sentence, the plan (None: there was no parsing).

    ``curve`` holds the success rate before any trial and after each, of the last step adapted.
    """

    status: str
    message: str
    plan: Any = None
    curve: tuple[float, ...] = ()
    rolled_back: bool = False


class Trial(Protocol):
    """What is said about one trial."""

    @property
    def number(self) -> int:
        """0: before any."""

    @property
    def success_rate(self) -> float:
        """Share of evaluation episodes, 0..1."""

    @property
    def mean_return(self) -> float:
        """Over the evaluation episodes."""

    @property
    def env_steps(self) -> int:
        """Environment steps of learning so far."""


class Adapted(Protocol):
    """What adaptation returns."""

    @property
    def policy(self) -> PolicyFile:
        """The one to run."""

    @property
    def curve(self) -> Any:
        """The trials."""

    @property
    def rolled_back(self) -> bool:
        """Whether the start was kept because nothing better was found."""


@dataclass(frozen=True, slots=True)
class Stages:
    """The work itself. ``parse`` and ``ground`` may raise :class:`Stopped`, any may raise it on cancel.

    ``scene`` waits for what the camera sees now; ``run`` blocks until the policy node says it is over.
    """

    parse: Callable[[str], Any]
    scene: Callable[[], Scene]
    ground: Callable[[TaskSpec, Scene], GroundedTask]
    adapt: Callable[[GroundedTask, Scene, Callable[[Trial], None]], Adapted]
    run: Callable[[GroundedTask, PolicyFile], PolicyReport]


class Execution:
    """One sentence carried out; ``cancelled`` is asked between stages, ``on_progress`` told at each."""

    def __init__(
        self, stages: Stages, on_progress: Callable[[Progress], None], cancelled: Callable[[], bool]
    ) -> None:
        self.stages, self._tell, self._cancelled = stages, on_progress, cancelled
        self._outcome = Outcome("failed", "")
        self._at = Progress("parse")

    def execute(self, text: str) -> Outcome:
        """Carry it out; :class:`Stopped` becomes its status, any other error goes through."""
        try:
            self._steps(text)
        except Stopped as stop:
            return replace(self._outcome, status=stop.status, message=str(stop))
        return self._outcome

    def _steps(self, text: str) -> None:
        self._stage("parse", text)
        plan = self.stages.parse(text)
        self._outcome = replace(self._outcome, plan=plan)
        self._at = replace(self._at, plan=plan)
        if plan.status != "ok":
            raise Stopped("clarify" if plan.status == "clarify" else "refused", plan.message)
        for number, step in enumerate(plan.steps):
            self._at = Progress("ground", plan=plan, step=number)
            message = self._step(step)
        self._outcome = replace(self._outcome, status="done", message=message)
        self._stage("done", message)

    def _step(self, spec: TaskSpec) -> str:
        self._stage("ground", spec.skill)
        scene = self.stages.scene()
        task = self.stages.ground(spec, scene)
        self._at = replace(self._at, task=task)
        self._stage("adapt", f"adapting {spec.skill} to what nobody said")
        adapted = self.stages.adapt(task, scene, self._on_trial)
        self._outcome = replace(
            self._outcome,
            curve=tuple(float(trial.success_rate) for trial in adapted.curve),
            rolled_back=bool(adapted.rolled_back),
        )
        self._stage("run", spec.skill)
        report = self.stages.run(task, adapted.policy)
        if report.state != "done":
            status = "cancelled" if self._cancelled() else "failed"
            raise Stopped(status, f"{spec.skill}: {report.message or report.state}")
        return f"{spec.skill}: {report.message}"

    def _on_trial(self, trial: Trial) -> None:
        rate = float(trial.success_rate)
        self._tell(
            replace(
                self._at,
                stage="adapt",
                message=f"trial {trial.number}: success {rate:.0%}",
                trial=int(trial.number),
                success_rate=rate,
                mean_return=float(trial.mean_return),
                env_steps=int(trial.env_steps),
            )
        )

    def _stage(self, stage: str, message: str) -> None:
        if self._cancelled():
            raise Stopped("cancelled", f"cancelled before stage {stage}")
        self._at = replace(self._at, stage=stage, message=message)
        self._tell(self._at)
