"""Why a plan is as it is, on a terminal: each slot's words in its colour; without colours in brackets."""

from __future__ import annotations

from rich.console import Console
from rich.style import Style
from rich.text import Text

from metaagent_ros.demo.text import one_line
from metaagent_ros.instructions.guard import MAX_BYTES
from metaagent_ros.instructions.highlight import INK, Row, Segment, colour, rows, segments, title
from metaagent_ros.instructions.schema import Plan

SAYS = {"clarify": "question", "refuse": "why not"}


def wants_colour(console: Console) -> bool:
    """Whether every slot can have its colour: a terminal with 256 colours, and no NO_COLOR."""
    return console.is_terminal and not console.no_color and console.color_system in ("256", "truecolor")


def sentence_text(sentence: str, plan: Plan, coloured: bool) -> Text:
    """The sentence; plain: ``[crimson|color]``, with the number of the step where there are several."""
    out, several = Text(), _several(plan)
    for segment in segments(sentence[:MAX_BYTES], plan.words):
        said = one_line(segment.text)
        if segment.slot is None:
            out.append(said)
        elif coloured:
            out.append(said, _style(segment.slot))
        else:
            out.append(f"[{said}|{_names(segment, several)}]")
    return out if len(sentence) <= MAX_BYTES else out.append("…")


def slot_lines(sentence: str, plan: Plan, coloured: bool) -> list[Text]:
    """One line a slot: ``color: red <- 'crimson'``."""
    out, number, several = list[Text](), -1, _several(plan)
    for row in rows(sentence, plan):
        if several and row.step != number:
            out.append(Text(f"step {row.step + 1}"))
        number = row.step
        out.append(Text("  " if several else "") + _slot_text(row, coloured))
    return out


def legend(sentence: str, plan: Plan, coloured: bool) -> list[Text]:
    """One line a step, of the slots that were said only."""
    said: dict[int, list[Text]] = {}
    for row in rows(sentence, plan):
        if row.words:
            said.setdefault(row.step, []).append(_slot_text(row, coloured))
    step = "step {}: " if _several(plan) else ""
    return [Text(step.format(number + 1)) + Text("; ").join(of) for number, of in said.items()]


def origin(plan: Plan) -> str:
    """Who made the plan, with which model, how sure."""
    model = f", model {one_line(plan.model)}" if plan.model else ""
    return f"parser: {one_line(plan.parser)}{model}, confidence {plan.confidence:.2f}"


def explanation(sentence: str, plan: Plan, coloured: bool) -> list[Text]:
    """Everything that is known about a plan, line by line."""
    reason = f" ({plan.reason})" if plan.reason else ""
    lines = [Text(f"{plan.status}{reason}"), Text("  ") + sentence_text(sentence, plan, coloured)]
    lines += [Text("  ") + line for line in slot_lines(sentence, plan, coloured)]
    if plan.steps and not plan.words:
        lines.append(Text("  (this parser does not say which words a slot came from)"))
    lines.append(Text(origin(plan)))
    if plan.message:
        lines.append(Text(f"{SAYS.get(plan.status, 'note')}: {one_line(plan.message)}"))
    return lines


def _several(plan: Plan) -> bool:
    return len(plan.steps) > 1 or any(words.step for words in plan.words)


def _names(segment: Segment, several: bool) -> str:
    slots = [f"{w.step + 1} {title(w.slot)}" if several else title(w.slot) for w in segment.marks]
    return one_line(", ".join(slots))


def _slot_text(row: Row, coloured: bool) -> Text:
    name = one_line(title(row.slot))
    out = Text(name, _style(row.slot)) if coloured else Text(name)
    out = Text().append_text(out).append(f": {row.value or '–'}")
    return out.append(f" <- {', '.join(map(_quoted, row.words))}") if row.words else out


def _quoted(words: str) -> str:
    return f"'{one_line(words)}'"


def _style(slot: str) -> Style:
    return Style(color=INK, bgcolor=colour(slot))
