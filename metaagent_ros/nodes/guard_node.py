"""The only node that commands the robot: the guard's judgement, in the robot's own dialect."""

from __future__ import annotations

import time
from typing import Any

from rclpy.context import Context

from metaagent_ros.control.guard import TICK_S
from metaagent_ros.control.limits import guard_for
from metaagent_ros.control.pacing import NS
from metaagent_ros.control.program import Program
from metaagent_ros.deployment import load_deployment
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.adapters import Adapter, command_adapter
from metaagent_ros.nodes.guard_services import GuardServices
from metaagent_ros.nodes.guard_topics import GuardTopics
from metaagent_ros.nodes.guard_words import GuardReports
from metaagent_ros.nodes.later import Rehearsals
from metaagent_ros.nodes.lifecycle import ManagedNode
from metaagent_ros.nodes.running import run, wall_timer
from sim_envs.robots import load_profile
from sim_envs.spec import BaseCommand, JointCommand


class GuardNode(ManagedNode):
    """Feeds the guard with states and commands, and sends on what it lets through while it is active."""

    guard: Any = None
    adapter: Adapter | None = None
    _heard: Any = None  # the last command of who holds the lease

    def __init__(self, context: Context | None = None, **options: Any) -> None:
        super().__init__("guard", context, **options)
        self.reports, self.person = GuardReports(self), GuardServices(self)
        self.rivals: tuple[str, ...] = ()
        self.timer = wall_timer(self, TICK_S, self.on_tick)

    def set_up(self) -> None:
        """The robot's guard, and the topics on both sides of it."""
        values = self.values
        robot, speed = str(values["robot"]), float(values["speed"])
        deployment = load_deployment(robot).speaking(str(values["command"]), str(values["gripper"]))
        self.deployment = deployment.shadowed() if values["shadow"] else deployment
        self.profile: Any = load_profile(robot)
        simulated = bool(self.get_parameter("use_sim_time").value)
        self.guard = guard_for(robot, deployment, speed, simulated)
        self.program = Program(deployment.speed_scaling_full)
        if self.adapter is None:
            self.adapter = command_adapter(self, self.deployment, self.profile)
            self.topics = GuardTopics(self)
            period = float(self.profile.control_period)  # another set-up brings another guard
            self.rehearsals = Rehearsals(self, period, lambda: self.guard.prepare(), self.rehearse)

    def tear_down(self) -> None:
        """Free the physics of the forecast."""
        if self.guard is not None:
            self.guard.close()

    def lacking(self) -> str:
        """A fresh state with exactly the joints of the profile."""
        if self.guard.estopped:
            return f"{self.guard.message} (guard/reset ends it)"
        missing = self.guard.stale(*self.now())
        return self.topics.wrong or (f"{missing} {self.topics.silence()}".strip() if missing else "")

    def rest(self) -> None:
        """Ramp the robot to rest; takes as long as its limits of acceleration ask."""
        for command in self.guard.rest("deactivated", time.monotonic()):
            self.send(command)
            time.sleep(TICK_S)

    def now(self) -> tuple[float, float]:
        """Robot time and wall time [s]."""
        return self.get_clock().now().nanoseconds / NS, time.monotonic()

    def on_command(self, message: Any) -> None:
        """What a commander wants."""
        guard, before, now, commander = self.guard, self.guard.state, self.now(), str(message.commander)
        if not self.active:
            guard.reject(f"the guard is {self.lifecycle}. {self.refusal}")
        elif not guard.refuses(commander, now[0]):
            wanted, self._heard = dialect.command_value(message), message
            self.send(guard.feed_command(wanted, dialect.stamp_of(message), *now, commander))
        self.reports.tell(before)
        self.reports.commanded()
        self.rehearsals.start()

    def rehearse(self) -> None:
        """Shortly before the next command, when nothing waits for this process: all but the sending."""
        if self.active and self._heard is not None and self.adapter is not None:
            found = self.guard.rehearse(dialect.command_value(self._heard))
            if found is not None:
                self.adapter.rehearse(found)

    def on_tick(self) -> None:
        """The next step to rest where something went missing; say how things stand."""
        if self.guard is not None:
            before = self.guard.state
            if self.active:
                self.send(self.guard.tick(*self.now()))
            self.reports.tell(before)
        self.reports.on_tick()

    def send(self, command: JointCommand | BaseCommand | None) -> None:
        """To the robot."""
        if command is not None and self.adapter is not None:
            self.adapter.send(command)


def main() -> None:
    """The process."""
    run(GuardNode, prompt=True)


if __name__ == "__main__":
    main()
