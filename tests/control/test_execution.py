"""A sentence is carried out step by step, and whatever stops it has a status and a reason."""

from dataclasses import dataclass, field

import pytest

from metaagent_ros.control.execution import Execution, Progress, Stages, Stopped
from metaagent_ros.control.reports import PolicyReport
from metaagent_ros.instructions.schema import Plan, clarify, refuse
from sim_envs.spec import GroundedTask, ObjectRef, Scene, TaskSpec

STEPS = (TaskSpec("grasp", ObjectRef("red")), TaskSpec("grasp", ObjectRef("blue")))


@dataclass
class FakeTrial:
    number: int
    success_rate: float
    mean_return: float = -1.0
    env_steps: int = 400


@dataclass
class FakeAdapted:
    policy: object = "policy"
    curve: tuple = (FakeTrial(0, 0.25), FakeTrial(1, 0.75))
    rolled_back: bool = False


@dataclass
class World:
    """Fakes of everything, and the order in which they were called."""

    plan: Plan = field(default_factory=lambda: Plan("ok", None, STEPS))
    report: PolicyReport = field(default_factory=lambda: PolicyReport("r", "done", 3, "in 1 s"))
    fail_at: str = ""
    cancel_at: str = ""
    calls: list[str] = field(default_factory=list)
    told: list[Progress] = field(default_factory=list)

    def call(self, name, value):
        self.calls.append(name)
        if name == self.fail_at:
            raise Stopped("clarify", f"{name} asks")
        return value

    def adapt(self, task, scene, on_trial):
        for trial in FakeAdapted.curve:
            on_trial(trial)
        return self.call("adapt", FakeAdapted())

    def execute(self, text="pick up the red cube"):
        stages = Stages(
            lambda text: self.call("parse", self.plan),
            lambda: self.call("scene", Scene(())),
            lambda step, scene: self.call("ground", GroundedTask(step, (0.0, 0.0, 0.0), 0.1, "x")),
            self.adapt,
            lambda task, policy: self.call("run", self.report),
        )
        return Execution(stages, self.told.append, lambda: self.cancel_at in self.calls).execute(text)


def test_every_step_is_grounded_adapted_and_run():
    world = World()
    outcome = world.execute()
    assert outcome.status == "done" and outcome.curve == (0.25, 0.75) and outcome.plan == world.plan
    assert world.calls == ["parse", *["scene", "ground", "adapt", "run"] * 2]
    stages = [(p.stage, p.step) for p in world.told if p.trial is None]
    one = ["ground", "adapt", "run"]
    assert stages == [("parse", 0), *((s, 0) for s in one), *((s, 1) for s in one), ("done", 1)]
    trials = [(p.trial, p.success_rate) for p in world.told if p.trial is not None]
    assert trials == [(0, 0.25), (1, 0.75)] * 2
    assert all(p.task is not None for p in world.told if p.stage in ("adapt", "run"))


@pytest.mark.parametrize(
    ("plan", "status"),
    [(refuse("unsafe", "No."), "refused"), (clarify("ambiguous", "Which?"), "clarify")],
)
def test_a_plan_that_is_none_stops_before_the_scene(plan, status):
    world = World(plan=plan)
    outcome = world.execute()
    assert (outcome.status, outcome.message) == (status, plan.message)
    assert world.calls == ["parse"]


@pytest.mark.parametrize("stage", ["scene", "ground", "adapt", "run"])
def test_what_stops_a_stage_is_the_outcome(stage):
    world = World(fail_at=stage)
    outcome = world.execute()
    assert (outcome.status, outcome.message) == ("clarify", f"{stage} asks")
    assert world.calls[-1] == stage


@pytest.mark.parametrize("stage", ["parse", "ground", "adapt"])
def test_cancelling_takes_effect_before_the_next_stage(stage):
    world = World(cancel_at=stage)
    assert world.execute().status == "cancelled"
    assert world.calls[-1] == stage


def test_a_run_that_is_not_done_fails_and_the_second_step_never_begins():
    world = World(report=PolicyReport("r", "timeout", 100, "not done within 8 s"))
    outcome = world.execute()
    assert outcome.status == "failed" and "8 s" in outcome.message
    assert world.calls.count("run") == 1
    cancelled = World(report=PolicyReport("r", "stopped"), cancel_at="run")
    assert cancelled.execute().status == "cancelled"


def test_other_errors_go_through():
    world = World()
    world.adapt = lambda *_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        world.execute()
