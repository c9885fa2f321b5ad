"""Average two low-rank rounds of a parser: ``python -m metaagent_ros.instructions.average A B --out FOLDER``.

The second round went on from the first, so the factors can be averaged one by one. Weights on the way of one
training are often better together than the last of them (Wortsman et al. 2022, arXiv:2203.05482).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from metaagent_ros.instructions import lowrank, weights


def main(argv: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path, help="a round that went on from the first")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    try:
        (_, before, one), (_, card, two) = map(weights.read_parts, (args.first, args.second))
    except weights.ParserFileError as error:
        parser.error(str(error))
    shapes = [{name: value.shape for name, value in part.items()} for part in (one, two)]
    if before["sha256"] != card["sha256"] or not one or shapes[0] != shapes[1]:
        parser.error(f"{args.first} and {args.second} are no two rounds of the same weights")
    command = f"python -m metaagent_ros.instructions.average {args.first} {args.second}"
    made = {"command": f"{card['command']} --out {args.second} && {command}", "min_confidence": 0.5}
    weights.write_round(args.second, args.out, made, lowrank.averaged(one, two))
    print(f"wrote weights.safetensors, {lowrank.FILE} and parser.json in {args.out}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
