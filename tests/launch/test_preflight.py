"""``metaagent preflight`` as a person starts it, against real processes."""

import json
import os
import subprocess
import sys

import pytest

from metaagent_ros.graph import GraphOptions, robot_graph, simulation_graph
from metaagent_ros.launcher import Stack

pytestmark = [pytest.mark.ros, pytest.mark.slow]


def preflight(environment, *options):
    command = [sys.executable, "-m", "metaagent_ros", "preflight", "--seconds", "1.5", "--patience", "30"]
    return subprocess.run(
        [*command, *options], env=environment, capture_output=True, text=True, timeout=100, check=False
    )


def rows(done):
    report = json.loads(done.stdout)
    return report, {row["check"]: row for row in report["rows"]}


def only(specs, *names):
    return [spec for spec in specs if spec.name in names]


@pytest.fixture(scope="module")
def mock(tmp_path_factory):
    """The controllers of a UR5e, as after its bring-up: none of our nodes is there yet."""
    graph = only(robot_graph(GraphOptions(robot="ur5e")), "hardware")
    with Stack(graph, tmp_path_factory.mktemp("mock"), {"OMP_NUM_THREADS": "1"}) as stack:
        yield stack.env


def test_a_universal_robot_after_its_bring_up_may_be_commanded(mock):
    done = preflight(mock, "--robot", "ur5e", "--at-home", "--json")
    report, by_name = rows(done)
    failed = {name for name, row in by_name.items() if row["verdict"] == "fail"}
    assert failed <= {"rate of /joint_states"}, done.stdout  # 500 Hz on a machine that tests in parallel
    assert done.returncode == (1 if failed else 0) and report["robot"] == "ur5e"
    assert "mapped by name" in by_name["joint order"]["found"]
    assert by_name["speed scaling /speed_scaling_state_broadcaster/speed_scaling"]["verdict"] == "ok"
    assert by_name["home pose"]["verdict"] == by_name["tool in workspace"]["verdict"] == "ok"


def test_another_robot_than_the_one_that_stands_there_is_refused_with_the_difference(mock):
    done = preflight(mock, "--robot", "panda", "--patience", "3")
    assert done.returncode == 1
    assert "REFUSED: panda must not be commanded" in done.stdout and "joint names" in done.stdout
    assert "--robot" in done.stdout and "ur5e" in done.stdout


def test_the_simulation_in_a_namespace_is_found_there_and_nowhere_else(tmp_path):
    graph = only(simulation_graph(GraphOptions(namespace="left")), "simulator", "guard")
    with Stack(graph, tmp_path, {"OMP_NUM_THREADS": "1"}) as stack:
        done = preflight(stack.env, "--robot", "panda", "--namespace", "left", "--json")
        _, by_name = rows(done)
        assert by_name["clock"]["found"] == "simulated time of /left/simulator"
        assert by_name["commanders of /left/joint_trajectory_controller/joint_trajectory"]["verdict"] == "ok"
        assert by_name["joint limits"]["verdict"] == by_name["age of /left/joint_states"]["verdict"] == "ok"
        _, by_name = rows(preflight(stack.env, "--robot", "panda", "--patience", "2", "--json"))
        assert by_name["topic /joint_states"]["verdict"] == "fail"
        assert "--namespace" in by_name["topic /joint_states"]["remedy"]


def test_an_empty_domain_is_named():
    alone = {**os.environ, "ROS_DOMAIN_ID": "231"}
    done = preflight(alone, "--robot", "panda", "--patience", "0.5", "--json")
    report, by_name = rows(done)
    assert done.returncode == 1 and list(by_name) == ["discovery"] and report["verdict"] == "fail"
    assert "ROS_DOMAIN_ID=231" in by_name["discovery"]["found"]
