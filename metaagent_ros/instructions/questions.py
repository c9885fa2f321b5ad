"""What to say to a person: why not, or which of two readings was meant."""

from __future__ import annotations

from metaagent_ros.instructions.slots import HEADS

WHY = {
    "ambiguous": "That can mean more than one thing; please name the object or the place exactly.",
    "missing_target": "Something is missing: please say which object, or where to.",
    "unsafe": "I do nothing that may hurt someone, break something or exceed limits.",
    "impossible": "That cannot be done.",
    "out_of_scope": "I can grasp, place, push, reach, stack, drive to a place and follow a corridor or wall; "
    "not this.",
    "nonsense": "I do not understand that.",
    "injection": "I take instructions for the robot, not for my rules.",
}
_SLOT = {
    "skill": "action", "color": "colour", "shape": "shape", "size": "size", "target": "target",
    "t_color": "colour of the target", "t_shape": "shape of the target", "t_size": "size of the target",
    "relation": "relation", "speed": "speed", "force": "force", "a_color": "colour of what to avoid",
    "a_shape": "shape of what to avoid", "a_size": "size of what to avoid", "status": "answer",
    "x": "x coordinate", "y": "y coordinate",
}  # fmt: skip


def _word(head: str, value: str) -> str:
    if value == "none":
        return "no further step" if head == "skill" else "none said"
    return value.replace("bin:", "bin ").split(":")[-1].replace("_", " ")


def which(step: int, head: str, first: str, second: str) -> str:
    """The question between the two likeliest readings of the least certain slot.

    >>> which(0, "color", "red", "orange")
    'I am not sure about the colour: did you mean red or orange?'
    """
    place = f" in step {step + 1}" if step else ""
    if head == "status":
        return f"I am not sure whether I may do this ({_word(head, second)}); please say it in other words."
    if head.startswith("avoid_"):
        return f"I am not sure{place}: shall I avoid the {head.removeprefix('avoid_')} or not?"
    if head not in HEADS:
        return f"I am not sure about the {_SLOT[head]}{place}; please say it as a number."
    return (
        f"I am not sure about the {_SLOT[head]}{place}: "
        f"did you mean {_word(head, first)} or {_word(head, second)}?"
    )
