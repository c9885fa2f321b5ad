"""An assignment becomes commands at the control rate of robot time; a broken one becomes a fault."""

import hashlib

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from sensor_msgs.msg import JointState

from metaagent_interfaces.msg import ArmCommand, GuardStatus, ObjectStates, PolicyAssignment, PolicyStatus
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.conversions import scene_message, task_message, time_message
from metaagent_ros.nodes.policy_node import PolicyNode
from sim_envs.robots import load_profile
from sim_envs.simulation import table_scene
from sim_envs.spec import GroundedTask, ObjectRef, TaskSpec

pytestmark = pytest.mark.ros
PANDA = load_profile("panda")
NAMES = PANDA.joints + PANDA.gripper_joints
TASK = GroundedTask(TaskSpec("grasp", ObjectRef("red")), (0.5, 0.0, 0.142), 0.05, "red_cube")
MS = 1_000_000


class PolicyBench:
    """A policy node and a robot at rest whose time goes on by 10 ms a state."""

    def __init__(self, bench, data: bytes):
        self.bench, self.data, self.now = bench, data, 0
        self.node = bench.make(PolicyNode, robot="panda")
        self.commands = bench.listen(ArmCommand, "policy/arm_command")
        self.status = bench.listen(PolicyStatus, "policy/status")
        self.states = bench.speak(JointState, "joint_states")
        self.scenes = bench.speak(ObjectStates, "object_states")
        self.runs = bench.speak(PolicyAssignment, "policy/assignment", dialect.LATCHED)
        bench.connected(self.states, self.scenes, self.runs)

    def live(self) -> None:
        self.now += 10 * MS
        self.scenes.publish(scene_message(table_scene(0), self.now, "base_link"))
        message = JointState(name=list(NAMES), position=[*PANDA.home, 0.04, 0.04])
        message.header.stamp = time_message(self.now)
        self.states.publish(message)

    def assign(self, run_id: str, **change) -> None:
        message = PolicyAssignment(run_id=run_id, task=task_message(TASK), time_limit=2.0)
        message.sha256, message.parameters = hashlib.sha256(self.data).hexdigest(), self.data
        for name, value in change.items():
            setattr(message, name, value)
        self.runs.publish(message)

    def reach(self, run_id: str, state: str) -> PolicyStatus:
        def there():
            return self.status and (self.status[-1].run_id, self.status[-1].state) == (run_id, state)

        self.bench.until(there, each=self.live)
        return self.status[-1]


@pytest.fixture
def policy(bench, make_policy):
    return PolicyBench(bench, make_policy("panda", (0.1, 0.2, 0.3, -0.5)).dumps())


def test_ticks_follow_robot_time_and_end_with_the_limit(policy):
    policy.reach("", "idle")
    assert not policy.commands
    policy.assign("one")
    last = policy.reach("one", "timeout")
    assert "2 s" in last.message and last.ticks >= 8  # states may be lost, this peer is faster than time
    stamps = [dialect.stamp_of(m) // (40 * MS) for m in policy.commands]
    assert len(set(stamps)) == len(stamps) <= last.ticks + 1
    assert len(stamps) > last.ticks // 2
    assert policy.commands[0].names == list(PANDA.joints)


def test_a_new_assignment_is_swapped_in_and_an_empty_one_holds(policy):
    policy.assign("one", time_limit=100.0)
    policy.bench.until(lambda: policy.commands, each=policy.live)
    policy.assign("two", time_limit=100.0)
    policy.reach("two", "running")
    policy.runs.publish(PolicyAssignment())
    policy.reach("two", "stopped")
    count, until = len(policy.commands), policy.now + 300 * MS
    policy.bench.until(lambda: policy.now > until, each=policy.live)
    assert len(policy.commands) == count


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"parameters": b"garbage"}, "sha256"),
        ({"sha256": "0" * 64}, "sha256"),
        ({"time_limit": float("inf")}, "time limit"),
        ({"task": task_message(GroundedTask(TaskSpec("navigate"), (0.0, 0.0, 0.0), 0.3))}, "skill"),
        ({"task": PolicyAssignment().task}, "task"),
    ],
)
def test_broken_assignments_are_faults_and_move_nothing(policy, change, words):
    policy.assign("bad", **change)
    assert words in policy.reach("bad", "fault").message
    assert not policy.commands
    policy.assign("good")
    policy.reach("good", "running")
    policy.bench.until(lambda: policy.commands, each=policy.live)


def test_while_the_robot_is_paused_the_run_and_its_clock_stand_still(policy):
    guard = policy.bench.speak(GuardStatus, "guard/status")
    policy.bench.connected(guard)
    policy.assign("one", time_limit=2.0)
    policy.bench.until(lambda: len(policy.commands) > 5, each=policy.live)
    policy.bench.until(
        lambda: policy.node.paused, each=lambda: (guard.publish(GuardStatus(state="paused")), policy.live())
    )
    count, until = len(policy.commands), policy.now + 4000 * MS
    policy.bench.until(lambda: policy.now > until, 20.0, each=policy.live)
    assert len(policy.commands) <= count + 1 and policy.node.runner.running
    policy.bench.until(
        lambda: not policy.node.paused,
        each=lambda: (guard.publish(GuardStatus(state="holding")), policy.live()),
    )
    assert policy.reach("one", "timeout").ticks >= 8


def change(bench, transition: int) -> bool:
    request = ChangeState.Request(transition=Transition(id=transition))
    return bench.call(ChangeState, "policy/change_state", request).success


def test_deactivated_it_stops_and_says_so_to_who_assigns(policy):
    policy.assign("one", time_limit=100.0)
    policy.bench.until(lambda: policy.commands, each=policy.live)
    assert change(policy.bench, Transition.TRANSITION_DEACTIVATE)
    policy.reach("one", "stopped")
    policy.assign("two")
    assert "inactive" in policy.reach("two", "fault").message
    assert change(policy.bench, Transition.TRANSITION_ACTIVATE)
    policy.assign("three", time_limit=100.0)
    policy.reach("three", "running")


def test_without_autostart_it_waits_for_change_state_and_needs_a_state(bench):
    node = bench.make(PolicyNode, robot="panda", autostart=False)
    assert node.lifecycle == "unconfigured" and change(bench, Transition.TRANSITION_CONFIGURE)
    assert (
        not change(bench, Transition.TRANSITION_ACTIVATE) and "nobody publishes joint_states" in node.refusal
    )
    assert change(bench, Transition.TRANSITION_CLEANUP) and change(bench, Transition.TRANSITION_CONFIGURE)
    assert node.lifecycle == "inactive"
