"""What the rules make of a sentence, short enough to compare."""

from metaagent_ros.instructions import load_parser

PARSER = load_parser("rules")


def said(text: str) -> list[tuple[str, str, str, str | None]]:
    """Skill, object, target and relation of every step."""
    plan = PARSER.parse(text)
    assert plan.status == "ok", (text, plan.message)
    return [(s.skill, str(s.object or "-"), str(s.target or "-"), s.relation) for s in plan.steps]
