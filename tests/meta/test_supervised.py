"""What holds for every supervised meta-learner: no aliases, no order, exact resume, buffers respected."""

import math
from pathlib import Path

import pytest
import torch
from supervised_tasks import MSE, Point, centre, close, episodes, half_square, network, same
from torch import nn

from metaagent_ros.meta.learner import StateError
from metaagent_ros.meta.maml import MAML, MAMLConfig, ReptileConfig, SupervisedReptile
from metaagent_ros.meta.supervised import Episode
from sim_envs.spec import SpecError


def learners(vmap: bool = True, seed: int = 0):
    return [
        MAML(network(), MSE, MAMLConfig(alpha=0.1, inner_steps=2, iterations=9, vmap=vmap, seed=seed)),
        MAML(network(), MSE, MAMLConfig(alpha=0.1, first_order=True, vmap=vmap, seed=seed)),
        MAML(network(), MSE, MAMLConfig(alpha=0.1, optimiser="sgd", beta=0.1, vmap=vmap, seed=seed)),
        SupervisedReptile(network(), MSE, ReptileConfig(inner_steps=4, iterations=9, vmap=vmap, seed=seed)),
        SupervisedReptile(
            network(),
            MSE,
            ReptileConfig(0.01, 0.5, 4, "adam", minibatch=3, iterations=9, vmap=vmap, seed=seed),
        ),
    ]


KINDS = ("maml", "fomaml", "maml sgd", "reptile sgd", "reptile adam")
each_learner = pytest.mark.parametrize("kind", range(len(KINDS)), ids=KINDS)


@each_learner
def test_all_tasks_at_once_equal_the_loop(kind: int):
    fast, slow = learners()[kind], learners(vmap=False)[kind]
    for number in range(3):
        tasks = episodes(4, number)
        fast.meta_step(tasks)
        slow.meta_step(tasks)
    assert close(fast.parameters, slow.parameters)
    tasks = episodes(4, 9)
    assert torch.allclose(fast.curves(tasks, 3), slow.curves(tasks, 3))
    alone = torch.tensor([slow.adapt(task, 3)[1] for task in tasks])
    assert torch.allclose(fast.curves(tasks, 3), alone.double(), rtol=1e-5)


@each_learner
def test_neither_the_order_of_the_tasks_nor_their_packing_matters(kind: int):
    tasks = episodes(4)
    batch = Episode(*(torch.stack(column) for column in zip(*(t.tensors() for t in tasks), strict=True)))
    made = [learners()[kind] for _ in range(3)]
    for learner, given in zip(made, (tasks, tasks[::-1], batch), strict=True):
        learner.meta_step(given)
    assert close(made[0].parameters, made[1].parameters)
    assert same(made[0].parameters, made[2].parameters)


@each_learner
def test_tasks_may_differ_in_size(kind: int):
    learner, uneven = learners()[kind], episodes(2) + episodes(2, 1, points=7)
    learner.meta_step(uneven)
    assert learner.curves(uneven, 2).shape == (4, 3)


@each_learner
def test_nothing_that_goes_in_is_changed_and_nothing_that_comes_out_is_an_alias(kind: int):
    learner, tasks = learners()[kind], episodes(3)
    copies = [[t.clone() for t in task.tensors()] for task in tasks]
    own = learner.parameters
    adapted, curve = learner.adapt(tasks[0], 3)
    assert len(curve) == 4 and curve[-1] != curve[0]
    assert same(learner.parameters, own) and not same(adapted, own)
    for value in (*adapted.values(), *own.values()):
        value.zero_()
    assert not close(learner.parameters, own)
    before = learner.parameters
    learner.adapt(tasks[0], 0)[0]["0.weight"].zero_()
    assert same(learner.parameters, before)
    learner.meta_step(tasks)
    assert all(
        torch.equal(a, b)
        for task, copy in zip(tasks, copies, strict=True)
        for a, b in zip(task.tensors(), copy, strict=True)
    )


@each_learner
def test_the_module_given_stays_as_it_was(kind: int):
    net = network()
    before = {n: v.clone() for n, v in net.state_dict().items()}
    learner = type(learners()[kind])(net, MSE, learners()[kind].config)
    learner.meta_step(episodes(3))
    assert same(net.state_dict(), before) and all(p.grad is None for p in net.parameters())


