"""Small plots as inline SVG: no library in the page, sharp at every size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from sim_envs.spec import GroundedTask, Scene, Vec3

WIDTH, HEIGHT = 720, 260
LEFT, RIGHT, TOP, BOTTOM = 58, 16, 14, 44
BLUE, GREEN, ORANGE, GREY = "#2563a8", "#2e7d32", "#c26a00", "#8a8f98"


@dataclass(frozen=True, slots=True)
class Series:
    """A line: where it goes, its colour, whether its points are marked or it goes in steps."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    colour: str = BLUE
    points: bool = False


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About ``count`` round numbers from ``low`` to ``high``."""
    span = max(high - low, 1e-9)
    raw = span / count
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


class _Frame:
    """Data coordinates to those of the picture."""

    def __init__(self, x_range: tuple[float, float], y_range: tuple[float, float]) -> None:
        self.x_range, self.y_range = x_range, y_range

    def x(self, value: float) -> float:
        low, high = self.x_range
        return LEFT + (value - low) / max(high - low, 1e-9) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        low, high = self.y_range
        return HEIGHT - BOTTOM - (value - low) / max(high - low, 1e-9) * (HEIGHT - TOP - BOTTOM)

    def axes(self, x_label: str, y_label: str, whole: bool) -> list[str]:
        """Grid, numbers and labels; ``whole``: only whole numbers below."""
        out = []
        for value in ticks(*self.y_range):
            y = self.y(value)
            out.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            out.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>')
        for value in ticks(*self.x_range, count=8):
            if whole and value != int(value):
                continue
            x = self.x(value)
            out.append(
                f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{value:.6g}</text>'
            )
        floor, middle = HEIGHT - BOTTOM, (HEIGHT - BOTTOM + TOP) / 2
        out.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{floor}" y2="{floor}"/>')
        out.append(
            f'<text x="{(WIDTH + LEFT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_label)}</text>'
        )
        out.append(
            f'<text x="14" y="{middle}" transform="rotate(-90 14 {middle})" text-anchor="middle">'
            f"{escape(y_label)}</text>"
        )
        return out


def line_chart(
    series: Sequence[Series],
    x_label: str,
    y_label: str,
    y_range: tuple[float, float] | None = None,
    limit: tuple[float, str] | None = None,
    whole: bool = False,
) -> Markup:
    """Lines over common axes; ``limit`` is a dashed horizontal line with a name, ``whole``: xs count."""
    xs = [x for line in series for x in line.xs]
    ys = [y for line in series for y in line.ys]
    if not xs:
        return Markup("")
    if y_range is None:
        top = max([*ys, limit[0] if limit else 0.0])
        y_range = (min(0.0, *ys), (top or 1.0) * 1.05)
    frame = _Frame((min(0.0, *xs), max(max(xs), 1e-9)), y_range)
    parts = frame.axes(x_label, y_label, whole)
    if limit is not None:
        parts += _limit(frame, *limit)
    for line in series:
        parts += _line(frame, line)
    parts += _legend([line for line in series if line.name]) if len(series) > 1 else []
    return _svg(parts, f"{y_label} against {x_label}", HEIGHT)


def _limit(frame: _Frame, value: float, name: str) -> list[str]:
    y = frame.y(value)
    return [
        f'<line class="limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>',
        f'<text x="{WIDTH - RIGHT}" y="{y - 5:.1f}" text-anchor="end" fill="{ORANGE}">{escape(name)}</text>',
    ]


def _line(frame: _Frame, line: Series) -> list[str]:
    spots = [(frame.x(x), frame.y(y)) for x, y in zip(line.xs, line.ys, strict=True)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
    parts = [f'<polyline points="{path}" stroke="{line.colour}" class="line"/>']
    if line.points:
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{line.colour}"/>' for x, y in spots]
    return parts


def _legend(series: Sequence[Series]) -> list[str]:
    parts, x = [], LEFT + 10.0
    for line in series:
        parts.append(f'<rect x="{x:.0f}" y="{TOP - 8}" width="14" height="4" fill="{line.colour}"/>')
        parts.append(f'<text x="{x + 19:.0f}" y="{TOP - 2}">{escape(line.name)}</text>')
        x += 40 + 7 * len(line.name)
    return parts


def room_map(scene: Scene, path: Sequence[Vec3], tasks: Sequence[GroundedTask]) -> Markup:
    """The room from above (x up, y to the left, as the robot sees it at its start) with the way taken."""
    reach = [(item.position, item.extent) for item in scene.items] + [(p, (0.0, 0.0, 0.0)) for p in path]
    reach += [(task.goal, (task.tolerance,) * 3) for task in tasks]
    low = [min(p[axis] - r[axis] for p, r in reach) - 0.3 for axis in (0, 1)]
    high = [max(p[axis] + r[axis] for p, r in reach) + 0.3 for axis in (0, 1)]
    scale = min(WIDTH / (high[1] - low[1]), 520 / (high[0] - low[0]))
    left = (WIDTH - scale * (high[1] - low[1])) / 2

    def spot(x: float, y: float) -> tuple[float, float]:
        return left + (high[1] - y) * scale, (high[0] - x) * scale

    parts = []
    for task in tasks:
        for x, y, radius in task.avoid:
            parts.append(_circle(*spot(x, y), radius * scale, "avoid"))
        parts.append(_circle(*spot(*task.goal[:2]), task.tolerance * scale, "goal"))
    for item in scene.items:
        column, row = spot(item.position[0], item.position[1])
        width, height = 2 * item.extent[1] * scale, 2 * item.extent[0] * scale
        turn = f"rotate({-math.degrees(item.yaw):.1f} {column:.1f} {row:.1f})"
        parts.append(
            f'<rect class="thing" x="{column - width / 2:.1f}" y="{row - height / 2:.1f}" '
            f'width="{width:.1f}" height="{height:.1f}" transform="{turn}"/>'
        )
        if "wall" not in item.name:
            parts.append(
                f'<text x="{column:.1f}" y="{row + 4:.1f}" text-anchor="middle">{escape(str(item))}</text>'
            )
    spots = [spot(x, y) for x, y, _ in path]
    parts.append(
        f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in spots)}" stroke="{BLUE}" class="line"/>'
    )
    parts += [_circle(*spots[0], 5, "start"), _circle(*spots[-1], 6, "end")] if spots else []
    return _svg(parts, "the way through the room", scale * (high[0] - low[0]))


def _circle(x: float, y: float, radius: float, kind: str) -> str:
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>'


def _svg(parts: Sequence[str], title: str, height: float) -> Markup:
    inner = "".join(parts)
    return Markup(  # every text in the parts has been escaped where it was put in
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">{inner}</svg>'
    )
