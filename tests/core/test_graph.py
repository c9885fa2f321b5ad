import pytest

from metaagent_ros.graph import GraphError, GraphOptions, options_from_strings, simulation_graph


def test_the_graph_has_five_processes_and_one_clock():
    specs = simulation_graph(GraphOptions(robot="diffbot"))
    assert [s.name for s in specs] == ["simulator", "instruction", "meta_rl", "policy", "guard"]
    assert [s.name for s in specs if not s.parameters["use_sim_time"]] == ["simulator"]
    assert all(s.parameters["robot"] == "diffbot" for s in specs if "robot" in s.parameters)


def test_arguments_are_typed_and_checked():
    options = options_from_strings(["robot:=diffbot", "max_trials:=3", "headless:=false"])
    assert (options.robot, options.max_trials, options.headless) == ("diffbot", 3, False)
    for bad, match in (
        ("robot:=pandda", "panda"),
        ("robt:=panda", "robot"),
        ("max_trials:=x", "int"),
        ("max_trials=3", "name:=value"),
    ):
        with pytest.raises(GraphError, match=match):
            options_from_strings([bad])
    with pytest.raises(GraphError):
        GraphOptions(max_trials=-1)
