"""MuJoCo behind the same methods: an arm that is commanded, measured and hidden as Bullet's is."""

import dataclasses
import json
import math
from collections.abc import Sequence

import mujoco
import numpy as np
import pytest

from metaagent_ros.graph import ARGUMENTS
from sim_envs.arm_env import ArmEnv
from sim_envs.mujoco_model import OTHER_FRICTION
from sim_envs.mujoco_world import MujocoWorld
from sim_envs.physics import PHYSICS
from sim_envs.robots import load_profile, robots
from sim_envs.simulation import ArmSimulation, make_simulation
from sim_envs.spec import NOMINAL, Hidden, SceneItem, SpecError

PANDA = load_profile("panda")
ARMS = [name for name in robots() if load_profile(name).family == "arm"]
TURNED = np.add(PANDA.home, (0.3, -0.2, 0.2, 0.3, -0.3, 0.0, 0.4))
GRAVITY = 9.81
HEAVY, FORCE = Hidden(mass=0.3, friction=0.6), 25.0


def run(simulation: ArmSimulation, seconds: float) -> None:
    for _ in range(round(seconds / simulation.substep)):
        simulation.advance()


@pytest.fixture(params=PHYSICS)
def simulation(request):
    made = ArmSimulation(PANDA, 3, NOMINAL, request.param)
    yield made
    made.close()
    made.close()


def test_the_graph_offers_the_engines_that_there_are():
    (choices,) = [a.choices for a in ARGUMENTS if a.name == "physics"]
    assert choices == PHYSICS
    with pytest.raises(SpecError, match="mujoco"):
        make_simulation("panda", 0, 0, physics="mujocco")


def test_both_engines_speak_the_same():
    hidden = Hidden(offset_x=0.02, offset_y=-0.03, gain=0.9, lag=0.03, noise=0.001)
    bullet, ours = (ArmSimulation(PANDA, 5, hidden, physics) for physics in PHYSICS)
    for one, two in zip(ours.scene().items, bullet.scene().items, strict=True):
        assert dataclasses.replace(one, yaw=two.yaw) == two and one.yaw == pytest.approx(two.yaw)
    for (names, *one), (others, *two) in zip((ours.joint_state(),), (bullet.joint_state(),), strict=True):
        assert names == others
        for a, b in zip(one, two, strict=True):
            assert a.shape == b.shape and a.dtype == b.dtype
            np.testing.assert_allclose(a, b, atol=1e-9)
    assert (PANDA.control_period / ours.substep) == pytest.approx(round(PANDA.control_period / ours.substep))
    one, two = (json.loads(json.dumps(each.state())) for each in (ours, bullet))
    assert one.keys() == two.keys() and one["joints"].keys() == two["joints"].keys()
    assert one["objects"].keys() == two["objects"].keys()
    for name, pose in one["objects"].items():
        np.testing.assert_allclose(pose, two["objects"][name], atol=1e-6)
    ours.advance()
    assert ours.time == pytest.approx(ours.substep)
    ours.close()
    bullet.close()


@pytest.mark.parametrize("name", ARMS)
def test_the_tool_is_where_bullet_has_it(name):
    profile = load_profile(name)
    bullet, ours = (ArmSimulation(profile, 0, NOMINAL, physics) for physics in PHYSICS)
    one, two = (each._world.arm.read() for each in (ours, bullet))
    np.testing.assert_allclose(one.tool, two.tool, atol=2e-6)
    assert abs(np.dot(one.turn, two.turn)) == pytest.approx(1.0, abs=1e-6)
    run(ours, 1.0)
    np.testing.assert_allclose(ours.joint_state()[1], [*profile.home, *two.positions[-2:]], atol=2e-3)
    for each in (ours, bullet):
        each.close()


def test_a_commanded_pose_and_width_are_reached_in_any_joint_order(simulation):
    order = list(reversed(range(len(PANDA.joints))))
    simulation.command_joints([PANDA.joints[i] for i in order], [float(TURNED[i]) for i in order])
    simulation.command_gripper(0.03, 20.0)
    run(simulation, 1.5)
    _, positions, velocities = simulation.joint_state()
    np.testing.assert_allclose(positions[:7], TURNED, atol=2e-3)
    np.testing.assert_allclose(positions[7:], 0.015, atol=1e-3)
    assert np.abs(velocities).max() < 0.01


