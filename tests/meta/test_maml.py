"""MAML and Reptile for supervised tasks, against what can be worked out by hand or by finite differences."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from metaagent_ros.meta.learner import StateError
from metaagent_ros.meta.maml import MAML, MAMLConfig, ReptileConfig, SupervisedReptile
from metaagent_ros.meta.supervised import Episode
from sim_envs.spec import SpecError

MSE = nn.functional.mse_loss


class Point(nn.Module):
    """One number, whatever the input."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([value], dtype=torch.float64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.w.expand(x.shape)


def half_square(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return 0.5 * ((outputs - targets) ** 2).mean()


def centre(support: float, query: float) -> Episode:
    s, q = (torch.tensor([[v]], dtype=torch.float64) for v in (support, query))
    return Episode(torch.zeros_like(s), s, torch.zeros_like(q), q)


def episodes(count: int, seed: int = 0, points: int = 4) -> list[Episode]:
    rng = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=rng)

    return [Episode(draw(points, 2), draw(points, 1), draw(3, 2), draw(3, 1)) for _ in range(count)]


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1)).double()


def close(one, other, tolerance: float = 1e-12) -> bool:
    return set(one) == set(other) and all(
        torch.allclose(one[n], other[n], rtol=tolerance, atol=tolerance) for n in one
    )


def same(one, other) -> bool:
    return set(one) == set(other) and all(torch.equal(one[n], other[n]) for n in one)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_the_gradient_of_a_quadratic_by_hand(steps: int):
    # support loss (w - a)^2 / 2, query loss (w - b)^2 / 2: w_k - a = r^k (w - a) with r = 1 - alpha, and so
    # MAML's gradient is (w_k - b) r^k; the first-order one leaves the factor r^k out
    start, a, b, alpha = 2.0, 0.5, -1.0, 0.3
    r = (1 - alpha) ** steps
    gap = a + r * (start - a) - b
    config = MAMLConfig(alpha=alpha, inner_steps=steps)
    full, value = MAML(Point(start), half_square, config).gradient([centre(a, b)])
    first, _ = MAML(Point(start), half_square, replace(config, first_order=True)).gradient([centre(a, b)])
    assert value.item() == pytest.approx(0.5 * gap**2)
    assert full["w"].item() == pytest.approx(gap * r)
    assert first["w"].item() == pytest.approx(gap)


def test_two_tasks_and_an_outer_step_by_hand():
    maml = MAML(Point(1.0), half_square, MAMLConfig(alpha=0.5, beta=0.1, optimiser="sgd"))
    metrics = maml.meta_step([centre(0.0, 0.0), centre(2.0, 4.0)])
    # adapted: 0.5 and 1.5; gradients 0.5 * 0.5 and (1.5 - 4) * 0.5
    assert maml.parameters["w"].item() == pytest.approx(1.0 - 0.1 * 0.5 * (0.25 - 1.25))
    assert metrics["loss"] == pytest.approx(0.5 * (0.5 * 0.5**2 + 0.5 * 2.5**2))


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_whole_objective_against_finite_differences(steps: int):
    maml = MAML(network(), MSE, MAMLConfig(alpha=0.2, inner_steps=steps))
    tasks = episodes(3)
    gradient, _ = maml.gradient(tasks)
    h = 1e-6
    for name, value in maml.parameters.items():
        for place in range(value.numel()):
            sides = []
            for sign in (1.0, -1.0):
                moved = maml.parameters
                moved[name].view(-1)[place] += sign * h
                sides.append(maml.objective(moved, tasks).item())
            assert gradient[name].view(-1)[place].item() == pytest.approx(
                (sides[0] - sides[1]) / (2 * h), rel=1e-5, abs=1e-8
            )


