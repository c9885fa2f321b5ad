"""Choose the confidence below which the default parser asks back: ``python -m ...instructions.calibrate``.

Conformal risk control (Angelopoulos et al. 2022, arXiv:2208.02814, equation 4) on sentences that were used
for nothing else: the lowest threshold at which (wrong + 1) / (let through + 1) is at most ``ALPHA``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from metaagent_ros.instructions import WEIGHTS, guard, sentences, weights
from metaagent_ros.instructions.model import ModelParser
from metaagent_ros.instructions.schema import Plan, PlanError
from metaagent_ros.instructions.scoring import is_exact
from sim_envs.spec import SpecError

ALPHA = 0.03


def threshold(outcomes: Sequence[tuple[float, bool]], alpha: float = ALPHA) -> float:
    """The lowest confidence to let through; ``outcomes`` are (confidence, right) of what could be.

    Where no threshold reaches ``alpha`` the answer is above 1: nothing is let through.
    """
    best, wrong = 1.01, 0
    ordered = sorted(outcomes, reverse=True)
    for number, (confidence, right) in enumerate(ordered, 1):
        wrong += not right
        tied = number < len(ordered) and ordered[number][0] == confidence
        if not tied and (wrong + 1) / (number + 1) <= alpha:
            best = confidence
    return best


def outcomes(parser: ModelParser, asked: Sequence[sentences.Labelled]) -> list[tuple[float, bool]]:
    """(confidence, right) of every sentence that could be carried out; the rules' always is: 1."""
    out = []
    for item in asked:
        if guard.check(item.text) is not None:
            continue
        if (ruled := parser.by_rules(item.text)) is not None:
            out.append((1.0, is_exact(ruled, item.plan)))
            continue
        try:
            reading = parser.read(item.text)
            plan = Plan(reading.status, None, reading.steps) if reading.status == "ok" else None
        except (SpecError, PlanError):
            continue
        if plan is not None:
            out.append((reading.confidence, is_exact(plan, item.plan)))
    return out


def main(argv: list[str] | None = None) -> int:
    """The command: writes the threshold into the card beside the weights."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=WEIGHTS)
    args = parser.parse_args(argv)
    card = weights.read_card(args.folder)
    found = outcomes(ModelParser(args.folder), sentences.load("calibration"))
    least = threshold(found)
    through = [right for confidence, right in found if confidence >= least]
    card |= {
        "min_confidence": least,
        "calibration": {
            "alpha": ALPHA, "sentences": len(found), "let_through": len(through), "right": sum(through),
        },
    }  # fmt: skip
    weights.write_card(args.folder, card)
    print(f"threshold {least:.4f}: {sum(through)} of {len(through)} right, {len(found)} could be let through")
    return 0


if __name__ == "__main__":
    sys.exit(main())
