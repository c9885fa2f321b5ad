"""The SROS2 policies allow what the table of endpoints says, nothing else; commands come from the guard."""

import xml.etree.ElementTree as ElementTree

import pytest

from metaagent_ros.cli.main import main
from metaagent_ros.deployment import load_deployment
from metaagent_ros.endpoints import CLIENT, ROBOTS, endpoints, standard
from metaagent_ros.graph import GRAPHS, GraphOptions, robot_graph, simulation_graph
from metaagent_ros.launcher import command
from metaagent_ros.security import RULES, commands, nodes, policies

ROBOT = GRAPHS["robot"]
EVERY = ["panda", "ur5e", "diffbot", "turtlebot3"]


def rules(text: str) -> dict[str, dict[tuple[str, str], set[str]]]:
    """Names by node, then by list and verb."""
    root = ElementTree.fromstring(text)
    assert root.tag == "policy" and root.attrib == {"version": "0.2.0"}
    found = {}
    for enclave in root.findall("./enclaves/enclave"):
        (profile,) = enclave.findall("./profiles/profile")
        node = enclave.attrib["path"].removeprefix("/metaagent/")
        assert profile.attrib["node"] == ("metaagent_*" if node == CLIENT else node)
        found[node] = {
            (group.tag, verb): {entry.text for entry in group}
            for group in profile
            for verb, allowed in group.attrib.items()
            if allowed == "ALLOW"
        }
    return found


@pytest.mark.parametrize("robot", EVERY)
@pytest.mark.parametrize("graph", ["simulation", "robot"])
def test_each_node_is_allowed_what_the_table_says(robot, graph):
    deployment = load_deployment(robot)
    found = rules(policies(GRAPHS[graph], deployment))
    assert set(found) == {*GRAPHS[graph].members, CLIENT}
    for node, allowed in found.items():
        wanted: dict[tuple[str, str], set[str]] = {}
        for e in (*endpoints(node, deployment, graph == "simulation"), *standard(node)):
            group, verb, _ = RULES[e.role]
            wanted.setdefault((group, verb), set()).add(e.name)
        assert allowed == wanted


@pytest.mark.parametrize("robot", EVERY)
@pytest.mark.parametrize("shadow", [False, True])
def test_only_the_guard_may_command_and_in_a_dry_run_nobody(robot, shadow):
    deployment = load_deployment(robot)
    found = rules(policies(ROBOT, deployment, shadow=shadow))
    speakers = {
        node
        for node, allowed in found.items()
        for rule in (("topics", "publish"), ("actions", "call"))
        if allowed.get(rule, set()) & {deployment.command_topic, deployment.gripper_topic}
    }
    assert speakers == (set() if shadow else {"guard"})
    assert deployment.command_topic in found[ROBOTS[1]]["topics", "subscribe"]
    for topic in ("policy/arm_command", "policy/base_command"):
        assert {n for n in found if topic in found[n].get(("topics", "publish"), ())} <= {"policy"}


def test_names_lie_in_the_namespace_and_so_does_a_simulations_clock():
    text = policies(GRAPHS["simulation"], load_deployment("panda"), "cell/a")
    assert {p.attrib["ns"] for p in ElementTree.fromstring(text).iter("profile")} == {"/cell/a"}
    found = rules(text)
    assert "clock" in found["policy"]["topics", "subscribe"]
    absolute = {n for allowed in found.values() for names in allowed.values() for n in names if n[0] == "/"}
    assert absolute == {"/rosout", "/parameter_events", "/diagnostics"}


def test_every_process_joins_under_an_enclave_of_the_file(tmp_path):
    for graph, build in (("simulation", simulation_graph), ("robot", robot_graph)):
        known = {f"/metaagent/{name}" for name in nodes(GRAPHS[graph])}
        for spec in build(GraphOptions(bag="x")):
            line = command(spec, tmp_path)
            assert line[line.index("--enclave") + 1] in known


def run_cli(capsys, *arguments: object) -> tuple[int, str, str]:
    try:
        main(["security", *map(str, arguments)])
        code = 0
    except SystemExit as end:
        code = end.code or 0
    out, err = capsys.readouterr()
    return code, out, err


def test_the_command_writes_the_file_and_names_the_next_steps(capsys, tmp_path):
    out = tmp_path / "with space"
    code, said, _ = run_cli(capsys, "--out", out, "--robot", "ur5e", "--graph", "robot", "--namespace", "a")
    assert code == 0
    assert (out / "policies.xml").read_text() == policies(ROBOT, load_deployment("ur5e"), "a")
    lines = [line.strip() for line in said.splitlines() if line.startswith("  ")]
    assert lines == list(commands(ROBOT, f"'{out}/keystore'", f"'{out}/policies.xml'"))
    assert lines[0].startswith("ros2 security create_keystore '")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--robot", "pandda"), "Did you mean 'panda'?"),
        (("--graph", "training"), "allowed: simulation, robot"),
        (("--namespace", "a b"), "namespace"),
    ],
)
def test_bad_input_is_exit_code_2(capsys, tmp_path, arguments, words):
    code, _, err = run_cli(capsys, "--out", tmp_path / "out", *arguments)
    assert code == 2 and words in err and not (tmp_path / "out").exists()
