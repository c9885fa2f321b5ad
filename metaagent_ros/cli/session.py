"""``metaagent session``: adapt on the robot of a running graph, in a budget of trials and minutes."""

from __future__ import annotations

import json
import select
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metaagent_ros.cli.shared import fail

if TYPE_CHECKING:
    from metaagent_ros.control.session import Attempt, SessionResult, Wanted

QUESTIONS = {
    "judge": "Was it a success? y or n, then Enter:",
    "restore": "Put the scene back, take what is in the hand, step away; then Enter (n: it cannot be):",
}
EPILOG = (
    "Exit 0: a better policy was found, or the start never failed; 1: not better, failed or cancelled; "
    "2: bad input. A graph runs after 'metaagent up simulation' or 'metaagent up robot'."
)


class Show:
    """Prints stages and curve as they come; asks a person where one is asked, on a terminal or a pipe."""

    def __init__(self, client: Any, asked: tuple[str, ...], quiet: bool) -> None:
        self._client, self._asked, self._quiet = client, asked, quiet
        self._question = ""
        self._rows = 0
        self._open = not sys.stdin.closed

    def feedback(self, stage: str, message: str, last: Attempt) -> None:
        """In the client's thread."""
        if last.number > self._rows:
            self._rows = last.number
            self._say(row(last))
        if stage in self._asked:
            self._say(f"  {message}")
            print(QUESTIONS[stage], file=sys.stderr, flush=True)
            self._question = stage
        else:
            self._question = ""

    def poll(self) -> bool:
        """In the main thread: pass on what a person typed. Never cancels."""
        if self._question and self._open and select.select([sys.stdin], [], [], 0.0)[0]:
            line = sys.stdin.readline()
            self._open = bool(line)  # at its end the topics session/success and session/ready remain
            if line:
                stage, self._question = self._question, ""
                yes = line.strip().lower()
                self._client.answer(
                    stage, yes in ("y", "yes") if stage == "judge" else yes not in ("n", "no")
                )
        return False

    def _say(self, text: str) -> None:
        if not self._quiet:
            print(text, flush=True)


def row(a: Attempt) -> str:
    """One line of the curve."""
    mark = "+" if a.success else "-"
    context = " ".join(f"{value:+.2f}" for value in a.context)
    back = "  rolled back" if a.rolled_back else ""
    return (
        f"trial {a.number:2d} {mark}  version {a.version}  its success {a.success_rate:4.0%}  "
        f"context {context}  {a.seconds:5.0f} s  {a.outcome}{back}"
    )


def command(
    instruction: Annotated[str, typer.Option(help="a sentence of one step")],
    robot: Annotated[str, typer.Option(help="the robot of the graph")] = "panda",
    trials: Annotated[int, typer.Option(help="trials at most")] = 10,
    minutes: Annotated[float, typer.Option(help="wall time at most [min]")] = 10.0,
    confirm: Annotated[int, typer.Option(help="successes in a row that end it")] = 3,
    success: Annotated[str, typer.Option(help="who tells success: object, gripper, button")] = "object",
    reset: Annotated[
        str, typer.Option(help="who puts the scene back: simulator, person; default: who can")
    ] = "",
    namespace: Annotated[str, typer.Option(help="of the graph")] = "",
    wait: Annotated[float, typer.Option(help="for the graph to show up, at most [s]")] = 30.0,
    out: Annotated[Path | None, typer.Option(help="folder for the policy kept")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the result as JSON only")] = False,
) -> None:
    """Try, see, infer, try again: the curve live, the best policy kept."""
    from metaagent_ros.control.session import SessionBudget, Wanted
    from metaagent_ros.control.telling import JUDGES, RESTORERS
    from sim_envs.robots import load_profile
    from sim_envs.spec import require

    try:
        load_profile(robot)
        require("success", success, JUDGES)
        if reset:
            require("reset", reset, RESTORERS)
        budget = SessionBudget(trials, 60.0 * minutes, confirm)
    except ValueError as error:
        raise fail(str(error)) from None
    wanted = Wanted(robot, instruction, budget, success, reset)
    result, seconds = _held(wanted, namespace, wait, as_json)
    if out is not None and result.curve:
        result.policy.save(out)
    _print(result, seconds, out, as_json)
    codes = {"done": 0, "refused": 2, "clarify": 2}
    raise typer.Exit(codes.get(result.status, 1))


def _held(wanted: Wanted, namespace: str, wait: float, quiet: bool) -> tuple[SessionResult, float]:
    """The session and how long it took [s]; exit 1 where the graph does not answer."""
    from metaagent_ros.nodes.session_client import SessionClient

    began = time.monotonic()
    try:
        with SessionClient(namespace) as client:
            client.wait_ready(wait)
            wanted = replace(wanted, reset=wanted.reset or client.restorer())
            persons = {"judge": wanted.success == "button", "restore": wanted.reset == "person"}
            show = Show(client, tuple(stage for stage, asked in persons.items() if asked), quiet)
            return client.adapt(wanted, show.feedback, show.poll), time.monotonic() - began
    except RuntimeError as error:  # DiscoveryError and SessionError, without rclpy here
        raise fail(str(error), 1) from None


def _print(result: SessionResult, seconds: float, out: Path | None, as_json: bool) -> None:
    if as_json:
        said = {"status": result.status, "message": result.message, "version": result.version,
                "success_before": result.before, "success_after": result.after,
                "seconds": round(seconds, 2), "curve": [asdict(a) for a in result.curve]}  # fmt: skip
        print(json.dumps(said))
        return
    print(f"{result.status}: {result.message}")
    if result.curve:
        print(f"success of the start {result.before:.0%}, of the policy kept {result.after:.0%}")
    if out is not None and result.curve:
        print(f"policy: {out}")
