"""What a person sees while the demo runs: finished stages stand, the current one moves below them.

Without a terminal there is no moving part and no control code: plain lines, each when it is true.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from metaagent_ros.demo.provenance import legend, origin, sentence_text, wants_colour
from metaagent_ros.demo.records import Bound, Counts, Trial
from metaagent_ros.demo.text import printable
from metaagent_ros.instructions.schema import Plan
from sim_envs.spec import TaskSpec

BARS = "▁▂▃▄▅▆▇█"
_PLAIN_WIDTH = 110
_PLAIN_EVERY = 2.0  # [s] between lines about a run that goes on


def sparkline(rates: Sequence[float]) -> str:
    """Success rates in 0..1 as bars."""
    return "".join(BARS[min(int(max(rate, 0.0) * len(BARS)), len(BARS) - 1)] for rate in rates)


def step_cells(step: TaskSpec) -> tuple[str, str, str, str]:
    """A step in words: skill, object, target, manner."""
    relation = f"{step.relation.replace('_', ' ')} " if step.relation else ""
    manner = [f"{step.speed} speed", f"{step.force} force"]
    manner += [f"avoid {thing}" for thing in step.avoid]
    target = f"{relation}{step.target}" if step.target else "–"
    return step.skill, str(step.object or "–"), target, ", ".join(manner)


def place(position: Sequence[float]) -> str:
    """A position [m] for a person."""
    return f"({', '.join(f'{value:.3f}' for value in position)}) m"


def bound_text(bound: Bound) -> str:
    """What a step was bound to, on one line."""
    parts = []
    if bound.object is not None and bound.object_position is not None:
        parts.append(f"{bound.object} at {place(bound.object_position)}")
    to = f"{bound.target} " if bound.target else ""
    parts.append(f"goal {to}at {place(bound.goal)}, within {bound.tolerance:.2f} m")
    parts += [f"keep out of {radius:.2f} m around ({x:.2f}, {y:.2f})" for x, y, radius in bound.avoid]
    return f"step {bound.step + 1}: " + "; ".join(parts)


def trial_text(trial: Trial) -> str:
    """One trial, on one line."""
    label = "before adaptation" if trial.number == 0 else f"trial {trial.number}"
    steps = f", {trial.env_steps} env steps" if trial.env_steps is not None else ""
    return f"{label}: success {trial.success_rate:.0%}{steps}, {trial.seconds:.1f} s"


def running_text(elapsed: float, distance: float | None, counts: Counts) -> str:
    """How a run stands, on one line."""
    to_go = "" if distance is None else f"{distance:.3f} m to the goal, "
    did = f"{counts.passed} passed, {counts.limited} limited, {counts.rejected} rejected"
    return f"{elapsed:.1f} s, {to_go}guard: {did}"


class View:
    """Shows a run on a stream; use as a context manager."""

    def __init__(self, stream: TextIO) -> None:
        self.live = stream.isatty() and os.environ.get("TERM") not in (None, "dumb")
        self.console = Console(
            file=stream,
            force_terminal=self.live,
            no_color=None if self.live else True,
            color_system="auto" if self.live else None,
            width=None if self.live else _PLAIN_WIDTH,
            highlight=False,
            soft_wrap=not self.live,
        )
        self._live = Live(console=self.console, refresh_per_second=8, transient=True) if self.live else None
        self._rates: list[float] = []
        self._last_line = 0.0

    def __enter__(self) -> View:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *unused: object) -> None:
        if self._live is not None:
            self._live.update(Text(""))
            self._live.stop()
            self._live = None

    def say(self, what: RenderableType, style: str = "") -> None:
        """Print something that stays; what moved before it is over."""
        if self._live is not None:
            self._live.update(Text(""), refresh=True)
        self.console.print(Text(printable(what), style=style) if isinstance(what, str) else what)

    def stage(self, title: str) -> None:
        """A stage begins."""
        self.say(f"\n{title}" if self.live else title, "bold cyan")
        self._now(Text("…"))

    def plan(self, plan: Plan, robot: str, sentence: str) -> None:
        """The parse, and the words that it was read from."""
        coloured = wants_colour(self.console)
        if plan.words:
            self.say(sentence_text(sentence, plan, coloured))
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
        for title in ("step", "skill", "object", "target", "manner"):
            table.add_column(title, header_style="dim" if self.live else "")
        for number, step in enumerate(plan.steps, 1):
            table.add_row(str(number), *map(Text, step_cells(step)))
        self.say(table)
        for line in legend(sentence, plan, coloured):
            self.say(line)
        self.say(f"robot: {robot}; {origin(plan)}")

    def waiting(self, text: str) -> None:
        """What is being waited for; on a terminal only."""
        self._now(Text(printable(text)))

    def bound(self, bound: Bound) -> None:
        """What the scene bound."""
        self._rates = []
        self.say(bound_text(bound))

    def trial(self, trial: Trial) -> None:
        """One more trial of adaptation."""
        self._rates.append(trial.success_rate)
        if self.live:
            line = Text.assemble((sparkline(self._rates), "bold green"), "  ", trial_text(trial))
            self._now(line)
        else:
            self.say(f"  {trial_text(trial)}  {sparkline(self._rates)}")

    def adapted(self, trials: Sequence[Trial]) -> None:
        """The whole adaptation of a step."""
        if self.live and trials:
            bars = sparkline([trial.success_rate for trial in trials])
            self.say(Text.assemble((bars, "bold green"), "  ", trial_text(trials[-1])))

    def running(self, elapsed: float, distance: float | None, counts: Counts) -> None:
        """The run goes on."""
        text = running_text(elapsed, distance, counts)
        self._now(Text(text), f"  {text}")

    def ran(self, elapsed: float, distance: float | None, counts: Counts) -> None:
        """The run of a step is over."""
        self.say(running_text(elapsed, distance, counts))

    def verdict(self, text: str, passed: bool) -> None:
        """The last line."""
        self.say(Group(Text(""), Text(printable(text), style="bold green" if passed else "bold red")))

    def _now(self, moving: Text, plain: str = "") -> None:
        if self._live is not None:
            self._live.update(moving)
        elif plain and time.monotonic() - self._last_line >= _PLAIN_EVERY:
            self._last_line = time.monotonic()
            self.say(plain)
