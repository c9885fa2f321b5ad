import pytest
import torch

from metaagent_ros.meta.parameters import clone, interpolate, mean
from metaagent_ros.meta.reptile import Reptile


def tensors(*values: float) -> dict[str, torch.Tensor]:
    return {"w": torch.tensor(values, dtype=torch.float64)}


def test_interpolation_and_mean_by_hand():
    assert interpolate(tensors(1, 2), tensors(3, -2), 0.25)["w"].tolist() == [1.5, 1.0]
    assert mean([tensors(1, 2), tensors(3, -2)])["w"].tolist() == [2.0, 0.0]


def test_a_clone_is_no_alias():
    live = tensors(1.0)
    copy = clone(live)
    live["w"] += 1
    assert copy["w"].tolist() == [1.0]


def test_names_that_differ_are_named():
    with pytest.raises(ValueError, match="v"):
        interpolate(tensors(1), {"v": torch.zeros(1)}, 0.5)
    with pytest.raises(ValueError):
        mean([])


def descend(parameters, task, steps=2, rate=0.1):
    """Gradient descent on (w - task)^2 / 2, in place as SB3 does it."""
    for _ in range(steps):
        parameters["w"] -= rate * (parameters["w"] - task)
    return parameters


def test_two_outer_steps_by_hand():
    # two inner steps of rate 0.1 close 1 - 0.9^2 = 0.19 of the gap to the task
    reptile = Reptile(tensors(0.0), descend, epsilon=0.5, iterations=2)
    first = reptile.meta_step([1.0, 3.0])
    assert reptile.parameters["w"].item() == pytest.approx(0.5 * 0.19 * 2.0)
    assert first == {"epsilon": 0.5, "moved": pytest.approx(0.19)}
    reptile.meta_step([1.0])
    assert reptile.parameters["w"].item() == pytest.approx(0.19 + 0.25 * 0.19 * (1.0 - 0.19))


def test_with_one_inner_step_it_is_joint_training():
    tasks = [1.0, 2.0, 6.0]
    reptile = Reptile(tensors(0.5), lambda p, t: descend(p, t, steps=1), epsilon=1.0, iterations=10)
    reptile.meta_step(tasks)
    joint = 0.5 - 0.1 * sum(0.5 - t for t in tasks) / 3
    assert reptile.parameters["w"].item() == pytest.approx(joint)


def test_the_order_of_tasks_does_not_matter():
    forth, back = (Reptile(tensors(0.3), descend, 0.5, 4) for _ in range(2))
    forth.meta_step([1.0, 2.0])
    back.meta_step([2.0, 1.0])
    assert torch.equal(forth.parameters["w"], back.parameters["w"])


@pytest.mark.parametrize("epsilon", [0.0, 1.5])
def test_bad_settings(epsilon: float):
    with pytest.raises(ValueError, match="allowed"):
        Reptile(tensors(0), descend, epsilon, 1)
    with pytest.raises(ValueError, match="iterations"):
        Reptile(tensors(0), descend, 0.5, 0)
