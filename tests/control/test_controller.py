"""On the robot a policy sees and commands what it saw and commanded in training."""

import dataclasses

import numpy as np
import pytest

from metaagent_ros.control import ArmState, arm_state
from metaagent_ros.control.controller import Controller
from metaagent_ros.control.limits import guard_for
from metaagent_ros.policies.files import PolicyFileError
from sim_envs.arm_env import HIDDEN_RANGES, ArmEnv, shifted
from sim_envs.core import sample_hidden
from sim_envs.robots import load_profile
from sim_envs.robots.kinematics import Kinematics
from sim_envs.spec import GroundedTask, JointCommand, ObjectRef, Scene, TaskSpec

PANDA = load_profile("panda")
ACTION = (0.5, -0.25, -0.75, -0.5)


@pytest.fixture(scope="module")
def kinematics():
    it = Kinematics(PANDA)
    yield it
    it.close()


def measured(env: ArmEnv) -> tuple[ArmState, Scene]:
    positions, velocities = env.world.arm.joint_state()
    names = PANDA.joints + PANDA.gripper_joints
    seen = shifted(dataclasses.replace(env.view.item, position=env.view.thing), env.hidden)
    return ArmState(names, tuple(positions), tuple(velocities)), Scene((seen,))


def home_state() -> ArmState:
    names = PANDA.joints + PANDA.gripper_joints
    return ArmState(names, (*PANDA.home, 0.04, 0.04), (0.0,) * len(names))


def test_the_robot_sees_and_commands_what_training_did(make_policy, kinematics):
    env = ArmEnv(
        hidden=dataclasses.replace(sample_hidden(HIDDEN_RANGES, np.random.default_rng(3)), noise=0.0)
    )
    observation, info = env.reset(seed=5, options={"skill": "pick_place"})
    controller = Controller(make_policy("panda", ACTION), "panda", info["task"], kinematics)
    for _ in range(6):
        state, scene = measured(env)
        controller._side.take(state)
        seen = controller._side.observe(scene, controller._last)
        np.testing.assert_allclose(seen, observation, atol=2e-5)
        wanted = controller.tick(state, scene)
        spec = env.task.spec
        expected = env.world.arm.command(np.array(ACTION), spec.speed, spec.force)
        assert wanted.names == expected.names and wanted.duration == expected.duration
        np.testing.assert_allclose(wanted.positions, expected.positions, atol=1e-5)
        np.testing.assert_allclose(wanted.gripper_width, expected.gripper_width, atol=1e-6)
        observation, *_ = env.step(np.array(ACTION, dtype=np.float32))
    env.close()


def test_the_guard_lets_every_command_of_a_controller_through_unchanged(make_policy, kinematics):
    env = ArmEnv()
    _, info = env.reset(seed=1, options={"skill": "grasp"})
    controller = Controller(make_policy("panda", (0.9, 0.9, 0.9, 0.9)), "panda", info["task"], kinematics)
    guard = guard_for("panda", simulated=True)
    for number in range(1, 9):
        state, scene = measured(env)
        joints = arm_state(state.names, state.positions, state.velocities, PANDA.joints)
        now, stamp = 0.04 * number, 40_000_000 * number
        guard.feed_state(joints, stamp, now, now)
        command = controller.tick(state, scene)
        sent = guard.feed_command(command, stamp, now, now)
        if number == 1:  # nothing moves before it is known where from
            assert sent == dataclasses.replace(command, positions=joints.positions)
            continue
        assert sent == command
        env.world.arm.drive(command.positions, env.hidden)
        env.world.arm.grip(command.gripper_width, command.gripper_force)
        env.world.step()
        env.view.update()
    env.close()
    assert guard.counts.limited == 0