@each_learner
def test_a_resumed_run_has_the_same_bits(kind: int, tmp_path: Path):
    def run(learner, count: int) -> None:
        for _ in range(count):
            learner.meta_step(episodes(3, int(torch.randint(1000, (), generator=learner.rng))))

    whole, begun, resumed = (learners()[kind] for _ in range(3))
    run(whole, 6)
    run(begun, 3)
    begun.save(tmp_path / "deep" / "state.safetensors")
    resumed.restore(tmp_path / "deep" / "state.safetensors")
    run(resumed, 3)
    assert resumed.iteration == 6
    assert same(whole.parameters, resumed.parameters)
    assert not same(whole.parameters, begun.parameters)
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["state.safetensors"]


def test_a_state_of_another_run_is_refused(tmp_path: Path):
    path = tmp_path / "state.safetensors"
    learners()[0].save(path)
    for other in (learners()[1], learners()[3], learners(seed=1)[0]):
        with pytest.raises(StateError, match="another run"):
            other.restore(path)
    wide = MAML(nn.Linear(2, 1).double(), MSE, learners()[0].config)
    with pytest.raises(StateError, match="another network"):
        wide.restore(path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(StateError, match="not a meta-learner's state"):
        learners()[0].restore(path)
    with pytest.raises(StateError, match="No such file"):
        learners()[0].restore(tmp_path / "none")


class Scaled(nn.Module):
    """A buffer, a frozen layer and a normalisation whose statistics are fixed."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.register_buffer("scale", torch.tensor([2.0, 0.5], dtype=torch.float64))
        self.frozen, self.norm, self.head = nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1)
        self.frozen.requires_grad_(False)
        self.norm.running_mean += 0.3
        self.double().eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.tanh(self.norm(self.frozen(x * self.scale))))


@each_learner
def test_buffers_and_frozen_layers_are_used_and_stay(kind: int):
    net = Scaled()
    before = {n: v.clone() for n, v in net.state_dict().items()}
    learner = type(learners()[kind])(net, MSE, learners()[kind].config)
    (task,) = episodes(1)
    assert torch.equal(learner.predict(learner.parameters, task.query_x), net(task.query_x))
    learner.meta_step(episodes(3))
    assert set(learner.parameters) == {"norm.weight", "norm.bias", "head.weight", "head.bias"}
    assert same(net.state_dict(), before)
    net.scale.zero_()  # the learner has its own
    assert learner.adapt(task, 1)[1][0] != pytest.approx(MSE(net(task.query_x), task.query_y).item())


def test_running_statistics_would_leak_from_task_to_task():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1)).double()
    with pytest.raises(ValueError, match=r"1 updates running statistics.*eval"):
        MAML(net, MSE, MAMLConfig())
    net[1] = nn.BatchNorm1d(3, track_running_stats=False).double()
    maml = MAML(net, MSE, MAMLConfig())
    assert math.isfinite(maml.meta_step(episodes(2))["loss"])


def test_a_curve_can_be_of_another_measure_than_the_loss():
    maml = MAML(Point(1.0), half_square, MAMLConfig(alpha=0.5), measure=lambda o, t: (o - t).abs().mean())
    assert maml.adapt(centre(0.0, 0.0), 2)[1] == [1.0, 0.5, 0.25]


def test_what_is_not_allowed_is_said():
    with pytest.raises(ValueError, match=r"alpha is 0.0; allowed: finite and above 0"):
        MAMLConfig(alpha=0.0)
    with pytest.raises(ValueError, match="inner_steps is 0; allowed: at least 1"):
        ReptileConfig(inner_steps=0)
    with pytest.raises(SpecError, match="'adam'"):
        MAMLConfig(optimiser="adan")
    maml = learners()[0]
    with pytest.raises(ValueError, match="no tasks"):
        maml.meta_step([])
    with pytest.raises(ValueError, match="budget is -1"):
        maml.adapt(episodes(1)[0], -1)
    wild = MAML(Point(1.0), half_square, MAMLConfig(alpha=1e200, inner_steps=3))
    with pytest.raises(FloatingPointError, match="lower alpha"):
        wild.meta_step([centre(0.0, 5.0)])
