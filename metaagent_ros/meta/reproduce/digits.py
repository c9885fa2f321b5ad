"""Few-shot classification of scikit-learn's digits (8 x 8 pixels): digits that training never saw.

Five of the ten digits, drawn from the seed, are for training, the other five for the test: 5-way 5-shot.
A training task takes five of the training classes (a digit turned by a quarter, a half or three quarters
counts as a class of its own, as Santoro et al. 2016 do with Omniglot: 20 classes) and gives them labels in
a random order, so only adaptation can tell which is which. Test tasks are upright.

Pretraining learns the five training digits, at any turn, under fixed labels, from as many tasks of as many
images; with labels that change from task to task it would learn nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from metaagent_ros.meta.maml import MAML, MAMLConfig, ReptileConfig, SupervisedReptile
from metaagent_ros.meta.reproduce.arms import Arm, compare, fresh, whole
from metaagent_ros.meta.supervised import Episode

ITERATIONS, TASKS = 1500, 16
WAYS, SHOTS, QUERIES = 5, 5, 5  # classes of a task; images of each to learn from, to be judged by
HELD_OUT, FRESH = 600, 15  # tasks that judge, and their query images of each class
VALIDATION = 100  # tasks of training classes that choose a step size
ALPHAS = (0.01, 0.03, 0.1, 0.3)


def images(seed: int) -> tuple[torch.Tensor, torch.Tensor, list[int]]:
    """Training classes (20, n, 64), test classes (5, n, 64), values in [0, 1], and which digits test."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = torch.randperm(10, generator=torch.Generator().manual_seed(seed)).tolist()
    least = min(int((data.target == digit).sum()) for digit in range(10))
    table = torch.tensor(data.images / 16.0, dtype=torch.float32)
    of = [table[torch.tensor(data.target == digit)][:least] for digit in order]
    seen, unseen = torch.stack(of[:WAYS]), torch.stack(of[WAYS:])
    turned = torch.cat([seen.rot90(turn, (2, 3)) for turn in range(4)])
    return turned.flatten(2), unseen.flatten(2), sorted(order[WAYS:])


def draw(classes: torch.Tensor, count: int, query: int, rng: torch.Generator, fixed: bool = False) -> Episode:
    """A batch of tasks: x (count, 5 n, 64), labels (count, 5 n), with n = 5 support and ``query`` images.

    ``fixed`` labels a class by its digit and takes every digit once; else classes and labels are random.
    """
    if fixed:  # class c + 5 t is digit c turned t times
        turn = torch.randint(len(classes) // WAYS, (count, WAYS), generator=rng)
        which = torch.arange(WAYS) + WAYS * turn
    else:
        which = torch.rand(count, len(classes), generator=rng).argsort(1)[:, :WAYS]
    rows = torch.rand(count, WAYS, classes.shape[1], generator=rng).argsort(2)[..., : SHOTS + query]
    x = classes[which[..., None], rows]
    y = torch.arange(WAYS)[:, None].expand(count, WAYS, SHOTS + query)
    split = (x[:, :, :SHOTS], y[:, :, :SHOTS], x[:, :, SHOTS:], y[:, :, SHOTS:])
    return Episode(*(part.flatten(1, 2) for part in split))


def network() -> nn.Module:
    """64-64-64-5 with ReLU."""
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, WAYS))


def accuracy(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The share of images (n, 5) whose largest output is that of the label (n,)."""
    return (outputs.argmax(1) == targets).float().mean()


def arms(seed: int, iterations: int, classes: torch.Tensor) -> dict[str, Arm]:
    """MAML, its first-order approximation, Reptile and pretraining, from the same random weights."""
    start, loss = fresh(network, seed), nn.functional.cross_entropy

    def training(count: int, rng: torch.Generator) -> Episode:
        return draw(classes, count, QUERIES, rng)

    def maml(first_order: bool = False, inner_steps: int = 3) -> MAML:
        config = MAMLConfig(0.1, 0.002, inner_steps, first_order, iterations=iterations, seed=seed)
        return MAML(start, loss, config, accuracy)

    reptile = ReptileConfig(0.1, 1.0, 8, minibatch=25, iterations=iterations, seed=seed)
    return {
        "maml": Arm(maml(), training),
        "fomaml": Arm(maml(first_order=True), training),
        "reptile": Arm(SupervisedReptile(start, loss, reptile, accuracy), training, ALPHAS),
        "pretrained": Arm(
            maml(inner_steps=0), lambda n, rng: whole(draw(classes, n, QUERIES, rng, fixed=True)), ALPHAS
        ),
    }


def run(seed: int = 0, iterations: int | None = None, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Accuracies after 1, 5 and 10 steps on tasks of unseen digits."""
    total = ITERATIONS if iterations is None else iterations
    seen, unseen, digits = images(seed)
    judges = torch.Generator().manual_seed(2**40 + seed)  # far from every seed of training
    held_out, validation = draw(unseen, HELD_OUT, FRESH, judges), draw(seen, VALIDATION, FRESH, judges)
    found = compare(arms(seed, total, seen), TASKS, total, held_out, validation, lambda c: -sum(c), say)
    about = {"name": "digits", "measure": "accuracy", "seed": seed, "unseen_digits": digits}
    return about | found | {"ways": WAYS, "shots": SHOTS}
