"""Checks before any parser sees a text: bounded time, never an exception, refuse with a reason."""

from __future__ import annotations

import re
import unicodedata

from metaagent_ros.instructions.schema import Plan, refuse

MAX_BYTES = 2048
_CODE = re.compile(
    r"^\s*[\[{]|\"\w+\"\s*:|\$\(|`|&&|\|\s*\w+sh\b|\brm -|\bsudo\b|/etc/|\bos\.system|__import__|"
    r"<script|\bdrop table \w+\s*;|\bunion select\b|\bselect \*|\binsert into \w+ values|\bor 1=1|--\s*$",
    re.I,
)
_INJECTION = re.compile(
    r"\b(ignore|disregard|forget|override)\b.{0,30}\b(instructions?|rules|prompt|programming)\b|"
    r"\bsystem prompt\b|\bdeveloper mode\b|\bskip the (checks|validation)\b",
    re.I,
)
_LIMITS = re.compile(
    r"\b(exceed|bypass|disable|override|switch off|turn off|ignore|without)\b.{0,25}"
    r"\b(limits?|limiter|safety|watchdog|emergency stop|collisions?)\b",
    re.I,
)
_VIOLENCE = re.compile(
    r"\b(hurt|attack|kill|stab|punch|injure|strangle|kick|harm|smash|crush|destroy|ram|poke)\b|"
    r"\b(throw|hurl|fling)\b.{0,40}\b(at|through|across)\b|\b(crash|drive|bump) into\b|"
    r"\brun over\b|\bhit\b",
    re.I,
)
_NEGATED = re.compile(r"\b(without|don't|dont|do not|not|never|avoid)\s+(\w+\s+){0,3}\w*$", re.I)


def check(text: object) -> Plan | None:
    """A refusal, or ``None`` where a parser may look at the text."""
    if not isinstance(text, str):
        return refuse("nonsense", f"The instruction must be text, not {type(text).__name__}.")
    size = len(text.encode("utf-8", "replace"))
    if size > MAX_BYTES:
        return refuse("nonsense", f"The instruction has {size} bytes; allowed: {MAX_BYTES}.")
    if any(unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn") and c not in "\t\r\n" for c in text):
        return refuse("nonsense", "The instruction holds control or binary characters.")
    if not any(c.isalpha() for c in text):
        return refuse("nonsense", "The instruction holds no words.")
    if any(c.isalpha() and not unicodedata.name(c, "").startswith("LATIN") for c in text):
        return refuse("out_of_scope", "I understand English only so far.")
    return _meaning(text)


def _meaning(text: str) -> Plan | None:
    if _CODE.search(text):
        return refuse("injection", "This looks like code or data, not like an instruction.")
    if _INJECTION.search(text):
        return refuse("injection", "I do not change my rules on request.")
    if _LIMITS.search(text):
        return refuse("unsafe", "I do not exceed or switch off safety limits.")
    for match in _VIOLENCE.finditer(text):
        if not _NEGATED.search(text[: match.end()][:-1]):
            return refuse("unsafe", f"I do nothing that may hurt or break: {match[0]!r}.")
    return None
