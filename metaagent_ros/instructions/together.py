"""Let two parsers answer together: ``python -m metaagent_ros.instructions.together A B --out FOLDER``.

Both are low-rank rounds on the same weights (:mod:`.lowrank`), so the second costs half a megabyte.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from metaagent_ros.instructions import weights


def main(argv: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path, help="another round on the same weights")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    try:
        (_, one, first), (_, two, second) = map(weights.read_parts, (args.first, args.second))
    except weights.ParserFileError as error:
        parser.error(str(error))
    if one["sha256"] != two["sha256"] or not first or not second or one["adapter"] == two["adapter"]:
        parser.error(f"{args.first} and {args.second} are no two rounds on the same weights")
    command = f"python -m metaagent_ros.instructions.together {args.first} {args.second}"
    made = {"command": f"{one['command']} && {two['command'].rsplit(' && ', 1)[-1]} && {command}"}
    weights.write_pair(args.first, args.second, args.out, made | {"min_confidence": 0.5})
    print(f"wrote weights, two rounds and parser.json in {args.out}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
