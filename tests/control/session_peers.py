"""A robot for sessions without physics: success depends on how near the policy's belief is to the truth."""

from dataclasses import dataclass, field

import numpy as np

from metaagent_ros.control.episode import Episode
from metaagent_ros.control.execution import Stopped
from metaagent_ros.control.reports import PolicyReport
from metaagent_ros.policies.files import PolicyFile
from sim_envs.spec import GroundedTask, ObjectRef, TaskSpec

TASK = GroundedTask(TaskSpec("grasp", ObjectRef("red")), (0.5, 0.0, 0.142), 0.05, "red_cube")


def policy(belief: float) -> PolicyFile:
    return PolicyFile({"belief": np.float32([belief])}, {"robot": "panda"})


def belief(file: PolicyFile) -> float:
    return float(file.tensors["belief"][0])


class Clock:
    """Time that passes only when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class FakeRobot:
    """Every call takes ``takes`` [s] of the clock and looks at ``over`` each tenth of a second."""

    truth: float = 0.8
    clock: Clock = field(default_factory=Clock)
    takes: float = 1.0
    faults: dict[int, PolicyReport] = field(default_factory=dict)
    stop_at: dict[str, Stopped] = field(default_factory=dict)
    forced: dict[int, bool] = field(default_factory=dict)  # outcome of a trial, whatever the belief
    silent: bool = False
    calls: list[str] = field(default_factory=list)
    acted: list[float] = field(default_factory=list)
    at_rest: bool = True

    def _pass(self, name, over):
        self.calls.append(name)
        for _ in range(round(10 * self.takes)):
            self.clock.now += 0.1
            if over():
                self.at_rest = True
                raise Stopped("cancelled", "over")
        if name in self.stop_at:
            raise self.stop_at[name]

    def restore(self, number, over):
        self._pass("restore", over)
        return TASK

    def run(self, task, file, over):
        self.acted.append(belief(file))
        self.at_rest = False
        self._pass("run", over)
        self.at_rest = True
        number = len(self.acted)
        report = self.faults.get(number, PolicyReport(f"r{number}", "done", 5, "in 1 s"))
        return report, None if self.silent else episode(number)

    def judge(self, task, seen, over):
        self._pass("judge", over)
        number = len(self.acted)
        return self.forced.get(number, abs(self.acted[-1] - self.truth) < 0.11)


def episode(number: int, ticks: int = 5) -> Episode:
    stamps = tuple(range(0, ticks * 40_000_000, 40_000_000))
    return Episode(
        f"r{number}", np.zeros((ticks, 3), np.float32), np.zeros((ticks, 2), np.float32), stamps, 0.04
    )


@dataclass
class Halfway:
    """Learns from each episode half of what is missing; takes down what it was given."""

    truth: float = 0.8
    known: float = 0.0
    episodes: list[Episode] = field(default_factory=list)

    def add(self, seen):
        self.episodes.append(seen)
        self.known += (self.truth - self.known) / 2

    def propose(self, failed):
        return policy(self.known)

    def context(self, file):
        return (belief(file),)
