"""Pictures of a summary, each an SVG as bytes: sharp at every size, text as paths, nothing to load.

Arms are told apart by colour (safe for the colour-blind: Okabe and Ito 2008, then Tol 2021), by marker and by
dashes.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Summary: TypeAlias = Mapping[str, Any]

OKABE_ITO = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
COLOURS = (*OKABE_ITO, "#8a8f98", "#332288", "#882255", "#999933", "#44aa99")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", "*", "h", ">", "p")
DASHES = ("-", "--", "-.", ":")
WIDTH = 7.6  # [inch], of the page's column
STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9aa1a9",
    "axes.labelcolor": "#4b525b",
    "xtick.color": "#4b525b",
    "ytick.color": "#4b525b",
    "axes.grid": True,
    "grid.color": "#e8eaec",
    "axes.axisbelow": True,
    "text.parse_math": False,  # an arm's name is no formula
    "svg.hashsalt": "metaagent",  # the same summary gives the same bytes
}
TRIALS = "adaptation episodes"


def pictures(summary: Summary) -> dict[str, bytes]:
    """All pictures by name; one that has nothing to show is missing."""
    import matplotlib

    looks = {arm: _look(number) for number, arm in enumerate(summary["arms"])}
    with matplotlib.rc_context(STYLE):
        made = {
            "success": _curves(summary, looks, "success", "success [%], IQM", 100.0),
            "return": _curves(summary, looks, "return", "return of an episode [1], IQM", 1.0),
            "skills": _skills(summary, looks),
            "profiles": _profiles(summary, looks),
            "costs": _costs(summary, looks),
            "improvement": _improvement(summary, looks),
            "no_help": _no_help(summary),
        }
        return {name: _svg(figure) for name, figure in made.items() if figure is not None}


def _look(number: int) -> dict[str, Any]:
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": DASHES[number % len(DASHES)],
    }


def _figure(rows: int, columns: int, height: float) -> tuple[Figure, list[Axes]]:
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasSVG(figure)
    return figure, list(figure.subplots(rows, columns, squeeze=False).ravel())


def _svg(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return buffer.getvalue()


def _legend(axes: Axes) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4, frameon=False, handlelength=3.2)


def _trial_axis(axes: Axes, trials: Sequence[int]) -> None:
    """Linear from 0 to 1, logarithmic from there: most of what matters happens in the first episodes."""
    axes.set_xscale("symlog", linthresh=1.0)
    axes.set_xticks(trials, [str(n) for n in trials])
    axes.minorticks_off()
    axes.set_xlim(-0.1, max(1, *trials, 1) * 1.12)
    axes.set_xlabel(TRIALS)


def _band(axes: Axes, points: Sequence[Any], name: str, scale: float, look: Any, label: str) -> None:
    """The IQM over the checkpoints with its 95 % band; a single checkpoint gets a bar instead."""
    xs = [point["trials"] for point in points]
    value, low, high = ([scale * p[name]["iqm"][k] for p in points] for k in ("value", "low", "high"))
    axes.plot(xs, value, label=label, lw=1.6, ms=4.5, **look)
    if len(xs) > 1:
        axes.fill_between(xs, low, high, color=look["color"], alpha=0.13, lw=0)
    else:
        axes.vlines(xs, low, high, color=look["color"], lw=1.0)


def _curves(summary: Summary, looks: Summary, name: str, label: str, scale: float) -> Figure:
    figure, (axes,) = _figure(1, 1, 3.4)
    for arm, made in summary["arms"].items():
        _band(axes, made["curve"], name, scale, looks[arm], arm)
    _trial_axis(axes, _all_trials(summary))
    axes.set_ylabel(label)
    if name == "success":
        axes.set_ylim(-3, 103)
        axes.axhline(100 * summary["level"], color="#8a8f98", lw=0.8, ls=(0, (2, 3)))
    _legend(axes)
    return figure


def _all_trials(summary: Summary) -> list[int]:
    return sorted({p["trials"] for made in summary["arms"].values() for p in made["curve"]})


def _skills(summary: Summary, looks: Summary) -> Figure | None:
    """Success by skill, one small picture each; nothing where there is one skill only."""
    names = sorted({skill for made in summary["arms"].values() for skill in made["skills"]})
    if len(names) < 2:
        return None
    rows = (len(names) + 2) // 3
    figure, panels = _figure(rows, 3, 2.1 * rows + 0.3)
    for axes, skill in zip(panels, names, strict=False):
        for arm, made in summary["arms"].items():
            _band(axes, made["skills"].get(skill, []), "success", 100.0, looks[arm], arm)
        _trial_axis(axes, _all_trials(summary))
        axes.set(title=skill, ylim=(-3, 103), ylabel="success [%], IQM")
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=4, frameon=False, handlelength=3.2)
    return figure


def _profiles(summary: Summary, looks: Summary) -> Figure:
    figure, (axes,) = _figure(1, 1, 3.2)
    for arm, made in summary["arms"].items():
        lines = (made["profile"][name] for name in ("taus", "shares", "low", "high"))
        taus, shares, low, high = ([100 * value for value in line] for line in lines)
        look = looks[arm]
        axes.plot(taus, shares, label=arm, lw=1.6, ms=3.5, markevery=3, drawstyle="steps-post", **look)
        axes.fill_between(taus, low, high, color=look["color"], alpha=0.13, lw=0, step="post")
    axes.set(xlim=(0, 100), ylim=(-3, 103), xlabel="success rate τ [%]", ylabel="runs above τ [%]")
    _legend(axes)
    return figure


def _costs(summary: Summary, looks: Summary) -> Figure:
    """Bars: training once, adaptation for each task to the last checkpoint; steps and CPU time."""
    figure, panels = _figure(2, 2, 1.6 + 0.46 * len(summary["arms"]))
    kinds = (("training, once", "training"), ("adaptation, each task", "adaptation"))
    units = (("env_steps", "environment steps"), ("cpu_seconds", "CPU time [s]"))
    names = list(summary["arms"])
    for number, axes in enumerate(panels):
        (title, part), (key, unit) = kinds[number % 2], units[number // 2]
        for place, arm in enumerate(names):
            made = summary["arms"][arm]
            cost = (made if part == "training" else made["curve"][-1])[part]
            axes.barh(place, cost[key] if cost else 0.0, color=looks[arm]["color"], height=0.62)
            text = f" {cost[key]:,.0f}" if cost else " not recorded"
            axes.text(cost[key] if cost else 0.0, place, text, va="center", fontsize=8, color="#4b525b")
        axes.set_yticks(range(len(names)), names if number % 2 == 0 else [""] * len(names))
        axes.invert_yaxis()
        axes.set(title=title if number < 2 else "", xlabel=unit)
        axes.set_xlim(0.0, max(axes.get_xlim()[1], 1.0) * 1.25)
        axes.locator_params(axis="x", nbins=4)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.grid(axis="y", visible=False)
    return figure


def _improvement(summary: Summary, looks: Summary) -> Figure | None:
    """P(improvement over the baseline) at each checkpoint, arms side by side."""
    found = {
        arm: [(p["trials"], p["improvement"]) for p in made["curve"] if p["improvement"] is not None]
        for arm, made in summary["arms"].items()
    }
    found = {arm: points for arm, points in found.items() if points}
    if not found:
        return None
    places = {trials: place for place, trials in enumerate(_all_trials(summary))}
    figure, (axes,) = _figure(1, 1, 3.2)
    axes.axhline(50, color="#8a8f98", lw=1.0, ls=(0, (2, 3)))
    for number, (arm, points) in enumerate(found.items()):
        shift = 0.7 * ((number + 0.5) / len(found) - 0.5)
        xs, made = [places[trials] + shift for trials, _ in points], [p for _, p in points]
        value, low, high = ([100 * p[k] for p in made] for k in ("value", "low", "high"))
        axes.vlines(xs, low, high, color=looks[arm]["color"])
        axes.plot(xs, value, label=arm, **{**looks[arm], "linestyle": "none"})
    axes.set_xticks(list(places.values()), [str(trials) for trials in places])
    axes.set(ylim=(-3, 103), xlabel=TRIALS, ylabel=f"P(improvement over {summary['baseline']}) [%]")
    axes.grid(axis="x", visible=False)
    _legend(axes)
    return figure


def _no_help(summary: Summary) -> Figure | None:
    """Arms by tasks: white where the arm is above the baseline, "=" where equal, darker the further below."""
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    arms = list(summary["no_help"]["compared"])
    if not arms:
        return None
    tasks = [(t["skill"], t["task"]) for t in summary["tasks"]]
    figure, (axes,) = _figure(1, 1, 1.0 + 0.34 * len(arms))
    for cell in summary["no_help"]["cells"]:
        short = cell["baseline"] - cell["success"]
        x, y = tasks.index((cell["skill"], cell["task"])), arms.index(cell["arm"])
        colour = colormaps["Oranges"](0.3 + 0.6 * short) if short > 0 else "#e3e5e8"
        axes.add_patch(Rectangle((x, y), 1, 1, facecolor=colour, edgecolor="white"))
        if short == 0:
            axes.text(x + 0.5, y + 0.5, "=", ha="center", va="center", color="#4b525b", fontsize=7)
    skills = [skill for skill, _ in tasks]
    firsts = [skills.index(skill) for skill in dict.fromkeys(skills)]
    axes.set(xlim=(0, len(tasks)), ylim=(len(arms), 0), xlabel="held-out tasks, by skill")
    axes.set_xticks(firsts, list(dict.fromkeys(skills)), ha="left")
    axes.set_yticks([n + 0.5 for n in range(len(arms))], arms)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for first in firsts:
        axes.axvline(first, color="#9aa1a9", lw=0.8)
    return figure
