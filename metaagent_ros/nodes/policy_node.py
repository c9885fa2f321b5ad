"""The policy at the control rate: measured state in, wanted command out."""

from __future__ import annotations

from typing import Any

from rclpy.context import Context

from metaagent_ros.control.pacing import Grid
from metaagent_ros.control.runner import Runner
from metaagent_ros.control.state import RobotState
from metaagent_ros.deployment import load_deployment
from metaagent_ros.nodes.assignments import Assignments
from metaagent_ros.nodes.later import Rehearsals
from metaagent_ros.nodes.lifecycle import ManagedNode
from metaagent_ros.nodes.policy_topics import PolicyTopics
from metaagent_ros.nodes.policy_words import PolicyReports
from metaagent_ros.nodes.running import run, wall_timer
from sim_envs.robots import load_profile

STATUS_PERIOD = 0.1  # [s]


class PolicyNode(ManagedNode):
    """Feeds the runner; a tick falls on the first measured state of every control period."""

    runner: Runner | None = None
    topics: PolicyTopics
    assignments: Assignments

    def __init__(self, context: Context | None = None, **options: Any) -> None:
        super().__init__("policy", context, **options)
        self.reports = PolicyReports(self)
        self.timer = wall_timer(self, STATUS_PERIOD, self.reports.on_timer)

    def set_up(self) -> None:
        """The runner of the robot, and its topics."""
        robot = str(self.values["robot"])
        self.profile: Any = load_profile(robot)
        self.deployment = load_deployment(robot)
        connected = self.runner is not None
        self.runner = Runner(robot)
        self.grid = Grid(self.runner.period)
        self._seen: RobotState | None = None
        if connected:
            self.topics.clear()
            self.assignments.clear()
        else:
            self.assignments = Assignments(self)
            self.topics = PolicyTopics(self)
            self.rehearsals = Rehearsals(
                self, self.runner.period, lambda: self.reports.on_quiet(), self.rehearse
            )

    def tear_down(self) -> None:
        """Free the kinematics."""
        if self.runner is not None:
            self.runner.close()

    def lacking(self) -> str:
        """A usable measured state; for a base a scan too."""
        return self.topics.lacking()

    def begin(self) -> None:
        """What was assigned while it was starting."""
        self.assignments.begin()

    def rest(self) -> None:
        """The run ends; the guard stops the robot."""
        if self.runner is not None:
            self.runner.stop()
            self.reports.publish()

    @property
    def _runner(self) -> Runner:
        assert self.runner is not None  # no callback comes before set_up
        return self.runner

    @property
    def paused(self) -> bool:
        """Whether the run waits for the robot's own program."""
        return self.topics.paused

    def wants(self, stamp_ns: int) -> bool:
        """Whether the state of that stamp is looked at: to become active, or for a tick."""
        return not self.active or (self.grid.due(stamp_ns) and self._runner.running)

    def tick(self, stamp_ns: int, state: RobotState) -> None:
        """The command for a measured state, and what there is to say when it was the run's last."""
        runner, topics = self._runner, self.topics
        if not self.active:
            return
        if topics.paused:
            runner.wait(stamp_ns)
            return
        topics.send(runner.tick(stamp_ns, state, topics.scene, topics.seen_ns), stamp_ns)
        self._seen = state
        self.rehearsals.start()
        if runner.report.state != "running":
            self.reports.log()
            topics.tell_episode(runner.log.episode())
            self.reports.publish()
        self.reports.ticked()

    def rehearse(self) -> None:
        """Shortly before the next tick, when nothing waits for this process."""
        if self.active and self._seen is not None:
            self.topics.rehearse(self._runner.rehearse(self._seen, self.topics.scene))


def main() -> None:
    """The process."""
    run(PolicyNode, prompt=True)


if __name__ == "__main__":
    main()
