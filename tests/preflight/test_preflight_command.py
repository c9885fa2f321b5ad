"""What ``metaagent preflight`` prints, and with which code it ends; the graph is made up."""

import json

import pytest
from sightings import arm

from metaagent_ros.cli.main import main
from metaagent_ros.nodes import observer

pytestmark = pytest.mark.ros


@pytest.fixture
def watched(monkeypatch):
    """What the observer was asked for; it sees a Panda with the fields that a test sets."""
    asked, changes = {}, {}

    def observe(wanted, seconds, patience, tool_pose):
        asked.update(wanted=wanted, seconds=seconds, patience=patience, tool_pose=tool_pose)
        return arm(**changes)

    monkeypatch.setattr(observer, "observe", observe)
    return asked, changes


def ended(*options):
    with pytest.raises(SystemExit) as end:
        main(["preflight", *options])
    return end.value.code


def test_a_robot_that_may_be_commanded(watched, capsys):
    assert ended("--robot", "panda") == 0
    out = capsys.readouterr().out
    assert "panda may be commanded; 1 warning to read" in out and "REFUSED" not in out
    asked, _ = watched
    assert (asked["seconds"], asked["tool_pose"], asked["wanted"].at_home) == (3.0, "", False)


def test_a_refusal_names_what_failed_and_no_name_drives_the_terminal(watched, capsys):
    watched[1].update(nodes=("/a\x1b[2J", "/a\x1b[2J"), scene_frame="camera")
    assert ended("--robot", "panda", "--at-home") == 1
    out = capsys.readouterr().out
    assert "REFUSED: panda must not be commanded: node names, scene /object_states; 1 warning" in " ".join(
        out.split()
    )
    assert "\x1b[2J" not in out


def test_json_is_the_rows_and_nothing_else(watched, capsys):
    watched[1].update(speed_scaling=None, program_running=None)
    assert ended("--robot", "panda", "--json", "--shadow", "--seconds", "7", "--tool-pose", "/pose") == 1
    report = json.loads(capsys.readouterr().out)
    assert report["robot"] == "panda" and report["verdict"] == "fail"
    assert set(report["rows"][0]) == {"check", "expected", "found", "verdict", "remedy"}
    asked, _ = watched
    assert asked["wanted"].shadow and asked["seconds"] == 7.0 and asked["tool_pose"] == "/pose"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--robot", "ur5"), "Did you mean 'ur5e'?"),
        (("--robot", "panda", "--command", "twist"), "joint_trajectory"),
        (("--robot", "panda", "--gripper", "gripper"), "gripper_command"),
        (("--robot", "panda", "--seconds", "0"), "0.5"),
        ((), "--robot"),
    ],
)
def test_bad_input(watched, capsys, options, words):
    assert ended(*options) == 2
    assert words in capsys.readouterr().err and not watched[0]


def test_a_domain_that_is_none(watched, capsys, monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", "999")
    assert ended("--robot", "panda") == 2
    assert "232" in capsys.readouterr().err


def test_names_that_ros_does_not_take(capsys):
    assert ended("--robot", "panda", "--namespace", "a b") == 2
    assert "error: Invalid namespace" in capsys.readouterr().err
