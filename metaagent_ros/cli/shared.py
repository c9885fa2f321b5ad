"""What several verbs need."""

from __future__ import annotations

import sys

import typer

from metaagent_ros.demo.text import printable


def fail(message: str, code: int = 2) -> typer.Exit:
    """Say what is wrong; raise what comes back."""
    print(f"error: {printable(message)}", file=sys.stderr)
    return typer.Exit(code)
