"""A replay answers as the runner did; what differs, or is not in the bag, is named."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rclpy.serialization import serialize_message

from metaagent_interfaces.msg import GuardStatus, PolicyAssignment, PolicyStatus
from metaagent_ros.cli.main import main
from metaagent_ros.control.runner import Assignment, Runner
from metaagent_ros.deployment import load_deployment
from metaagent_ros.nodes import dialect
from metaagent_ros.nodes.bag_values import BagValues
from metaagent_ros.nodes.conversions import scene_message, scene_value, task_message
from metaagent_ros.recording import BagError
from metaagent_ros.recording.replay import replay
from metaagent_ros.recording.writer import BagWriter, Topic
from sim_envs.robots import load_profile
from sim_envs.simulation import table_scene
from sim_envs.spec import BaseState, GroundedTask, ObjectRef, Scene, TaskSpec

OWN = "metaagent_interfaces/msg"
MS = 1_000_000
PANDA, DIFFBOT = load_profile("panda"), load_profile("diffbot")
TASKS = {
    "panda": GroundedTask(TaskSpec("grasp", ObjectRef("red")), (0.5, 0.0, 0.142), 0.05, "red_cube"),
    "diffbot": GroundedTask(TaskSpec("navigate"), (2.0, 1.0, 0.0), 0.3),
}
KINDS = {
    "policy/assignment": f"{OWN}/PolicyAssignment",
    "policy/status": f"{OWN}/PolicyStatus",
    "guard/status": f"{OWN}/GuardStatus",
    "object_states": f"{OWN}/ObjectStates",
    "policy/arm_command": f"{OWN}/ArmCommand",
    "policy/base_command": f"{OWN}/BaseCommand",
    "joint_states": "sensor_msgs/msg/JointState",
    "odom": "nav_msgs/msg/Odometry",
    "scan": "sensor_msgs/msg/LaserScan",
}


class Recording:
    """What a graph would say: a runner acts on made states, and all of it goes into a bag."""

    def __init__(self, folder: Path, robot: str = "panda", namespace: str = "") -> None:
        self.robot, self.namespace, self.now, self.ticks = robot, namespace, 0, 0
        self.writer, self.runner, self.rng = BagWriter(folder, 100.0), Runner(robot), np.random.default_rng(3)
        for name, kind in KINDS.items():
            self.writer.add(Topic(f"{namespace}/{name}", kind))
        self.drop: set[int] = set()
        self.shift, self.seen = 0.0, 0
        self.scene = Scene(())

    def say(self, name: str, message) -> None:
        self.writer.write(
            f"{self.namespace}/{name}", bytes(serialize_message(message)), self.now + 1, self.now
        )

    def status(self) -> None:
        report = self.runner.report
        self.say("policy/status", PolicyStatus(run_id=report.run_id, state=report.state, ticks=report.ticks))

    def assign(self, run_id: str, policy, limit: float = 60.0) -> None:
        data = policy.dumps()
        message = PolicyAssignment(run_id=run_id, task=task_message(TASKS[self.robot]), time_limit=limit)
        message.parameters, message.sha256 = data, hashlib.sha256(data).hexdigest()
        self.say("policy/assignment", message)
        self.runner.assign(Assignment(run_id, TASKS[self.robot], data, message.sha256, limit))
        self.status()

    def run(self, ticks: int) -> None:
        """Control ticks at 25 Hz; states come four times as often, scenes at every tick."""
        values = BagValues(load_deployment(self.robot))
        for _ in range(ticks):
            for part in range(4):
                self.now += 10 * MS
                if part == 3:
                    self.look(self.ticks % 3)
                state, scan = self.measured(part == 3)
            command = self.runner.tick(self.now, values.state(state, scan), self.scene, self.seen)
            self.ticks += 1
            if command is not None:
                self.command(command)
            if not self.runner.running:
                self.status()
                return

    def look(self, late: int) -> None:
        """A scene that the objects have moved in; at every third tick the policy still has the one before."""
        scene = Scene(()) if self.robot == "diffbot" else table_scene(self.ticks)
        self.say("object_states", scene_message(scene, self.now, "base_link"))
        if late != 1 or self.seen == 0:
            self.scene, self.seen = scene_value(scene_message(scene, self.now, "base_link")), self.now

    def measured(self, tick: bool):
        scan = None
        if self.robot == "panda":
            joints = np.array(PANDA.home) + self.rng.uniform(-0.05, 0.05, len(PANDA.home))
            names = PANDA.joints + PANDA.gripper_joints
            positions = np.array([*joints, 0.04, 0.04])
            state = dialect.joint_state_message(names, positions, np.zeros(len(names)), self.now)
        else:
            scan = dialect.scan_message(self.rng.uniform(0.5, 3.0, DIFFBOT.beams), DIFFBOT, self.now)
            self.say("scan", scan)
            state = dialect.odometry_message(BaseState(*self.rng.uniform(-0.2, 0.2, 5)), self.now)
        if not (tick and self.ticks in self.drop):
            self.say("joint_states" if self.robot == "panda" else "odom", state)
        return state, scan

    def command(self, command) -> None:
        if self.robot == "diffbot":
            message = dialect.base_command_message(command, self.now, "", self.now, self.now)
            self.say("policy/base_command", message)
            return
        if self.ticks == 7:  # what was sent is not what the policy answered
            command = replace(command, positions=(command.positions[0] + self.shift, *command.positions[1:]))
        self.say("policy/arm_command", dialect.arm_command_message(command, self.now, "", self.seen))

    def close(self) -> Path:
        self.runner.close()
        self.writer.close()
        return self.writer.folder


@pytest.fixture
def recording(tmp_path):
    return Recording(tmp_path / "bag")


@pytest.mark.parametrize("robot", ["panda", "diffbot"])
def test_the_recorded_policy_answers_bit_for_bit_as_recorded(tmp_path, random_policy, robot):
    recording = Recording(tmp_path / "bag", robot)
    recording.assign("one", random_policy(robot))
    recording.run(40)
    recording.assign("two", random_policy(robot), limit=0.5)
    recording.run(40)
    result = replay(recording.close(), BagValues)
    assert result.robot == robot and result.complete and result.same(0.0)
    one, two = result.runs
    assert (one.run_id, one.compared, one.ended) == ("one", 40, "")
    assert "ends before this run" in one.notes[0] and two.notes == ()
    assert two.ended.startswith("timeout") and two.again.startswith("timeout") and two.compared < 20
    assert np.abs(one.recorded).max() > 0.01 and np.ptp(one.recorded[:, 0]) > 0.0
    assert set(one.largest().values()) == set(one.rms().values()) == {0.0}
    assert one.times[1] == pytest.approx(0.04)


def test_a_command_that_was_not_the_policys_is_found(recording, random_policy):
    recording.shift = 0.25
    recording.assign("one", random_policy("panda"))
    recording.run(20)
    (run,) = replay(recording.close(), BagValues).runs
    first = run.first(1e-6)
    assert (first.tick, first.column) == (6, f"{PANDA.joints[0]} [rad]")
    assert first.value == pytest.approx(0.25) and first.seconds == pytest.approx(0.24)
    assert run.largest()[first.column] == pytest.approx(0.25)
    assert run.rms()[first.column] == pytest.approx(0.25 / np.sqrt(20))
    assert not run.same(1e-6) and run.same(0.3)


def test_another_policy_shows_its_difference(recording, make_policy):
    recording.assign("one", make_policy("panda", (0.1, 0.2, 0.3, -0.5)))
    recording.run(10)
    folder = recording.close()
    result = replay(folder, BagValues, make_policy("panda", (0.1, 0.2, -0.3, -0.5)))
    assert max(result.runs[0].largest().values()) > 0.001 and result.runs[0].first(1e-6).tick == 0
    with pytest.raises(BagError, match="does not fit run one"):
        replay(folder, BagValues, make_policy("diffbot", (0.1, 0.2)))


def test_what_the_bag_lacks_is_said(recording, random_policy):
    recording.drop = {4, 5}
    recording.assign("one", random_policy("panda"))
    recording.run(10)
    (run,) = replay(recording.close(), BagValues).runs
    assert "the state of 2 of 10 ticks is not in the bag" in run.notes
    assert run.compared == 8 and not run.same(1.0)


def test_a_pause_of_the_robot_does_not_use_up_the_runs_time(recording, random_policy):
    recording.assign("one", random_policy("panda"), limit=2.0)
    recording.run(20)
    recording.say("guard/status", GuardStatus(state="paused"))
    for _ in range(100):  # four seconds: as the policy node does while it is paused
        recording.now += 40 * MS
        recording.runner.wait(recording.now)
    recording.run(60)
    (run,) = replay(recording.close(), BagValues).runs
    assert run.same(0.0) and 40 < run.compared < 60 and run.times[-1] > 5.0
    assert run.ended.startswith("timeout") and run.again.startswith("timeout")


def test_a_bag_that_begins_amid_a_run_says_so(recording, random_policy):
    policy, said = random_policy("panda"), []
    recording.say, say = lambda name, message: said.append(name), recording.say
    recording.assign("one", policy)
    recording.run(5)
    recording.say = say
    data = policy.dumps()
    again = PolicyAssignment(
        run_id="one", task=task_message(TASKS["panda"]), time_limit=60.0
    )  # it is latched
    again.parameters, again.sha256 = data, hashlib.sha256(data).hexdigest()
    recording.say("policy/assignment", again)
    recording.status()
    recording.run(5)
    (run,) = replay(recording.close(), BagValues).runs
    assert "begins after 5 ticks" in run.notes[0] and run.compared == 5


def test_graphs_in_namespaces_are_told_apart(tmp_path, random_policy):
    folder = tmp_path / "bag"
    recording = Recording(folder, namespace="/a")
    for name, kind in KINDS.items():
        recording.writer.add(Topic(f"/b/{name}", kind))
    recording.assign("one", random_policy("panda"))
    recording.run(5)
    recording.namespace = "/b"
    recording.assign("two", random_policy("panda"))
    recording.close()
    with pytest.raises(BagError, match=r"graphs /a, /b; name one with --namespace"):
        replay(folder, BagValues)
    assert [run.run_id for run in replay(folder, BagValues, namespace="a").runs] == ["one"]
    with pytest.raises(BagError, match="graphs /a, /b"):
        replay(folder, BagValues, namespace="/c")


def test_bags_without_a_run_are_refused(recording, random_policy):
    recording.say("policy/assignment", PolicyAssignment())
    with pytest.raises(BagError, match="no policy ran"):
        replay(recording.close(), BagValues)


def run_cli(capsys, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["replay", *map(str, arguments)])
    out, err = capsys.readouterr()
    return end.value.code, out, err


def test_the_command_prints_writes_a_page_and_tells_by_its_exit_code(
    recording, random_policy, capsys, tmp_path
):
    policy = random_policy("panda")
    policy.save(tmp_path / "same")
    recording.shift = 0.25
    recording.assign("one", policy)
    recording.run(20)
    folder, page = recording.close(), tmp_path / "pages" / "replay.html"
    code, out, _ = run_cli(capsys, folder, "--out", page)
    assert code == 1 and "first difference: 0.25 in panda_joint1 [rad] at tick 6" in out
    text = page.read_text()
    assert "data:image/svg+xml;base64," in text and "otherwise than recorded" in text and "http-equiv" in text
    code, out, _ = run_cli(capsys, folder, "--json", "--tolerance", 0.3)
    told = json.loads(out)
    assert code == 0 and told["same"] and told["largest"] == pytest.approx(0.25)
    assert told["runs"][0]["ticks"] == 20 and told["runs"][0]["first"] is None
    assert run_cli(capsys, folder, "--policy", tmp_path / "same")[0] == 0


def test_bad_input_is_exit_code_2_with_one_line(recording, random_policy, capsys, tmp_path):
    recording.assign("one", random_policy("panda"))
    recording.run(3)
    folder = recording.close()
    broken = bytearray(recording.writer.file.read_bytes())
    broken[len(broken) // 2] ^= 255
    (tmp_path / "broken.mcap").write_bytes(broken)
    for arguments, words in (
        ([tmp_path / "nothing"], "no bag at"),
        ([tmp_path / "broken.mcap"], "is damaged"),
        ([folder, "--policy", tmp_path / "none"], "none"),
        ([folder, "--robot", "pandda"], "panda"),
    ):
        code, _, err = run_cli(capsys, *arguments)
        assert code == 2 and words in err and err.startswith("error: ") and err.count("\n") == 1
