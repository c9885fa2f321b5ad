"""MAML and Reptile for supervised tasks, against what can be worked out by hand or by finite differences."""

from dataclasses import replace

import pytest
import torch
from supervised_tasks import MSE, Point, centre, close, episodes, half_square, network
from torch import nn

from metaagent_ros.meta.maml import MAML, MAMLConfig, ReptileConfig, SupervisedReptile


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


def test_the_outer_step_size_falls_along_a_cosine():
    maml = MAML(Point(0.0), half_square, MAMLConfig(beta=0.2, iterations=2))
    rates = [maml.meta_step([centre(1.0, 1.0)])["beta"] for _ in range(3)]
    assert rates == pytest.approx([0.2, 0.1, 0.0])
