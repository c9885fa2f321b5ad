"""What a policy that was trained in Bullet is worth in MuJoCo: success on the same scenes in both, and speed.

``python -m benchmarks.mujoco_transfer [--json] [--out FILE] [--scenes N]`` from the repository root. Each
scene has a hidden draw of its own and is tried in both engines by the cores of the graph's policy and guard:
with the policy as it ships, with what it becomes by adapting in the graph's twin, which is Bullet's, and with
what it becomes by adapting in a twin of the engine that it is then tried in.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.measure import Item, finish, item, machine
from metaagent_ros.control.execution import Stopped
from metaagent_ros.control.simulated_robot import SimulatedRobot
from metaagent_ros.instructions.grounding import ground
from metaagent_ros.meta.adaptation import Budget, adapt
from metaagent_ros.meta.tasks import Twin
from metaagent_ros.policies.files import PolicyFile, shipped_policy
from sim_envs.arm_env import ArmEnv, find_arm_task
from sim_envs.physics import PHYSICS
from sim_envs.simulation import ON_THE_TABLE, make_simulation
from sim_envs.spec import GroundedTask, Scene, TaskSpec
from sim_envs.tasks import family

ROBOT = "panda"
SCENES, FIRST = 20, 1000  # seeds of scene and hidden draw alike
TRIALS, SECONDS = 8, 60.0  # budget of the adaptation, as the graph's
EXPERT = 20  # episodes of the scripted expert
CASES = (("", "bullet"), ("", "mujoco"), ("bullet", "bullet"), ("bullet", "mujoco"), ("mujoco", "mujoco"))
"""Where the policy adapts, empty for not at all, and where it is tried."""
SPAN, ROUNDS = 2.0, 5  # [s] of simulated time for one clocking of an engine; how often


def spec_of(number: int) -> TaskSpec:
    """The named part of a scene's task: its objects, skills and bins take turns."""
    color, shape, _ = ON_THE_TABLE[number % len(ON_THE_TABLE)]
    data: dict[str, Any] = {"object": {"color": color, "shape": shape}}
    if number % 2:
        return TaskSpec.from_dict(data | {"skill": "grasp"})
    bin_ = {"kind": "bin", "name": ("left", "right")[number // 2 % 2]}
    return TaskSpec.from_dict(data | {"skill": "pick_place", "target": bin_, "relation": "in"})


def grounded(spec: TaskSpec, scene: Scene) -> GroundedTask:
    """The task bound to the scene as the camera sees it."""
    return ground(spec, scene, ROBOT)


def robot(number: int, physics: str) -> SimulatedRobot:
    """The robot of a scene, as it starts."""
    seed = FIRST + number
    return SimulatedRobot(ROBOT, seed, seed, partial(grounded, spec_of(number)), physics)


def succeeds(number: int, physics: str, policy: PolicyFile) -> bool:
    """Whether one run ends with the task truly done, by the simulation's own state."""
    one, spec = robot(number, physics), spec_of(number)
    try:
        start = grounded(spec, one.simulation.truth())
        with contextlib.suppress(Stopped):  # by the guard; what counts is what has become true
            one.run(grounded(spec, one.simulation.scene()), policy, lambda: False)
        seen = one.look()
        assert start.object_name is not None and seen.width is not None
        thing = one.simulation.truth().item(start.object_name)
        return find_arm_task(spec.skill).done(thing, start, seen.width)
    finally:
        one.close()


def adapted(number: int, physics: str, start: PolicyFile) -> PolicyFile:
    """What the start becomes within the budget, in a twin of that engine."""
    one = robot(number, physics)
    scene, hidden = one.simulation.scene(), one.simulation.hidden
    one.close()
    twin = Twin(family(ROBOT), hidden, scene, grounded(spec_of(number), scene), physics=physics)
    try:
        return adapt(start, twin, Budget(TRIALS, SECONDS)).policy
    finally:
        twin.close()


def transfer(scenes: int) -> list[Item]:
    """Success of the start and of what it is adapted to, in each engine."""
    start = PolicyFile.load(shipped_policy(ROBOT))
    solved = dict.fromkeys(CASES, 0)
    for number in range(scenes):
        policies = {twin: adapted(number, twin, start) for twin in PHYSICS} | {"": start}
        for twin, physics in CASES:
            solved[twin, physics] += succeeds(number, physics, policies[twin])
        print(f"scene {number + 1} of {scenes}: {list(solved.values())}", file=sys.stderr)
    return [
        item(
            f"{f'adapted_in_{twin}' if twin else 'zero_shot'}_tried_in_{physics}", n / scenes, f"of {scenes}"
        )
        for (twin, physics), n in solved.items()
    ]


def expert() -> list[Item]:
    """Success of the scripted expert, which knows all, on nominal dynamics."""
    items = []
    for physics in PHYSICS:
        for task in ("grasp", "pick_place"):
            env, solved = ArmEnv(ROBOT, (task,), physics=physics), 0
            for seed in range(EXPERT):
                env.reset(seed=seed)
                over = False
                while not over:
                    _, _, terminated, truncated, info = env.step(env.expert())
                    over = terminated or truncated
                solved += info["is_success"]
            env.close()
            items.append(item(f"expert_{task}_{physics}", solved / EXPERT, f"of {EXPERT} runs"))
    return items


def speed() -> list[Item]:
    """Simulated seconds a second with six objects on the table, in turns: the median over rounds."""
    engines = [make_simulation(ROBOT, 0, 0, physics) for physics in PHYSICS]
    rounds = [[SPAN / clocked(each) for each in engines] for _ in range(ROUNDS)]
    for each in engines:
        each.close()
    factors = [statistics.median(column) for column in zip(*rounds, strict=True)]
    return [
        item(f"real_time_factor_{physics}", factor, "s/s", ">= 5")
        for physics, factor in zip(PHYSICS, factors, strict=True)
    ]


def clocked(simulation: Any) -> float:
    """Seconds that :data:`SPAN` of simulated time takes."""
    begun = time.perf_counter()
    for _ in range(round(SPAN / simulation.substep)):
        simulation.advance()
    return time.perf_counter() - begun


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 0 where every target is met, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mujoco_transfer", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON, not a table")
    parser.add_argument("--out", type=Path, help="a file for the JSON")
    parser.add_argument("--scenes", type=int, default=SCENES, help="how many scenes, each with a hidden draw")
    parser.add_argument("--only", nargs="+", choices=("speed", "expert", "transfer"), help="only these")
    given = parser.parse_args(arguments)
    if given.scenes < 1:
        parser.error(f"--scenes is {given.scenes}; allowed: 1 or more")
    parts: dict[str, Callable[[], list[Item]]] = {
        "speed": speed, "expert": expert, "transfer": partial(transfer, given.scenes),
    }  # fmt: skip
    report: dict[str, Any] = {"machine": machine() | {"mujoco": version("mujoco")}, "items": []}
    for name in given.only or parts:
        report["items"] += parts[name]()
    return finish(report, given)


if __name__ == "__main__":
    sys.exit(main())
