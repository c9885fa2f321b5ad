"""Small networks and tasks for the tests of supervised meta-learning."""

import torch
from torch import nn

from metaagent_ros.meta.supervised import Episode

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
