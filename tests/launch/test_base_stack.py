"""The same graph with a base: it drives, stays in its limits, and stops when it must."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import LaserScan
from std_srvs.srv import Trigger

from metaagent_interfaces.msg import BaseCommand as BaseCommandMessage
from metaagent_ros.deployment import load_deployment
from metaagent_ros.nodes import dialect
from sim_envs.spec import BaseCommand

pytestmark = [pytest.mark.ros, pytest.mark.slow]
MOTORS = 1.4  # [s] that the lagging motors of this robot need from its speed to rest, with a third to spare


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
    graph.rests(MOTORS, "cancelling")
    assert watch.travel(0) > 0.1
    gaps = graph.as_in_training(policy, seen, told[-1].task)
    assert np.median(gaps) < 0.1, gaps
    truth, known = graph.client.truth(), graph.client.scene()
    assert np.allclose(truth.robot_position, known.robot_position, atol=0.05)


def test_a_policy_that_is_killed_leaves_the_base_at_rest(graph, waiting):
    outcomes, watch, deployment = [], graph.watch, load_deployment("diffbot")
    sent: list[tuple[float, bool]] = []  # robot time [s] of a command to the robot, and whether it moves it
    watch.node.create_subscription(
        TwistStamped,
        deployment.command_topic,
        lambda m: sent.append((watch.states[-1][0], any((m.twist.linear.x, m.twist.angular.z)))),
        dialect.LATEST,
    )
    count = len(watch.commands)
    thread = threading.Thread(target=lambda: outcomes.append(graph.client.execute("drive to the door", 0)))
    thread.start()
    waiting(lambda: len(watch.commands) > count + 10, 10.0, "commands")
    os.kill(graph.stack.processes["policy"].pid, signal.SIGKILL)
    killed, allowed = watch.states[-1][0], deployment.command_timeout + 2 * watch.profile.control_period
    graph.rests(allowed + MOTORS, "the kill")
    assert sent[-1][1] is False and max(at for at, moves in sent if moves) - killed <= allowed
    waiting(lambda: graph.client.guard().state == "holding", 2.0, "the guard's hold")
    thread.join(8.0)
    assert outcomes[0].status == "failed" and "silent" in outcomes[0].message


def test_17_driven_at_a_wall_by_another_it_stops_before_it(graph, waiting):
    """Full speed from whoever has the lease; what the lidar sees is not touched."""
    node, profile, scans = graph.watch.node, graph.watch.profile, []
    node.create_subscription(LaserScan, "scan", lambda m: scans.append(min(m.ranges)), dialect.SENSOR)
    out = node.create_publisher(BaseCommandMessage, "policy/base_command", dialect.LATEST)
    count, reset = len(graph.watch.states), node.create_client(Trigger, "guard/reset")
    answer = reset.call_async(Trigger.Request())  # the run before was aborted
    waiting(answer.done, 5.0, "an answer")
    assert answer.result().success, answer.result().message

    def pushed():
        stamp = round(graph.watch.states[-1][0] * 1e9)
        out.publish(dialect.base_command_message(BaseCommand(profile.max_linear, 0.0), stamp, "/pusher#1"))
        time.sleep(profile.control_period)
        return "ahead: something" in graph.client.guard().message

    waiting(pushed, 20.0, "the guard's halt")
    graph.rests(MOTORS, "the guard's halt")
    assert graph.watch.travel(count) > 0.2 and profile.radius < min(scans) < profile.radius + 0.1