def test_what_is_not_a_command_moves_nothing(simulation):
    for names, positions in (
        (PANDA.joints, [math.nan, *PANDA.home[1:]]),
        (PANDA.joints, [math.inf, *PANDA.home[1:]]),
        (PANDA.joints[:-1], PANDA.home[:-1]),
        (("joint", *PANDA.joints[1:]), PANDA.home),
    ):
        with pytest.raises(ValueError, match="joint"):
            simulation.command_joints(names, positions)
    for width, force in ((math.nan, 1.0), (0.02, math.inf), (-0.01, 1.0)):
        with pytest.raises(ValueError, match="gripper"):
            simulation.command_gripper(width, force)
    run(simulation, 0.4)
    np.testing.assert_allclose(simulation.joint_state()[1], [*PANDA.home, 0.04, 0.04], atol=2e-3)


def test_runs_are_the_same_bit_for_bit_also_after_a_reset():
    def states(simulation: ArmSimulation) -> list:
        rng, seen = np.random.default_rng(0), []
        for _ in range(25):
            down = rng.uniform(0.0, 1.0, 7) * (0.1, 0.5, 0.1, -0.3, 0.1, 0.1, 0.1)  # onto the objects
            simulation.command_joints(PANDA.joints, np.add(PANDA.home, down))
            simulation.command_gripper(rng.uniform(0.0, 0.08), 30.0)
            run(simulation, PANDA.control_period)
            seen.append([simulation.state()["objects"], simulation.joint_state()[1].tolist()])
        return seen

    one, two = (make_simulation("panda", 3, 4, physics="mujoco") for _ in range(2))
    first = states(one)
    assert first == states(two)
    two.reset()
    assert first == states(two)
    one.close()
    two.close()


def test_objects_lie_still_and_a_state_can_be_drawn(simulation):
    start = simulation.truth()
    run(simulation, 1.0)
    for before, after in zip(start.items, simulation.truth().items, strict=True):
        np.testing.assert_allclose(after.position, before.position, atol=1.5e-3)
        assert after.yaw == pytest.approx(before.yaw, abs=0.02)
    simulation.command_joints(PANDA.joints, TURNED)
    run(simulation, 0.5)
    state = simulation.state()
    for physics in PHYSICS:
        other = ArmSimulation(PANDA, 3, NOMINAL, physics)
        other.show(state)
        np.testing.assert_allclose(other.joint_state()[1], simulation.joint_state()[1])
        np.testing.assert_allclose(other.truth().items[0].position, simulation.truth().items[0].position)
        picture = other.render(96, 72)
        assert picture.shape == (72, 96, 3) and picture.dtype == np.uint8 and picture.std() > 10.0
        other.close()


def world(shape: str, hidden: Hidden, height: float = 0.0) -> MujocoWorld:
    made = MujocoWorld(PANDA)
    place = (0.5, 0.0, 0.022 + height)
    made.reset([SceneItem("thing", "object", place, (0.022,) * 3, 0.0, "red", shape, "medium")], hidden)
    return made


@pytest.mark.parametrize("friction", [0.5, 1.2])
def test_an_object_slides_where_friction_says_so(friction):
    for share, slides in ((0.9, False), (1.1, True)):
        made = world("cube", Hidden(friction=friction))
        slope = math.atan(share * friction * OTHER_FRICTION)
        made.model.opt.gravity[:] = (GRAVITY * math.sin(slope), 0.0, -GRAVITY * math.cos(slope))
        for _ in range(12):
            made.step()
        assert (made.speed("thing") > 0.1) is slides
        made.close()


@pytest.mark.parametrize("restitution", [0.0, 0.25, 0.5])
def test_a_ball_bounces_as_restitution_says(restitution):
    made = world("sphere", Hidden(restitution=restitution), 0.1)
    down, up = 0.0, 0.0
    for _ in range(150):
        made.substep()
        speed = made.data.qvel[made.model.body_dofadr[made.bodies["thing"]] + 2]
        down, up = max(down, -speed), max(up, speed)
    assert down == pytest.approx(math.sqrt(2 * GRAVITY * 0.1), rel=0.03)
    assert up / down == pytest.approx(restitution, abs=0.08)
    made.close()


