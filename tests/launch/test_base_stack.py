"""The same graph with a base: it drives, stays in its limits, and stops when it must."""

import os
import signal
import threading

import numpy as np
import pytest

pytestmark = [pytest.mark.ros, pytest.mark.slow]


@pytest.fixture(scope="module")
def policy(make_policy):
    return make_policy("diffbot", (0.4, 0.3))


@pytest.fixture(scope="module")
def graph(run_graph, policy, tmp_path_factory):
    policy.save(tmp_path_factory.mktemp("policy") / "start")
    folder = tmp_path_factory.getbasetemp()
    saved = next(folder.glob("policy*/start"))
    with run_graph("diffbot", saved, tmp_path_factory.mktemp("logs")) as it:
        yield it


def test_a_place_that_is_not_there_is_refused(graph):
    outcome = graph.client.execute("drive to the kitchen", 0)
    assert outcome.status == "refused" and "kitchen" in outcome.message and not graph.watch.commands


def test_the_base_drives_as_in_training_and_cancel_stops_it(graph, policy, waiting):
    told, seen, watch = [], graph.client.scene(), graph.watch
    outcome = graph.client.execute(
        "drive to the door", 0, 10.0, told.append, lambda: len(watch.commands) > 25
    )
    assert outcome.status == "cancelled"
    waiting(graph.at_rest, 1.5, "rest after cancelling")
    assert watch.travel(0) > 0.1
    gaps = graph.as_in_training(policy, seen, told[-1].task)
    assert np.median(gaps) < 0.1, gaps
    truth, known = graph.client.truth(), graph.client.scene()
    assert np.allclose(truth.robot_position, known.robot_position, atol=0.05)


def test_a_policy_that_is_killed_leaves_the_base_at_rest(graph, waiting):
    outcomes, count = [], len(graph.watch.commands)
    thread = threading.Thread(target=lambda: outcomes.append(graph.client.execute("drive to the door", 0)))
    thread.start()
    waiting(lambda: len(graph.watch.commands) > count + 10, 10.0, "commands")
    os.kill(graph.stack.processes["policy"].pid, signal.SIGKILL)
    waiting(graph.at_rest, 1.5, "rest after the kill")
    waiting(lambda: graph.client.guard().state == "holding", 2.0, "the guard's hold")
    thread.join(8.0)
    assert outcomes[0].status == "failed" and "silent" in outcomes[0].message
