"""The ``metaagent`` command. A verb's module is imported only when that verb is used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

VERBS: dict[str, str] = {
    "demo": "Carry out a sentence in simulation, live, and write a report.",
    "parse": "Show the plan that a sentence becomes.",
    "train": "Pretrain and meta-train a policy from a seed.",
    "adapt": "Adapt a policy to one hidden draw and show the curve, without ROS.",
    "session": "Adapt on the robot itself, in a budget of trials and minutes, against a running graph.",
    "evaluate": "Compare success before and after adaptation with baselines on held-out tasks.",
    "reproduce": "Make a published result of meta-learning again: sinusoid, digits or point2d.",
    "tasks": "List the tasks of a split and draw how they begin.",
    "play": "Play an environment or a task in simulation, write a clip and say how it went.",
    "preflight": "Judge a robot's live graph before anything moves, and refuse with the difference.",
    "up": "Start a launch graph as processes and show what they say.",
    "replay": "Run a policy again on the states of a bag and show the difference in commands.",
    "security": "Write the SROS2 policies of a graph: what each node may hear, say and serve.",
    "doctor": "Say what is installed, what is missing and how to get it.",
}

SUBJECTS = {"evaluate": ("language",)}  # `metaagent evaluate language` is a module of its own


def overview() -> str:
    """The help of the whole command."""
    lines = [f"  {verb:<10}{text}" for verb, text in VERBS.items()]
    return "\n".join(
        [
            "Usage: metaagent VERB [OPTIONS]",
            "",
            "Verbs:",
            *lines,
            "",
            "metaagent VERB --help says more.",
        ]
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run one verb; exit 2 for what the command line does not allow, 130 after Ctrl-C."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(overview())
        raise SystemExit(0 if arguments else 2)
    if arguments[0] == "--version":
        from metaagent_ros import __version__

        print(__version__)
        return
    verb, rest = arguments[0], arguments[1:]
    if verb not in VERBS:
        print(f"error: {_unknown(verb)}", file=sys.stderr)
        raise SystemExit(2)
    try:
        _run(verb, rest)
    except KeyboardInterrupt:  # wherever it came, also amid an import: one line, no traceback
        print("interrupted", file=sys.stderr)
        raise SystemExit(130) from None


def _unknown(verb: str) -> str:
    import difflib

    near = difflib.get_close_matches(verb, VERBS, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"no verb {verb!r}; there are: {', '.join(VERBS)}.{hint}"


def _run(verb: str, rest: list[str]) -> None:
    import typer

    subject = rest[0] if rest and rest[0] in SUBJECTS.get(verb, ()) else ""
    module = importlib.import_module(f"metaagent_ros.cli.{verb}{'_' + subject if subject else ''}")
    if subject:
        verb, rest = f"{verb} {subject}", rest[1:]
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    epilog: str | None = getattr(module, "EPILOG", None)
    app.command(help=VERBS.get(verb) or module.command.__doc__, epilog=epilog)(module.command)
    app(args=rest, prog_name=f"metaagent {verb}")


if __name__ == "__main__":
    main()
