import pytest

from metaagent_ros import deployment
from metaagent_ros.cli.up import checked
from metaagent_ros.graph import (
    ACTING,
    GRAPHS,
    NODES,
    GraphError,
    GraphOptions,
    find_graph,
    options_from_strings,
    robot_graph,
    simulation_graph,
    training_graph,
)


def test_the_simulation_has_five_processes_and_one_clock():
    specs = simulation_graph(GraphOptions(robot="diffbot"))
    assert [s.name for s in specs] == ["simulator", "instruction", "meta_rl", "policy", "guard"]
    assert [s.name for s in specs if not s.parameters["use_sim_time"]] == ["simulator"]
    assert all(s.parameters["robot"] == "diffbot" for s in specs if "robot" in s.parameters)


def test_a_real_robot_is_the_same_without_its_mock_and_nobody_follows_a_simulated_clock():
    mock, real = (robot_graph(GraphOptions(robot="ur5e", hardware=h)) for h in ("mock", "real"))
    assert [s.name for s in mock] == ["hardware", *ACTING] and mock[1:] == real
    assert not any(s.parameters["use_sim_time"] for s in mock)
    guard = robot_graph(GraphOptions(robot="ur5e", speed=0.1, shadow=True))[-1].parameters
    assert (guard["speed"], guard["shadow"]) == (0.1, True)


def test_training_is_one_process_and_a_recording_one_more():
    assert [s.name for s in training_graph(GraphOptions(out="folder"))] == ["trainer"]
    for graph in (simulation_graph, robot_graph):
        assert graph(GraphOptions(bag="folder"))[-1].name == "recorder"


def test_every_node_is_in_a_graph_and_a_graph_takes_what_its_nodes_take():
    assert {name for graph in GRAPHS.values() for name in graph.members} == {node.name for node in NODES}
    names = {name: {a.name for a in graph.arguments} for name, graph in GRAPHS.items()}
    assert "hardware" in names["robot"] - names["simulation"]
    assert "hidden_seed" in names["simulation"] and names["training"] == {"robot", "seed", "out", "quick"}
    with pytest.raises(GraphError, match="'robot'"):
        find_graph("robott")


def test_two_namespaces_do_not_share_a_clock():
    one, two = (simulation_graph(GraphOptions(namespace=name)) for name in ("a", "b"))
    assert {s.namespace for s in one} == {"a"} and {s.namespace for s in two} == {"b"}
    assert all(s.remappings == (("/clock", "clock"),) for s in (*one, *two))
    assert all(s.remappings == () for s in simulation_graph(GraphOptions()))


def test_arguments_are_typed_and_checked():
    options = options_from_strings(["robot:=diffbot", "max_trials:=3", "headless:=false"])
    assert (options.robot, options.max_trials, options.headless) == ("diffbot", 3, False)
    options = options_from_strings(["robot:=ur5e", "hardware:=real", "speed:=0.1", "shadow:=true"], "robot")
    assert (options.hardware, options.speed, options.shadow) == ("real", 0.1, True)
    for bad, match in (
        ("robot:=pandda", "panda"),
        ("robt:=panda", "robot"),
        ("max_trials:=x", "int"),
        ("max_trials=3", "name:=value"),
        ("shadow:=maybe", "true, false"),
        ("speed:=0", "0.01 to 1"),
        ("speed:=nan", "0.01 to 1"),
        ("speed:=1.5", "0.01 to 1"),
        ("command:=joint_trajectry", "'joint_trajectory'"),
        ("hardware:=mock", "argument of simulation"),
    ):
        with pytest.raises(GraphError, match=match):
            options_from_strings([bad])
    with pytest.raises(GraphError):
        GraphOptions(max_trials=-1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("robot", "hardware:=mok"), "'mock'"),
        (("robot", "robot:=ur5"), "'ur5e'"),
        (("robot", "robot:=iiwa"), "no policy is shipped for iiwa"),
        (("robot", "robot:=fr3", "policy:=x"), "ros-jazzy-control-msgs"),
        (("robot", "robot:=diffbot", "command:=joint_trajectory"), "twist_stamped"),
        (("training", "bag:=x"), "argument of training"),
        (("robbot",), "'robot'"),
    ],
)
def test_what_would_end_a_process_at_once_is_said_before_it_is_started(monkeypatch, arguments, words: str):
    monkeypatch.setattr(deployment, "find_spec", lambda name: None)
    with pytest.raises(GraphError, match=words):
        checked(find_graph(arguments[0]), options_from_strings(list(arguments[1:]), arguments[0]))


def test_a_robot_without_a_shipped_policy_goes_with_one_that_is_given():
    options = options_from_strings(["robot:=ur5e", "policy:=folder"], "robot")
    assert [spec.name for spec in checked(find_graph("robot"), options)] == ["hardware", *ACTING]
    assert checked(find_graph("training"), options_from_strings(["robot:=fr3"], "training"))
