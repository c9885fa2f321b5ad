"""A whole peer for the demo without ROS: a puppet world, its recording, a client and a stack."""

import json
from pathlib import Path

from metaagent_ros.control.execution import Outcome, Progress
from metaagent_ros.control.reports import GuardReport
from metaagent_ros.demo.options import Options
from metaagent_ros.demo.run import demo
from metaagent_ros.demo.terminal import Terminal
from metaagent_ros.instructions.grounding import ground
from metaagent_ros.launcher import Died
from sim_envs.recording import FILE, PERIOD
from sim_envs.simulation import make_simulation

IN_LEFT_BIN = [0.5, 0.30, 0.022, 0.0, 0.0, 0.0, 1.0]


class PuppetStack:
    """Stands for the processes: writes the recording, and dies when told to."""

    def __init__(self, specs, log_dir: Path, env=None) -> None:
        self.specs, self.log_dir, self.env = specs, log_dir, {"ROS_DOMAIN_ID": "42"}
        self.died: Died | None = None
        self.ended = False

    def __enter__(self):
        values = next(spec for spec in self.specs if spec.name == "simulator").parameters
        self.simulation = make_simulation("panda", values["scene_seed"], values["hidden_seed"])
        self.recording = (Path(values["record"]) / FILE).open("w")
        self._write(
            {"robot": "panda", "scene_seed": 0, "hidden_seed": values["hidden_seed"], "period": PERIOD}
        )
        return self

    def __exit__(self, *unused) -> None:
        self.recording.write('{"cut short')
        self.recording.close()
        self.simulation.close()
        self.ended = True

    def poll(self):
        return self.died

    def _write(self, entry) -> None:
        self.recording.write(json.dumps(entry) + "\n")

    def put(self, name: str, pose: list[float]) -> None:
        """Something is elsewhere now."""
        state = self.simulation.state()
        state["objects"][name] = pose
        self.simulation.show(state)

    def record(self, count: int = 4) -> None:
        """Some states of the recording, as time goes on."""
        for number in range(count):
            self._write(self.simulation.state() | {"time": PERIOD * (number + 1)})


class PuppetClient:
    """Stands for the client: says what a graph says; ``script`` moves the world."""

    def __init__(self, stack: PuppetStack, script) -> None:
        self.stack, self.script = stack, script

    def __enter__(self):
        return self

    def __exit__(self, *unused) -> None:
        return None

    def wait_ready(self, timeout, on_wait) -> None:
        on_wait(("node simulator",))

    def truth(self):
        return self.stack.simulation.truth()

    def scene(self):
        return self.stack.simulation.scene()

    def guard(self):
        return GuardReport("holding", 27, 2, 0, "no command from the policy in time.")

    def execute(self, instruction, max_trials, max_seconds, on_feedback, cancelled):
        from metaagent_ros.instructions import load_parser

        plan = load_parser("rules").parse(instruction)
        task = ground(plan.steps[0], self.scene(), "panda")
        for progress in (
            Progress("parse"),
            Progress("ground", plan=plan),
            Progress("adapt", "", plan, 0, task),
            Progress("adapt", "", plan, 0, task, 0, 0.25),
            Progress("adapt", "", plan, 0, task, 1, 0.75),
            Progress("run", "", plan, 0, task),
        ):
            on_feedback(progress)
            cancelled()
        self.stack.record()
        outcome = self.script(self.stack)
        self.stack.record()
        cancelled()
        return outcome


def places_it(stack: PuppetStack) -> Outcome:
    """The robot does as it was told."""
    stack.put("red_cube", IN_LEFT_BIN)
    return Outcome("done", "pick_place: done", None, (0.25, 0.75))


def does_nothing(stack: PuppetStack) -> Outcome:
    """The robot believes that it did."""
    return Outcome("done", "pick_place: done", None, (0.25, 0.75))


def play(script, options: Options, interrupts) -> tuple[int, list[PuppetStack]]:
    """The demo on puppets: exit code, and the stacks that were started."""
    stacks: list[PuppetStack] = []

    def start(*arguments):
        stacks.append(PuppetStack(*arguments))
        return stacks[-1]

    with Terminal() as terminal:
        code = demo(options, terminal, interrupts, lambda env: PuppetClient(stacks[-1], script), start)
    return code, stacks


__all__ = ["PuppetClient", "PuppetStack", "does_nothing", "places_it", "play"]
