"""What the profiles say of a robot's controllers."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from metaagent_ros import deployment as module
from metaagent_ros.deployment import load_deployment, missing_interfaces
from metaagent_ros.graph import ARGUMENTS
from sim_envs.robots import ROBOTS, load_profile, profile_path, register_robot
from sim_envs.spec import SpecError


@pytest.mark.parametrize("robot", ROBOTS)
def test_every_profile_has_a_deployment_that_fits_it(robot: str):
    it, profile = load_deployment(robot), load_profile(robot)
    assert (it.robot, it.family) == (robot, profile.family)
    assert it.control_rate == pytest.approx(1.0 / profile.control_period)
    assert 1.0 / it.control_rate <= it.controller_timeout  # a command lasts until the next
    assert it.state_timeout > 1.0 / it.state_rate
    assert not any(t.startswith("/") for t in (it.command_topic, it.gripper_topic, it.state_topic))
    if it.family == "arm":
        assert len(it.max_acceleration) == len(profile.joints) and it.tool_frame == profile.tool_link
    else:
        assert it.max_acceleration == () and it.gripper == "none" and it.scan_topic


def test_without_a_block_it_is_what_the_simulation_offers():
    it = load_deployment("arm6")
    assert (it.command, it.command_topic) == (
        "joint_trajectory",
        "joint_trajectory_controller/joint_trajectory",
    )
    assert (it.gripper, it.gripper_topic) == ("width_force", "gripper_controller/commands")
    assert (it.state_topic, it.speed_scaling_topic, it.program_running_topic) == ("joint_states", "", "")


def test_the_graph_offers_the_dialects_and_robots_that_there_are():
    table = {argument.name: argument for argument in ARGUMENTS}
    assert table["robot"].choices == ROBOTS
    assert set(table["command"].choices) == {"", *module.ARM_COMMANDS, *module.BASE_COMMANDS}
    assert set(table["gripper"].choices) == {"", *module.GRIPPERS}


def test_another_dialect_goes_to_its_usual_topic_and_a_dry_run_to_none_of_a_controller():
    ur5e = load_deployment("ur5e")
    assert ur5e.speaking() == ur5e and ur5e.speaking("joint_trajectory", "width_force") == ur5e
    other = ur5e.speaking("forward_velocity", "gripper_command")
    assert other.command_topic == "forward_velocity_controller/commands"
    assert other.gripper_topic == "gripper_controller/gripper_cmd"
    shadow = ur5e.shadowed()
    assert shadow.command_topic == "shadow/scaled_joint_trajectory_controller/joint_trajectory"
    assert shadow.gripper_topic == "shadow/gripper_controller/commands"
    assert load_deployment("diffbot").shadowed().gripper_topic == ""
    for spoken in (("twist", ""), ("joint_trajectry", ""), ("", "suction")):
        with pytest.raises(SpecError, match="allowed"):
            ur5e.speaking(*spoken)
    with pytest.raises(SpecError, match="twist_stamped"):
        load_deployment("diffbot").speaking("twist_stampd")


def test_what_is_not_installed_is_said_with_a_way_around(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert missing_interfaces(load_deployment("panda")) == ""
    said = missing_interfaces(load_deployment("fr3"))
    assert "control_msgs" in said and "gripper:=width_force" in said
    assert missing_interfaces(load_deployment("fr3").speaking(gripper="width_force")) == ""
    monkeypatch.setattr(module, "find_spec", lambda name: object())
    assert missing_interfaces(load_deployment("fr3")) == ""


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ("command: joint_trajectry", "'joint_trajectory'"),
        ("comand: twist", "'command'"),
        ("state_rate: 0", "state_rate is 0"),
        ("state_timeout: .nan", "state_timeout is nan"),
        ("controller_timeout: fast", "controller_timeout is 'fast'"),
        ("soft_margin: -0.1", "soft_margin is -0.1"),
        ("max_acceleration: [1.0]", "1 values for 6 joints"),
        ("gripper: suction", "none"),
    ],
)
def test_a_block_that_does_not_hold_names_key_and_cause(tmp_path, block: str, words: str):
    text = profile_path("arm6").read_text()
    name = f"own_{tmp_path.name}".replace("-", "_").replace("[", "_")
    (tmp_path / f"{name}.yaml").write_text(text + f"ros:\n  {block}\n")
    register_robot(tmp_path / f"{name}.yaml")
    with pytest.raises(SpecError, match="ros") as raised:
        load_deployment(name)
    assert words in str(raised.value)


def test_a_period_longer_than_the_controllers_timeout_is_refused():
    with pytest.raises(SpecError, match="controller_timeout"):
        dataclasses.replace(load_deployment("panda"), controller_timeout=0.03)


def test_the_page_says_what_the_profiles_say():
    page = (Path(__file__).parents[2] / "docs" / "robots.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines()]
    profiles = {row[0] for row in rows if len(row) == 4}
    said = {row[0].strip("`"): row[1:] for row in rows if len(row) == 5 and row[0].startswith("`")}
    assert set(said) == set(ROBOTS) and {f"`{robot}`" for robot in ROBOTS} <= profiles
    for robot in ROBOTS:
        it = load_deployment(robot)
        gripper = "none" if it.gripper == "none" else f"{it.gripper}: `{it.gripper_topic}`"
        times = f"{it.state_timeout:g} / {it.command_timeout:g} / {it.controller_timeout:g}"
        state = f"`{it.state_topic}` {it.state_rate:g} Hz"
        assert said[robot] == [f"{it.command}: `{it.command_topic}`", gripper, state, times]
    for dialect in (*module.ARM_COMMANDS, *module.BASE_COMMANDS, *module.GRIPPERS):
        assert f"| `{dialect}` |" in page


def test_profiles_named_in_the_environment_are_known_to_every_process(tmp_path: Path):
    text = profile_path("panda").read_text().replace("name: panda", "name: mine")
    (tmp_path / "mine.yaml").write_text(text)
    script = "from metaagent_ros.graph import GraphOptions; from sim_envs.robots import load_profile"
    script += "; print(GraphOptions(robot='mine').robot, load_profile('mine').joints[0])"
    env = os.environ | {"METAAGENT_ROBOTS": f"{tmp_path / 'mine.yaml'}{os.pathsep}"}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True)
    assert done.stdout.split() == ["mine", "panda_joint1"], done.stderr
    env["METAAGENT_ROBOTS"] = str(tmp_path / "nowhere.yaml")
    script = script.replace("mine", "nowhere")
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True)
    assert done.returncode and "nowhere.yaml: there is no such file" in done.stderr