def test_two_inner_steps_keep_the_second_derivatives():
    # the gradient is (I - alpha H_1)(I - alpha H_2) g with H_j the support Hessian before step j, written
    # out here over one flat vector without the learner
    net, (task,), alpha = network(), episodes(1), 0.2
    maml = MAML(net, MSE, MAMLConfig(alpha=alpha, inner_steps=2))
    named = maml.parameters

    def loss(flat: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        sizes = [v.numel() for v in named.values()]
        parts = zip(named, flat.split(sizes), strict=True)
        return MSE(maml.predict({n: p.view(named[n].shape) for n, p in parts}, x), y)

    support = (task.support_x, task.support_y)
    slope, hessian = torch.func.grad(loss), torch.func.hessian(loss)
    w0 = torch.cat([v.flatten() for v in named.values()])
    w1 = w0 - alpha * slope(w0, *support)
    w2 = w1 - alpha * slope(w1, *support)
    expected = slope(w2, task.query_x, task.query_y)
    first = expected.clone()
    for w in (w1, w0):
        expected = expected - alpha * hessian(w, *support) @ expected

    def flat(gradient) -> torch.Tensor:
        return torch.cat([v.flatten() for v in gradient.values()])

    assert torch.allclose(flat(maml.gradient([task])[0]), expected, rtol=1e-10)
    fomaml = MAML(net, MSE, MAMLConfig(alpha=alpha, inner_steps=2, first_order=True))
    assert torch.allclose(flat(fomaml.gradient([task])[0]), first, rtol=1e-10)
    assert (expected - first).norm() > 0.05 * first.norm()


def test_first_order_equals_maml_exactly_where_the_hessian_vanishes():
    def linear(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return (outputs * targets).mean()

    torch.manual_seed(0)
    net, tasks = nn.Linear(2, 1).double(), episodes(3)
    config = MAMLConfig(alpha=0.2, inner_steps=3)
    for loss, equal in ((linear, True), (MSE, False)):
        full, first = (
            MAML(net, loss, replace(config, first_order=f)).gradient(tasks)[0] for f in (False, True)
        )
        assert close(full, first) == equal


def test_no_inner_step_is_joint_training():
    net, tasks = network(), episodes(3)
    gradient, _ = MAML(net, MSE, MAMLConfig(inner_steps=0)).gradient(tasks)
    x, y = torch.cat([t.query_x for t in tasks]), torch.cat([t.query_y for t in tasks])
    MSE(net(x), y).backward()
    assert close(gradient, {n: p.grad for n, p in net.named_parameters()})


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


def test_reptile_with_one_step_of_gradient_descent_is_joint_training():
    net, tasks = network(), episodes(3)
    reptile = SupervisedReptile(net, MSE, ReptileConfig(alpha=0.2, epsilon=0.5, inner_steps=1))
    reptile.meta_step(tasks)
    x = torch.cat([t for task in tasks for t in (task.support_x, task.query_x)])
    y = torch.cat([t for task in tasks for t in (task.support_y, task.query_y)])
    MSE(net(x), y).backward()
    expected = {n: p.detach() - 0.5 * 0.2 * p.grad for n, p in net.named_parameters()}
    assert close(reptile.parameters, expected)


def test_reptile_by_hand_and_its_step_size_falls_to_nothing():
    # two steps of rate 0.1 close 0.19 of the gap to the mean of support and query
    config = ReptileConfig(alpha=0.1, epsilon=0.5, inner_steps=2, iterations=2)
    reptile = SupervisedReptile(Point(0.0), half_square, config)
    assert reptile.meta_step([centre(0.0, 2.0), centre(3.0, 3.0)]) == {
        "epsilon": 0.5,
        "moved": pytest.approx(0.19),
    }
    assert reptile.parameters["w"].item() == pytest.approx(0.5 * 0.19 * 2.0)
    assert reptile.meta_step([centre(0.0, 2.0)])["epsilon"] == 0.25
    assert reptile.meta_step([centre(0.0, 2.0)])["epsilon"] == 0.0


def test_the_inner_adam_is_torchs_with_beta1_0():
    net, (task,) = network(), episodes(1)
    config = ReptileConfig(alpha=0.01, epsilon=1.0, inner_steps=5, optimiser="adam")
    reptile = SupervisedReptile(net, MSE, config)
    reptile.meta_step([task])
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01, betas=(0.0, 0.999))
    for _ in range(5):
        optimiser.zero_grad()
        x = torch.cat([task.support_x, task.query_x])
        MSE(net(x), torch.cat([task.support_y, task.query_y])).backward()
        optimiser.step()
    assert close(reptile.parameters, dict(net.named_parameters()))


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


def test_the_outer_step_size_falls_along_a_cosine():
    maml = MAML(Point(0.0), half_square, MAMLConfig(beta=0.2, iterations=2))
    rates = [maml.meta_step([centre(1.0, 1.0)])["beta"] for _ in range(3)]
    assert rates == pytest.approx([0.2, 0.1, 0.0])


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
