"""Before anything starts: read the sentence, choose the robot, look at the policy and at the scene."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

from metaagent_ros.demo.options import BadInput, Options, choose_robot
from metaagent_ros.demo.policy import check_policy
from metaagent_ros.demo.view import View
from metaagent_ros.instructions import guard
from metaagent_ros.instructions.grounding import GroundingError, ground_plan
from metaagent_ros.instructions.schema import Plan
from metaagent_ros.policies.files import PolicyFileError, shipped_policy
from sim_envs.spec import Hidden, SpecError


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is known before the start."""

    plan: Plan
    robot: str
    policy: Path
    hidden: Hidden


def prepare(options: Options, view: View) -> Prepared:
    """Raises :class:`BadInput` where the sentence, an option or a file does not allow a start."""
    view.stage("Reading the sentence")
    plan = _parse(options, view)
    if plan.status != "ok":
        word = "question" if plan.status == "clarify" else f"refused ({plan.reason})"
        raise BadInput(f"{word}: {plan.message}")
    robot = choose_robot(plan, options.robot)
    view.plan(plan, robot, options.sentence)
    try:
        policy = options.policy or shipped_policy(robot)
    except PolicyFileError as error:
        raise BadInput(str(error)) from None
    hidden = _look(options, plan, robot)
    try:
        check_policy(policy, robot)
    except PolicyFileError as error:
        remedy = "" if options.policy else "; get it back: git checkout models, or train it: make models"
        raise BadInput(f"the policy cannot be used: {error}{remedy}") from None
    return Prepared(plan, robot, policy.resolve(), hidden)


def _parse(options: Options, view: View) -> Plan:
    from metaagent_ros.instructions import load_parser

    if (refusal := guard.check(options.sentence)) is not None:
        return refusal  # the same check as every parser's own, without the seconds that a model takes to load
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        reader = load_parser(options.parser)
    for warning in caught:
        if warning.filename == __file__:  # ours, not one of a library's
            view.say(f"warning: {warning.message}", "yellow")
    return reader.parse(options.sentence)


def _look(options: Options, plan: Plan, robot: str) -> Hidden:
    """Whether the scene has what the plan names; the graph binds it anew from what its camera sees."""
    from sim_envs.simulation import make_simulation

    try:
        seeds = options.scene_seed, options.hidden_seed
        simulation = make_simulation(robot, *seeds, physics=options.physics)
    except (SpecError, ImportError) as error:
        raise BadInput(f"the simulation of {robot} cannot start: {error}") from None
    try:
        scene = simulation.scene()
        ground_plan(plan, scene, robot)
    except GroundingError as error:
        word = "question" if error.status == "clarify" else "refused"
        raise BadInput(f"{word}: {error}") from None
    finally:
        simulation.close()
    hidden: Hidden = simulation.hidden
    return hidden
