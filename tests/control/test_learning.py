"""The learner gives back its start, adapts a copy, and stops at the next step when told to."""

import dataclasses

import numpy as np
import pytest

from metaagent_ros.control.execution import Stopped
from metaagent_ros.control.learning import Learner
from metaagent_ros.policies.files import PolicyFileError
from sim_envs.simulation import make_simulation
from sim_envs.spec import GroundedTask, ObjectRef, TaskSpec


@pytest.fixture(scope="module")
def learner(make_policy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("policy")
    make_policy("panda", (0.0, 0.0, 0.0, 0.5)).save(folder)
    return Learner("panda", 1, str(folder))


@pytest.fixture(scope="module")
def scene():
    simulation = make_simulation("panda", 0, 1)
    seen = simulation.scene()
    simulation.close()
    return seen


@pytest.fixture
def task(scene):
    x, y, z = scene.item("red_cube").position
    return GroundedTask(TaskSpec("grasp", ObjectRef("red")), (x, y, z + 0.12), 0.05, "red_cube")


def test_no_trials_give_the_start(learner, scene, task):
    adapted = learner.adapt(task, scene, 0, 60.0, lambda trial: None, lambda: False)
    assert adapted.policy is learner.start and adapted.curve == () and not adapted.rolled_back


def test_cancelling_takes_effect_at_the_next_step(learner, scene, task):
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 20

    with pytest.raises(Stopped) as stop:
        learner.adapt(task, scene, 8, 60.0, lambda trial: None, cancelled)
    assert stop.value.status == "cancelled" and len(asked) < 25


def test_a_scene_without_the_object_and_a_bad_budget_fail_with_the_cause(learner, scene, task):
    missing = dataclasses.replace(task, object_name="teapot")
    for wanted, seconds, words in ((missing, 60.0, "teapot"), (task, -1.0, "budget")):
        with pytest.raises(Stopped, match=words) as stop:
            learner.adapt(wanted, scene, 1, seconds, lambda trial: None, lambda: False)
        assert stop.value.status == "failed"


def test_a_start_that_does_not_fit_is_told_at_once(make_policy, tmp_path):
    policy = make_policy("panda", (0.0,) * 4)
    wrong = {**policy.tensors, "actor.mu.weight": np.zeros((3, 128), dtype=np.float32)}
    dataclasses.replace(policy, tensors=wrong).save(tmp_path)
    with pytest.raises(PolicyFileError, match="fit"):
        Learner("panda", 1, str(tmp_path))
    with pytest.raises(PolicyFileError, match="policy"):
        Learner("panda", 1, str(tmp_path / "nowhere"))
