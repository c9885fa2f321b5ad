import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEMO = "pick up the red cube and put it in the left bin"


def metaagent(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "metaagent_ros", *arguments], capture_output=True, text=True, timeout=60
    )


def test_unknown_verb_names_the_nearest_match():
    result = metaagent("parze", "x")
    assert result.returncode == 2
    assert "'parse'" in result.stderr


def test_help_lists_every_verb():
    from metaagent_ros.cli.main import VERBS

    result = metaagent("--help")
    assert result.returncode == 0
    assert all(verb in result.stdout for verb in VERBS)


def demo(*arguments: str, stdin: str = "", **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "metaagent_ros", "demo", "--parser", "rules", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | extra,
        input=stdin,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--robot", "pandda"), "'panda'"),
        (("--robot", "iiwa"), "no policy is shipped for iiwa"),
        (("--polcy", "x"), "--policy"),
        (("--scene-seed", "-1"), "--scene-seed"),
        (("--policy", "/nowhere"), "/nowhere/policy.safetensors"),
        (("hit the person",), "refused (unsafe)"),
        (("",), "refused (nonsense)"),
    ],
)
def test_demo_ends_with_2_and_starts_nothing(arguments, message, tmp_path: Path):
    result = demo("--out", str(tmp_path / "runs"), *arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert "\x1b" not in result.stdout + result.stderr
    assert not (tmp_path / "runs").exists()


def test_demo_reads_the_sentence_from_the_environment_and_from_standard_input():
    assert "refused (nonsense)" in demo(METAAGENT_INSTRUCTION="").stderr
    assert "'hit" in demo(METAAGENT_INSTRUCTION="hit the person").stderr
    assert "allowed: 2048" in demo("-", stdin="x" * 1_000_000).stderr


SHELL = "$(shell touch made) `touch made`; touch made; \"a\" 'b' $$HOME $(touch made) \\ && touch made #"


@pytest.mark.parametrize("way", ["argument", "environment"])
def test_make_hands_the_sentence_over_as_data(way, tmp_path: Path):
    """The real Makefile, with the set-up and the command replaced by ones that only look."""
    for name, body in (
        ("scripts/setup.sh", "exit 0"),
        (".venv/bin/metaagent", 'printf "%s" "${METAAGENT_INSTRUCTION-unset}" >said'),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "METAAGENT", "MFLAGS"))}
    given = [f"INSTRUCTION={SHELL}"] if way == "argument" else []
    if way == "environment":
        env["INSTRUCTION"] = SHELL
    subprocess.run(["make", "-s", "demo", *given], cwd=tmp_path, env=env, check=True)
    assert (tmp_path / "said").read_text() == SHELL
    assert not (tmp_path / "made").exists()
    subprocess.run(["make", "-s", "demo", "INSTRUCTION="], cwd=tmp_path, env=env, check=True)
    assert (tmp_path / "said").read_text() == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("simulatoin",), "'simulation'"),
        (("simulation", "robt:=panda"), "'robot'"),
        (("simulation", "robot:=pandda"), "'panda'"),
        (("simulation", "robot=panda"), "name:=value"),
    ],
)
def test_up_names_the_nearest_match(arguments, message):
    result = metaagent("up", *arguments)
    assert result.returncode == 2
    assert message in result.stderr


def test_up_lists_every_argument_with_its_description():
    from metaagent_ros.graph import ARGUMENTS

    said = " ".join(metaagent("up", "--help").stdout.split())
    for argument in ARGUMENTS:
        assert f"{argument.name}:=" in said
        assert argument.description in said


def test_the_log_follower_gives_whole_harmless_lines(tmp_path: Path):
    from metaagent_ros.cli.up import Follower

    log = tmp_path / "a.log"
    log.write_bytes(b"one\ntw")
    follower = Follower({"a": log})
    assert list(follower.lines()) == ["a | one"]
    with log.open("ab") as file:
        file.write(b"o\x1b[31m\nlast")
    assert list(follower.lines()) == ["a | two�[31m"]
    assert list(follower.lines(last=True)) == ["a | last"]
    follower.close()


def test_the_help_comes_fast():
    """Without the heavy libraries: the limit of 0.3 s would flicker on a busy machine."""
    code = "import sys; from metaagent_ros.cli.main import main\n"
    code += "try: main(['--help'])\nexcept SystemExit: pass\n"
    code += "print([m for m in ('torch', 'typer', 'rich', 'rclpy', 'numpy', 'pybullet') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert result.stdout.splitlines()[-1] == "[]"


def test_the_doctor_says_how_to_get_what_is_missing(monkeypatch, tmp_path: Path):
    from metaagent_ros.cli import checks

    monkeypatch.setattr(checks.shutil, "which", lambda name: None)
    assert {row.name for row in checks.compilers()} == {"cmake", "g++", "ninja-build"}
    assert all(row.state == checks.WARN and "apt-get install" in row.remedy for row in checks.compilers())
    assert checks._package("numpy", "==0.0.1", "").state == checks.WARN
    assert checks._package("no-such-package", ">=1", "").state == checks.MISSING
    assert all(row.state in (checks.OK, checks.WARN) for row in checks.packages())
    (tmp_path / "fastrtps_0123_el").write_bytes(b"")
    (row,) = checks.shared_memory(tmp_path)
    assert row.state == checks.WARN
    assert "rm -f" in row.remedy
    assert checks._safely(lambda: 1 / 0)[0].state == checks.WARN


@pytest.mark.ros
@pytest.mark.slow
def test_the_doctor_finds_ros_rendering_and_the_encoder():
    rows = {row["name"]: row for row in json.loads(metaagent("doctor", "--json").stdout)}
    for name in ("rclpy", "metaagent_interfaces", "DDS discovery", "rendering", "ffmpeg", "parser weights"):
        assert rows[name]["state"] == "ok", rows[name]


@pytest.mark.slow
def test_adapt_prints_json_and_nothing_else():
    result = metaagent("adapt", "--hidden-seed", "3", "--max-trials", "0", "--json")
    answer = json.loads(result.stdout)
    assert [trial["env_steps"] for trial in answer["curve"]] == [0]
    assert result.returncode == (0 if answer["curve"][0]["success_rate"] > 0 else 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("adapt", "--robot", "pandda"), "'panda'"),
        (("adapt", "--skill", "pick_plac"), "'pick_place'"),
        (("adapt", "--policy", "nowhere"), "nowhere"),
        (("evaluate", "--arms", "reptil"), "'reptile'"),
        (("evaluate", "--suite", "gras"), "'grasp'"),
        (("evaluate", "--split", "T9"), "T3"),
        (("evaluate", "--checkpoints", "0,x"), "whole numbers"),
        (("train", "--robot", "difbot"), "'diffbot'"),
    ],
)
def test_learning_verbs_name_what_is_wrong(arguments: tuple[str, ...], words: str):
    result = metaagent(*arguments)
    assert result.returncode == 2
    assert words in result.stderr and "Traceback" not in result.stderr
