"""Memory of every process of the graph while it carries out sentences for half an hour.

``python -m benchmarks.soak --minutes 30``: the simulation graph over DDS, one sentence after the other (with
adaptation), the resident memory of each process every few seconds. What counts is growth after the start: a
line fitted over the second half, in MB an hour.
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Item, finish, item, machine
from metaagent_ros.graph import GraphOptions, simulation_graph
from metaagent_ros.launcher import Stack
from metaagent_ros.nodes.client import Client

SENTENCES = {
    "panda": ("pick up the red cube", "pick up the white cube", "pick up the green cylinder"),
    "diffbot": ("drive to the charger", "drive to the moon", "go to the door"),
}
EVERY = 5.0  # [s] between two looks
GROWTH = "< 12"  # [MB/h] in the second half: 6 MB over half an hour
Curve = list[tuple[float, float]]


def resident(pid: int) -> float:
    """Resident memory of a process [MB]."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def watch(stack: Stack, stop: threading.Event, curves: dict[str, Curve]) -> None:
    """Fill in (seconds, MB) of every process until told to stop."""
    begun = time.monotonic()
    while not stop.wait(EVERY):
        for name, process in stack.processes.items():
            if process.poll() is None:
                curves.setdefault(name, []).append((time.monotonic() - begun, resident(process.pid)))


def slope(curve: Curve) -> float:
    """Growth over the second half [MB/h], by least squares."""
    half = np.array(curve[len(curve) // 2 :])
    return float(np.polyfit(half[:, 0], half[:, 1], 1)[0] * 3600.0)


def soak(robot: str, minutes: float) -> dict[str, Any]:
    """Run the graph for so long; the curves, and how the sentences ended."""
    curves: dict[str, Curve] = {}
    ended: dict[str, int] = {}
    stop, until = threading.Event(), time.monotonic() + 60.0 * minutes
    options = GraphOptions(robot=robot)
    with tempfile.TemporaryDirectory() as logs:
        with Stack(simulation_graph(options), Path(logs), {"OMP_NUM_THREADS": "1"}) as stack:
            with Client(environment=stack.env) as client:
                client.wait_ready(90.0)
                watcher = threading.Thread(target=watch, args=(stack, stop, curves))
                watcher.start()
                for sentence in itertools.cycle(SENTENCES[robot]):
                    if time.monotonic() > until or stack.poll() is not None:
                        break
                    outcome = client.execute(sentence, 1, 20.0, None, lambda: time.monotonic() > until)
                    ended[outcome.status] = ended.get(outcome.status, 0) + 1
                died = stack.poll()
                stop.set()
                watcher.join()
        if died is not None:
            raise RuntimeError(str(died))
    return {"curves": curves, "ended": ended}


def draw(curves: dict[str, Curve], path: Path) -> None:
    """Memory against time, a line for each process."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for name, curve in curves.items():
        seconds, memory = zip(*curve, strict=True)
        axes.plot(np.array(seconds) / 60.0, memory, label=name)
    axes.set_xlabel("time [min]")
    axes.set_ylabel("resident memory [MB]")
    axes.set_ylim(bottom=0)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)


def main() -> int:
    """Parse the arguments, soak, report; 1 where a process grows more than it may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--robot", choices=tuple(SENTENCES), default="panda")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--picture", type=Path, help="where to draw the curves")
    given = parser.parse_args()
    if not 0.5 <= given.minutes <= 24 * 60:
        parser.error(f"--minutes is {given.minutes:g}; allowed: 0.5 to 1440")
    found = soak(given.robot, given.minutes)
    items: list[Item] = [
        item(f"growth of {name}", slope(curve), "MB/h", GROWTH) for name, curve in found["curves"].items()
    ]
    items += [item(f"memory of {name}", curve[-1][1], "MB") for name, curve in found["curves"].items()]
    items.append(item("sentences", sum(found["ended"].values()), ""))
    if given.picture:
        draw(found["curves"], given.picture)
    rounded = {n: [(round(t), round(m, 1)) for t, m in c[::6]] for n, c in found["curves"].items()}
    report = {"robot": given.robot, "minutes": given.minutes, "machine": machine(), "items": items}
    return finish(report | {"ended": found["ended"], "curves": rounded}, given)


if __name__ == "__main__":
    raise SystemExit(main())