def test_joint_order_does_not_matter(make_policy, kinematics):
    state, (scene, task) = home_state(), _cube()
    order = list(reversed(range(len(state.names))))
    turned = ArmState(
        *(tuple(values[i] for i in order) for values in (state.names, state.positions, state.velocities))
    )
    one, two = (Controller(make_policy("panda", ACTION), "panda", task, kinematics) for _ in range(2))
    assert one.tick(state, scene) == two.tick(turned, scene)


def _cube(z: float = 0.022) -> tuple[Scene, GroundedTask]:
    from sim_envs.spec import SceneItem

    item = SceneItem("red_cube", "object", (0.5, 0.0, z), (0.022,) * 3, 0.0, "red", "cube", "medium")
    task = GroundedTask(TaskSpec("grasp", ObjectRef("red")), (0.5, 0.0, 0.142), 0.05, "red_cube")
    return Scene((item,)), task


def test_done_is_measured(make_policy, kinematics):
    _, task = _cube()
    controller = Controller(make_policy("panda", ACTION), "panda", task, kinematics)
    names = PANDA.joints + PANDA.gripper_joints
    closed = ArmState(names, (*PANDA.home, 0.021, 0.021), (0.0,) * len(names))
    assert not controller.done(closed, _cube()[0])
    assert controller.done(closed, _cube(0.16)[0])


def test_approach_ends_at_home_and_keeps_the_grip(make_policy, kinematics):
    _, task = _cube()
    held = JointCommand(PANDA.joints, PANDA.home, 0.01, 30.0, 0.05)
    controller = Controller(make_policy("panda", ACTION), "panda", task, kinematics, held)
    state = home_state()
    away = np.array(state.positions)
    away[:7] += (0.5, -0.4, 0.3, 0.2, -0.1, 0.2, -0.6)
    limit = np.array(PANDA.max_velocity) * PANDA.control_period
    for _ in range(60):
        command = controller.approach(ArmState(state.names, tuple(away), state.velocities))
        if command is None:
            break
        assert (command.gripper_width, command.gripper_force) == (0.01, 30.0)
        assert (np.abs(np.array(command.positions) - away[:7]) <= limit).all()
        away[:7] = command.positions
    assert command is None and controller.approach(home_state()) is None
    empty = (*(p + 0.3 for p in PANDA.home), 0.001, 0.001)
    opened = controller.approach(ArmState(state.names, empty, state.velocities))
    assert opened.gripper_width == PANDA.gripper_max_width


def test_a_policy_that_does_not_fit_is_refused_by_name(make_policy, kinematics):
    _, task = _cube()
    with pytest.raises(PolicyFileError, match=r"\(3,\)"):
        Controller(make_policy("panda", (0.0, 0.0, 0.0)), "panda", task, kinematics)
    policy = make_policy("panda", ACTION)
    narrow = dict(policy.tensors) | {"actor.latent_pi.0.weight": np.zeros((8, 5), dtype=np.float32)}
    with pytest.raises(PolicyFileError, match="33"):
        Controller(dataclasses.replace(policy, tensors=narrow), "panda", task, kinematics)


def test_bad_numbers_raise_before_anything_is_commanded(make_policy, kinematics):
    scene, task = _cube()
    policy = make_policy("panda", ACTION)
    huge = dict(policy.tensors) | {
        "actor.latent_pi.2.bias": np.full_like(policy.tensors["actor.latent_pi.2.bias"], 3e38),
        "actor.mu.weight": np.resize(np.float32([3e38, -3e38]), policy.tensors["actor.mu.weight"].shape),
    }
    controller = Controller(dataclasses.replace(policy, tensors=huge), "panda", task, kinematics)
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="finite"):
        controller.tick(home_state(), scene)
    with pytest.raises(ValueError, match="red_cube"):
        Controller(policy, "panda", task, kinematics).tick(home_state(), Scene(()))
    with pytest.raises(ValueError, match="skill"):
        other = dataclasses.replace(task, spec=TaskSpec("navigate"))
        Controller(policy, "panda", other, kinematics)
