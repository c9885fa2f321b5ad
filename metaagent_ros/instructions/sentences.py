"""Hand-written sentences with the plans that they mean (``docs/instructions.md``); never trained on.

The six held-out sets are for the reported figures only (the second pair is more long-winded, with reasons,
stories and second thoughts; the third was written last, in no frame twice), ``calibration`` chooses the
confidence threshold, ``development`` is what was looked at while the generator was built.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from metaagent_ros.instructions.schema import Plan, PlanError, plan_from_json
from metaagent_ros.instructions.scripts import is_chinese
from sim_envs.spec import SpecError, require

FOLDER = Path(__file__).parent / "sentences"
HELD_OUT = ("heldout_en", "heldout_zh", "heldout2_en", "heldout2_zh", "heldout3_en", "heldout3_zh")
SETS = (*HELD_OUT, "calibration", "development")


@dataclass(frozen=True, slots=True)
class Labelled:
    """A sentence, the plan it means, what it is an example of, and its language."""

    text: str
    plan: Plan
    kind: str
    language: str


def read(path: Path) -> list[Labelled]:
    """The sentences of a JSONL file; raises ``SpecError`` that names the line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"cannot read {path}: {error}") from None
    out = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            text = str(row["instruction"])
            language = "zh" if is_chinese(text) else "en"
            plan = plan_from_json(row["plan"], "person")
            out.append(Labelled(text, plan, str(row.get("kind", "all")), str(row.get("language", language))))
        except (ValueError, KeyError, TypeError, PlanError) as error:
            raise SpecError(f'{path}:{number}: expected {{"instruction", "plan"}}: {error}') from None
    return out


def load(name: str) -> list[Labelled]:
    """One of our own sets."""
    require("set of sentences", name, SETS)
    return read(FOLDER / f"{name}.jsonl")