def test_mass_gain_lag_and_damping_are_hidden_in_the_model():
    heavy = world("cube", Hidden(mass=0.4, damping=3.0))
    assert heavy.model.body("thing").mass[0] == pytest.approx(0.4)
    assert heavy.model.dof_damping[heavy.model.joint(PANDA.joints[0]).dofadr[0]] == 3.0
    heavy.close()
    far = {}
    for name, hidden in {"none": NOMINAL, "lag": Hidden(lag=0.06), "gain": Hidden(gain=0.6)}.items():
        made = world("cube", hidden)
        made.arm.drive(PANDA.home + np.array([0.05, *[0.0] * 6]), hidden)
        reached = []
        for _ in range(40):
            made.step()
            reached.append(made.arm.joint_state()[0][0] / 0.05)
        far[name] = reached[1], reached[-1]
        made.close()
    assert far["none"] == pytest.approx((1.0, 1.0), abs=0.1)
    assert far["lag"][0] < 0.75 and far["lag"][1] == pytest.approx(1.0, abs=0.01)
    assert far["gain"][1] == pytest.approx(0.6, abs=0.01)


@pytest.mark.parametrize("shape", ["cube", "sphere", "cylinder"])
def test_what_is_held_stays_in_the_hand_with_the_force_that_was_asked_for(shape):
    made = world(shape, HEAVY)
    close_on(made, 0.0)
    assert made.held("thing")
    go(made, (0.0, 0.0, 1.0), 0.0, 8)
    grip = np.subtract(made.where("thing"), made.arm.read().tool)
    for way in ((1.0, 0.0, 0.0), (-1.0, 1.0, 0.0), (0.0, -1.0, 0.5)):
        go(made, way, 0.0, 5)
    go(made, (0.0,) * 3, 0.0, 25)
    np.testing.assert_allclose(np.subtract(made.where("thing"), made.arm.read().tool), grip, atol=2e-3)
    assert pressed(made) == pytest.approx(2 * FORCE, rel=0.05)
    made.close()


@pytest.mark.parametrize("shape", ["cube", "sphere", "cylinder"])
def test_what_only_the_edges_of_the_fingers_meet_is_gripped_and_not_pressed_out(shape):
    made = world(shape, HEAVY)
    close_on(made, 0.014)
    go(made, (0.0, 0.0, 1.0), 0.0, 10)
    assert made.held("thing") and made.where("thing")[2] > 0.1
    made.close()


def close_on(made: MujocoWorld, beside: float) -> None:
    """Go to the object, or so much [m] beside it along the fingers' width, and close."""
    aim = np.subtract(made.where("thing"), (beside, 0.0, 0.0))
    while np.linalg.norm(aim - made.arm.read().tool) > 0.003:
        go(made, ((aim - made.arm.read().tool) / 0.02).clip(-1, 1), 0.08, 1)
    go(made, (0.0,) * 3, 0.0, 15)


def go(made: MujocoWorld, action: Sequence[float], width: float, steps: int) -> None:
    for _ in range(steps):
        state = made.arm.read()
        made.arm.act(state, made.arm.target(state, action, "normal"), (width, FORCE), HEAVY)
        made.step()


def pressed(made: MujocoWorld) -> float:
    """Normal forces [N] of both fingers on the object."""
    total, force = 0.0, np.zeros(6)
    for number in range(made.data.ncon):
        pair = made.model.geom_bodyid[made.data.contact[number].geom]
        if made.bodies["thing"] in pair and set(pair) & set(made.arm.fingers):
            mujoco.mj_contactForce(made.model, made.data, number, force)
            total += force[0]
    return total


@pytest.mark.parametrize("task", ["grasp", "pick_place", "stack"])
def test_the_scripted_expert_solves_what_it_solves_in_bullet(task):
    env = ArmEnv(tasks=(task,), physics="mujoco")
    for seed in range(5):
        env.reset(seed=20_000 + seed)
        over = False
        while not over:
            _, _, terminated, truncated, info = env.step(env.expert())
            over = terminated or truncated
        assert info["is_success"], f"seed {seed}"
    env.close()


def test_an_environment_continues_bit_for_bit_from_a_snapshot():
    one = ArmEnv(physics="mujoco", hidden="sample")
    one.reset(seed=3)
    actions = np.random.default_rng(0).uniform(-1.0, 1.0, (20, 4))
    for action in actions[:10]:
        one.step(action)
    two = ArmEnv(physics="mujoco", hidden="sample")
    two.restore(one.save())
    for action in actions[10:]:
        np.testing.assert_array_equal(one.step(action)[0], two.step(action)[0])
    with pytest.raises(SpecError, match="physics"):
        ArmEnv(hidden="sample").restore(one.save())
    one.close()
    two.close()


def test_a_description_without_what_the_profile_names_is_refused():
    for change, missing in (
        ({"joints": ("knee", *PANDA.joints[1:])}, "knee"),
        ({"tool_link": "spoon"}, "spoon"),
    ):
        with pytest.raises(SpecError, match=missing):
            MujocoWorld(dataclasses.replace(PANDA, **change))
