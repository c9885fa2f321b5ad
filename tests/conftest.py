"""Set before anything imports rclpy: checked message fields, a ROS domain of our own, this machine only."""

import os
import random

os.environ["ROS_PYTHON_CHECK_FIELDS"] = "1"
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ.setdefault("ROS_DOMAIN_ID", str(random.SystemRandom().randint(1, 101)))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest

from metaagent_ros.policies.files import PolicyFile
from sim_envs.tasks import family


def constant_policy(robot: str, action: tuple[float, ...]) -> PolicyFile:
    """A policy that answers the same whatever it sees."""
    scale = family(robot).scale
    tensors = {
        "actor.features_extractor.scale": np.array(scale),
        "actor.latent_pi.0.weight": np.zeros((8, len(scale))),
        "actor.latent_pi.0.bias": np.zeros(8),
        "actor.latent_pi.2.weight": np.zeros((8, 8)),
        "actor.latent_pi.2.bias": np.zeros(8),
        "actor.mu.weight": np.zeros((len(action), 8)),
        "actor.mu.bias": np.arctanh(np.array(action)),
    }
    return PolicyFile({name: value.astype(np.float32) for name, value in tensors.items()}, {"robot": robot})


@pytest.fixture
def make_policy():
    return constant_policy
