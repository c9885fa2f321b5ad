"""Set before anything imports rclpy: checked message fields, a ROS domain of our own, this machine only."""

import os
import random

os.environ["ROS_PYTHON_CHECK_FIELDS"] = "1"
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ.setdefault("ROS_DOMAIN_ID", str(random.SystemRandom().randint(91, 101)))
os.environ.setdefault("OMP_NUM_THREADS", "1")

from functools import cache
from importlib.util import find_spec

import numpy as np
import pytest

from metaagent_ros.policies.files import PolicyFile
from sim_envs.tasks import family

if find_spec("rclpy"):
    from metaagent_ros.nodes import transport

    transport.prepare()


@cache
def fresh_policy(robot: str, seed: int = 1) -> PolicyFile:
    """Random weights of the real architecture."""
    from metaagent_ros.policies.sac import make_sac, policy_file

    kin = family(robot)
    env = kin.make()
    file = policy_file(make_sac(env, kin, seed, buffer_size=10), {"robot": robot})
    env.close()
    return file


def constant_policy(robot: str, action: tuple[float, ...]) -> PolicyFile:
    """A policy that answers the same whatever it sees."""
    file = fresh_policy(robot)
    weight = np.zeros((len(action), file.tensors["actor.mu.weight"].shape[1]), dtype=np.float32)
    bias = np.arctanh(np.array(action, dtype=np.float32))
    return PolicyFile({**file.tensors, "actor.mu.weight": weight, "actor.mu.bias": bias}, file.card)


@pytest.fixture(scope="session")
def random_policy():
    return fresh_policy


@pytest.fixture(scope="session")
def make_policy():
    return constant_policy
