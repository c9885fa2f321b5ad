import os
import subprocess
import sys
import time
from pathlib import Path

import answerers
import pytest

from metaagent_ros.instructions.causal import CausalParser
from metaagent_ros.instructions.worker import Worker, WorkerError
from sim_envs.spec import SpecError


class Scripted(CausalParser):
    """The real parser around a process without a model."""

    def __init__(self, load, deadline: float = 60.0):
        self.model = "scripted"
        self._open(load, deadline)


@pytest.fixture(scope="module")
def parser():
    with Scripted(answerers.obedient) as parser:
        yield parser


def gone(pid: int, within: float = 20.0) -> bool:
    until = time.monotonic() + within
    while time.monotonic() < until:
        if not Path(f"/proc/{pid}").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text():
            return True
        time.sleep(0.05)
    return False


def test_an_answer_is_signed(parser: CausalParser):
    plan = parser.parse("pick up the red cube")
    assert (plan.status, plan.parser, plan.model, plan.confidence) == ("ok", "hf_causal", "scripted", 0.75)


def test_a_sentence_that_takes_too_long_is_answered_and_its_process_killed(parser: CausalParser):
    parser._worker.deadline, before = 0.3, parser.worker_pid
    began = time.monotonic()
    plan = parser.parse("sleep")
    took = time.monotonic() - began
    parser._worker.deadline = 60.0
    assert (plan.status, plan.reason, plan.confidence) == ("clarify", "ambiguous", 0.0)
    assert "longer than 0.3 s" in plan.message
    assert took < 5.0
    assert before is not None and gone(before)
    assert parser.worker_pid not in (None, before)
    assert parser.parse("pick up the red cube").status == "ok"


def test_a_crash_is_answered_and_the_next_sentence_too(parser: CausalParser):
    plan = parser.parse("crash")
    assert (plan.status, plan.confidence) == ("clarify", 0.0)
    assert "process ended" in plan.message
    assert parser.parse("pick up the red cube").status == "ok"


@pytest.mark.parametrize("text", ["fail", "wrong", "code"])
def test_whatever_goes_wrong_inside_is_a_question(parser: CausalParser, text: str):
    plan = parser.parse(text)
    assert (plan.status, plan.reason, plan.confidence) == ("clarify", "ambiguous", 0.0)


def test_the_guard_comes_before_the_model(parser: CausalParser):
    assert parser.parse('{"status": "ok"}').reason == "injection"
    assert parser.parse("red " * 2000).status == "refuse"


def test_loading_that_takes_longer_than_the_deadline_goes_on():
    worker = Worker(answerers.slow_to_load, deadline=0.2)
    try:
        for _ in range(2):
            with pytest.raises(WorkerError, match="still being loaded"):
                worker.ask("x")
        first = worker.pid
        worker.patience = 0.0
        with pytest.raises(WorkerError, match="not loaded within"):
            worker.ask("x")
        assert first is not None and gone(first)
    finally:
        worker.close()


@pytest.mark.parametrize(("load", "why"), [(answerers.broken, "no such weights"), (answerers.dead, "ended")])
def test_a_model_that_does_not_load_is_named(load, why: str):
    with pytest.raises(SpecError, match=f"scripted did not load: .*{why}"):
        Scripted(load)


def test_closing_twice_is_fine_and_then_there_are_questions_only():
    parser = Scripted(answerers.obedient)
    pid = parser.worker_pid
    parser.close()
    parser.close()
    assert pid is not None and gone(pid)
    assert parser.worker_pid is None
    assert parser.parse("pick up the red cube").status == "clarify"


def test_the_process_ends_with_a_parent_that_is_killed_in_the_middle_of_an_answer(tmp_path: Path):
    script = tmp_path / "parent.py"
    script.write_text(
        "import threading, time, answerers\n"
        "from metaagent_ros.instructions.worker import Worker\n"
        "if __name__ == '__main__':\n"
        "    worker = Worker(answerers.obedient, deadline=60)\n"
        "    worker.start()\n"
        "    threading.Thread(target=worker.ask, args=('sleep',)).start()\n"
        "    time.sleep(0.3)\n"
        "    print(worker.pid, flush=True)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(answerers.__file__).parent)}
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, env=environment)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert not gone(child, within=0.1)
    parent.kill()
    parent.wait()
    assert gone(child)
