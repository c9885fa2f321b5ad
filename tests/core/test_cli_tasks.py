import json
from pathlib import Path
from typing import NamedTuple

import pytest

from metaagent_ros.cli.main import main


class Result(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def metaagent(capsys: pytest.CaptureFixture[str]):
    """The command, in this process: the environments are made in a moment then."""

    def run(*arguments: str) -> Result:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        code = ended.value.code
        return Result(code if isinstance(code, int) else 1, *capsys.readouterr())

    return run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tasks", "--split", "T7"), "T0, T1"),
        (("tasks", "--robot", "pandda"), "'panda'"),
        (("tasks", "--count", "0"), "--count"),
        (("tasks", "--sede", "1"), "--seed"),
        (("play", "pusch"), "'push'"),
        (("play", "PandaPsh-v0"), "'PandaPush-v0'"),
        (("play", "T2"), "T2:1"),
        (("play", "T2:999"), "1 to"),
        (("play", "T2:x"), "1 to"),
        (("play", "Q2:1"), "split is 'Q2'"),
        (("play", "push", "--robot", "pandda"), "'panda'"),
        (("play", "navigate", "--robot", "panda"), "'base'"),
        (("play", "T2:1", "--robot", "panda"), "--robot"),
        (("play", "push", "--seed", "-1"), "--seed"),
    ],
)
def test_what_is_wrong_is_named_and_ends_with_2(metaagent, arguments: tuple[str, ...], message: str):
    result = metaagent(*arguments)
    assert result.code == 2, result.err
    assert message in result.err
    assert "Traceback" not in result.err


def test_the_json_lines_are_tasks_of_the_split(metaagent):
    from sim_envs.distribution import shipped
    from sim_envs.spec import Task
    from sim_envs.splits import split_of

    listed = metaagent("tasks", "--split", "T2", "--count", "3", "--json", "--no-pictures")
    rows = [json.loads(line) for line in listed.out.splitlines()]
    assert [row.pop("id") for row in rows] == ["T2:1", "T2:2", "T2:3"]
    assert tuple(Task.from_dict(row) for row in rows) == shipped("T2").tasks[:3]
    drawn = metaagent(
        "tasks", "--split", "T1", "--seed", "5", "--robot", "panda", "--count", "2", "--json", "--no-pictures"
    )
    tasks = [
        Task.from_dict({k: v for k, v in json.loads(x).items() if k != "id"}) for x in drawn.out.splitlines()
    ]
    assert [(split_of(task), task.robot) for task in tasks] == [("T1", "panda")] * 2


def test_a_sheet_is_drawn_and_the_table_says_where(metaagent, tmp_path: Path):
    result = metaagent(
        "tasks", "--split", "T5", "--robot", "panda", "--count", "2", "--out", str(tmp_path / "s")
    )
    assert result.code == 0, result.err
    assert result.out.splitlines()[-1] == str(tmp_path / "s" / "T5.png")
    assert "stack" in result.out
    assert (tmp_path / "s" / "T5.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "arguments", [("T0:1",), ("PandaReach-v0", "--random", "--seed", "3", "--hidden-seed", "1")]
)
def test_play_writes_a_clip_and_says_how_it_went(metaagent, arguments: tuple[str, ...], tmp_path: Path):
    result = metaagent("play", *arguments, "--out", str(tmp_path / "clip.mp4"))
    assert result.code == 0, result.err
    assert " steps, return " in result.out
    assert ("no success" in result.out) == ("--random" in arguments)
    assert (tmp_path / "clip.mp4").stat().st_size > 2000
