"""Who is on the graph: every verdict, both ways."""

import dataclasses

import pytest
from sightings import DRIVER, arm, base, change, judged, only, row

from metaagent_ros.preflight.checks import examine
from metaagent_ros.preflight.expectation import Expectation
from metaagent_ros.preflight.observation import ActionEndpoint, Endpoint, Observation, QoS, Topic
from metaagent_ros.preflight.qos import described, incompatible
from metaagent_ros.preflight.rows import FAIL, OK, WARN, Row, worst
from sim_envs.spec import SpecError

TRAJECTORY = "/joint_trajectory_controller/joint_trajectory"
JOINTS = "/joint_states"
KIND = "trajectory_msgs/msg/JointTrajectory"


@pytest.mark.parametrize("robot", ["panda", "fr3", "ur5e", "iiwa", "arm6"])
def test_an_arm_that_is_as_it_should_be_is_refused_by_nothing(robot):
    rows = examine(arm(robot), Expectation.of(robot, at_home=True))
    assert [r for r in rows if r.verdict == FAIL] == []
    assert {r.check for r in rows if r.verdict == WARN} == {"velocity signs"}
    assert all(r.remedy for r in rows if r.verdict != OK)


@pytest.mark.parametrize("robot", ["diffbot", "husky", "turtlebot3"])
def test_a_base_that_is_as_it_should_be_is_refused_by_nothing(robot):
    rows = examine(base(robot), Expectation.of(robot))
    assert [r for r in rows if r.verdict == FAIL] == []
    assert (
        only(rows, "velocity signs").found
        == "forward 1.00 times its motion, turning left 1.00 times its motion"
    )


def test_nothing_found_is_named_with_the_settings_that_decide_it_and_nothing_else_is_said():
    (found,) = judged(Observation(3.0, {"ROS_DOMAIN_ID": "7"}))
    assert found.verdict == FAIL and "ROS_DOMAIN_ID=7" in found.found
    assert "ROS_AUTOMATIC_DISCOVERY_RANGE" in found.remedy
    assert row(arm(), "discovery").verdict == OK


def test_a_node_name_that_two_share():
    assert row(arm(nodes=(DRIVER, "/a")), "node names").verdict == OK
    found = row(arm(nodes=(DRIVER, "/a", "/a")), "node names")
    assert found.verdict == FAIL and "/a" in found.found


def test_a_controller_that_is_not_there_and_the_one_that_is():
    gone = change(arm(), TRAJECTORY, subscriptions=())
    assert row(gone, f"topic {TRAJECTORY}").verdict == FAIL
    other = Topic("/arm/joint_trajectory_controller/joint_trajectory", (), (Endpoint(DRIVER, KIND),))
    found = row(dataclasses.replace(gone, topics=(*gone.topics, other)), f"topic {TRAJECTORY}")
    assert other.name in found.remedy and "--namespace" in found.remedy


def test_who_only_looks_on_is_no_controller():
    for listener in ("/recorder", "/rosbag2_recorder_1", "/foxglove_bridge"):
        seen = change(arm(), TRAJECTORY, subscriptions=(Endpoint(listener, KIND),))
        assert row(seen, f"topic {TRAJECTORY}").verdict == FAIL


def test_a_namespace_moves_every_name():
    wanted = Expectation.of("panda", "/left/")
    assert {need.topic for need in wanted.needs()} == {
        "/left/joint_states", f"/left{TRAJECTORY}", "/left/gripper_controller/commands",
    }  # fmt: skip
    rows = examine(arm(), wanted)
    assert only(rows, "topic /left/joint_states").verdict == FAIL
    assert JOINTS in only(rows, "topic /left/joint_states").remedy


def test_best_effort_states_do_not_reach_a_reliable_guard():
    poor = QoS(reliability="BEST_EFFORT")
    seen = change(arm(), JOINTS, publishers=(Endpoint(DRIVER, "sensor_msgs/msg/JointState", poor),))
    found = row(seen, f"topic {JOINTS}")
    assert found.verdict == FAIL and DRIVER in found.found
    assert "reliability offered BEST_EFFORT, requested RELIABLE" in found.found
    scan = change(base(), "/scan", publishers=(Endpoint(DRIVER, "sensor_msgs/msg/LaserScan", poor),))
    assert row(scan, "topic /scan", "diffbot").verdict == OK


def test_a_controller_that_asks_for_more_than_the_guard_offers():
    strict = QoS(durability="TRANSIENT_LOCAL", deadline=0.1)
    seen = change(arm(), TRAJECTORY, subscriptions=(Endpoint(DRIVER, KIND, strict),))
    found = row(seen, f"topic {TRAJECTORY}")
    assert found.verdict == FAIL
    assert "durability" in found.found and "deadline offered infinite, requested 0.1 s" in found.found


