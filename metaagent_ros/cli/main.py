"""The ``metaagent`` command. A verb's module is imported only when that verb is used."""

from __future__ import annotations

import difflib
import importlib
import sys

import typer

VERBS: dict[str, str] = {
    "parse": "Show the plan that a sentence becomes.",
}


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


def main(argv: list[str] | None = None) -> None:
    """Run one verb; exit 2 for what the command line does not allow."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in ("-h", "--help"):
        print(overview())
        raise SystemExit(0 if arguments else 2)
    if arguments[0] == "--version":
        from metaagent_ros import __version__

        print(__version__)
        return
    verb, rest = arguments[0], arguments[1:]
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        print(f"error: no verb {verb!r}; there are: {', '.join(VERBS)}.{hint}", file=sys.stderr)
        raise SystemExit(2)
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(help=VERBS[verb])(importlib.import_module(f"metaagent_ros.cli.{verb}").command)
    app(args=rest, prog_name=f"metaagent {verb}")


if __name__ == "__main__":
    main()