def test_two_sources_of_states_are_worth_a_word():
    twice = tuple(Endpoint(node, "sensor_msgs/msg/JointState") for node in (DRIVER, "/other"))
    found = row(change(arm(), JOINTS, publishers=twice), f"topic {JOINTS}")
    assert found.verdict == WARN and "/other" in found.found


def test_twist_and_twist_stamped_are_told_apart():
    plain = (Endpoint(DRIVER, "geometry_msgs/msg/Twist"),)
    found = row(change(base(), "/cmd_vel", subscriptions=plain), "topic /cmd_vel", "diffbot")
    assert found.verdict == FAIL and "ros.command: twist " in found.remedy
    other = (Endpoint(DRIVER, "std_msgs/msg/Float64MultiArray"),)
    found = row(change(arm(), TRAJECTORY, subscriptions=other), f"topic {TRAJECTORY}")
    assert found.verdict == FAIL and "ros.command" in found.remedy


def test_who_else_commands_is_named():
    def commanded(*nodes):
        return change(arm(), TRAJECTORY, publishers=tuple(Endpoint(node, KIND) for node in nodes))

    check = f"commanders of {TRAJECTORY}"
    assert row(arm(), check).found == "nobody yet"
    assert row(commanded("/guard"), check).verdict == OK
    found = row(commanded("/guard", "/teleop"), check)
    assert (found.verdict, found.found) == (FAIL, "/teleop") and "/teleop" in found.remedy
    assert row(commanded("/guard", "/guard"), check).verdict == FAIL
    assert row(commanded("/left/guard"), check).verdict == FAIL


def test_a_client_of_the_controllers_action_is_worth_a_word():
    name = "/joint_trajectory_controller/follow_joint_trajectory"
    seen = arm(actions=(ActionEndpoint(name, (DRIVER,), ("/move_group",)),))
    found = row(seen, f"commanders of {name}")
    assert (found.verdict, found.found) == (WARN, "/move_group")
    rows = judged(arm(actions=(ActionEndpoint(name, (DRIVER,)),)))
    assert not [r for r in rows if name in r.check]


def test_a_robot_that_is_commanded_through_actions():
    wanted = Expectation.of("panda").speaking("follow_joint_trajectory", "gripper_command")
    arm_action, hand = wanted.actions
    there = (ActionEndpoint(arm_action, (DRIVER,)), ActionEndpoint(hand, (DRIVER,)))
    rows = examine(arm(actions=there), wanted)
    assert only(rows, f"action {arm_action}").verdict == OK
    assert only(rows, f"commanders of {hand}").verdict == OK
    rows = examine(arm(actions=(ActionEndpoint("/hand/gripper_cmd", (DRIVER,)),)), wanted)
    assert only(rows, f"action {arm_action}").verdict == FAIL
    assert "/hand/gripper_cmd" in only(rows, f"action {hand}").remedy
    busy = (ActionEndpoint(arm_action, (DRIVER,), ("/guard", "/move_group")), there[1])
    assert only(examine(arm(actions=busy), wanted), f"commanders of {arm_action}").found == "/move_group"


def test_two_clocks_and_one():
    def ticking(*nodes):
        clock = Topic("/clock", tuple(Endpoint(node, "rosgraph_msgs/msg/Clock") for node in nodes))
        return arm(topics=(*arm().topics, clock))

    assert row(arm(), "clock of").found == "wall time"
    assert only([r for r in judged(arm()) if r.check == "clock"], "clock").verdict == OK
    for nodes, verdict in ((("/a",), OK), (("/a", "/b"), FAIL)):
        rows = judged(ticking(*nodes))
        assert next(r for r in rows if r.check == "clock").verdict == verdict


def test_the_frame_of_the_scene():
    assert row(arm(), "scene").verdict == OK
    assert row(arm(scene_frame=None), "scene").verdict == WARN
    found = row(arm(scene_frame="camera"), "scene")
    assert found.verdict == FAIL and "camera" in found.found


def test_each_policy_that_keeps_two_endpoints_apart_is_named():
    strong = QoS("RELIABLE", "TRANSIENT_LOCAL", 0.1, "MANUAL_BY_TOPIC", 0.2)
    weak = QoS("BEST_EFFORT", "VOLATILE")
    assert incompatible(strong, weak) == () and incompatible(strong, strong) == ()
    words = " ".join(incompatible(weak, strong))
    assert [
        w for w in ("reliability", "durability", "liveliness", "deadline", "lease") if w not in words
    ] == []
    assert incompatible(QoS(reliability="UNKNOWN"), strong)[0].startswith("durability")
    assert described(strong).endswith("liveliness MANUAL_BY_TOPIC 0.2 s")


def test_the_worst_verdict_counts_and_an_unknown_robot_is_named():
    rows = [Row("a", "", "", verdict) for verdict in (OK, FAIL, WARN)]
    assert (worst(rows), worst(rows[::2]), worst([])) == (FAIL, WARN, OK)
    with pytest.raises(SpecError, match="ur5e"):
        Expectation.of("ur5")
