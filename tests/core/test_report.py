"""The demo without ROS: what it judges, shows, writes and returns."""

import base64
import json
import re
import shlex
import subprocess
import time
from dataclasses import fields, replace
from html.parser import HTMLParser

import pytest
from demo_peers import does_nothing, places_it, play

from metaagent_ros.control.execution import Outcome
from metaagent_ros.demo import plots
from metaagent_ros.demo.interrupts import Interrupts
from metaagent_ros.demo.options import BadInput, Options, choose_robot, new_folder, repeat_command
from metaagent_ros.demo.playback import ClipError, Playback, pick, write_clip
from metaagent_ros.demo.records import Record, Trial
from metaagent_ros.demo.report import MEANINGS, Media, render
from metaagent_ros.demo.view import View, sparkline
from metaagent_ros.instructions import load_parser
from metaagent_ros.launcher import Died
from metaagent_ros.policies.files import PolicyFile
from sim_envs.simulation import hidden_from_seed
from sim_envs.spec import Hidden

TEXT = "pick up the red cube and put it in the left bin"
NASTY = '</title><script>alert("x")</script> & "quotes" \x1b[31m'


@pytest.fixture
def options(tmp_path, make_policy):
    make_policy("panda", (0.1, 0.0, 0.0, 0.5)).save(tmp_path / "policy")
    return Options(TEXT, parser="rules", policy=tmp_path / "policy", out=tmp_path / "runs")


def run_of(options: Options):
    (folder,) = options.out.iterdir()
    return folder, json.loads((folder / "result.json").read_text())


def test_a_cube_that_is_truly_in_the_bin_passes(options, capfd):
    code, stacks = play(places_it, options, Interrupts())
    folder, result = run_of(options)
    out = capfd.readouterr().out
    assert code == 0 == result["exit_code"]
    assert stacks[0].ended
    assert out.splitlines()[-1].startswith(
        "PASS: the red cube is in the left bin (0 mm from its middle); report:"
    )
    assert "\x1b" not in out
    assert "trial 1: success 75%" in out
    assert [trial["success_rate"] for trial in result["trials"]] == [0.25, 0.75]
    assert result["counts"]["limited"] == 2
    assert result["bound"][0]["object"] == "red_cube"
    assert {p.name for p in folder.iterdir()} == {
        "clip.mp4", "last.png", "logs", "report.html", "result.json", "states.jsonl"
    }  # fmt: skip


def test_the_policy_s_own_opinion_counts_for_nothing(options, capfd):
    code, _ = play(does_nothing, options, Interrupts())
    assert code == 1
    assert "FAIL: the red cube is not in the left bin" in capfd.readouterr().out


def test_a_robot_that_did_it_without_noticing_passes_with_a_word(options, capfd):
    def unnoticed(stack):
        places_it(stack)
        return Outcome("failed", "pick_place: not done within 8 s")

    assert play(unnoticed, options, Interrupts())[0] == 0
    assert "the robot reports: pick_place: not done within 8 s" in capfd.readouterr().out


def test_a_refusal_of_the_graph_ends_with_2(options, capfd):
    assert play(lambda stack: Outcome("refused", "There is no such thing."), options, Interrupts())[0] == 2
    assert "REFUSED: There is no such thing." in capfd.readouterr().out


@pytest.mark.parametrize(("returncode", "code"), [(-9, 1), (2, 2)])
def test_a_process_that_dies_is_named_with_the_end_of_its_log(options, capfd, returncode, code):
    def dies(stack):
        log = stack.log_dir / "policy.log"
        log.write_text("first\nthe cause \x1b[31m\n")
        stack.died = Died("policy", returncode, log)
        time.sleep(0.3)
        return Outcome("failed", "the node is gone")

    assert play(dies, options, Interrupts())[0] == code
    out = capfd.readouterr().out
    assert "the process policy ended with" in out
    assert "the cause" in out
    assert "\x1b" not in out
    assert run_of(options)[1]["exit_code"] == code


def test_an_interrupt_leaves_whole_files_and_a_partial_report(options, capfd):
    def interrupted(stack):
        raise KeyboardInterrupt

    code, stacks = play(interrupted, options, Interrupts())
    folder, result = run_of(options)
    assert code == 130 == result["exit_code"]
    assert stacks[0].ended
    assert "interrupted" in (folder / "report.html").read_text()
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sentence": ""}, "refused"),
        ({"sentence": "x" * 1_000_000}, "allowed: 2048"),
        ({"sentence": "qwrt zzz blob"}, "refused"),
        ({"sentence": "hit the person"}, "refused"),
        ({"sentence": "pick up the white cylinder"}, "There is no white cylinder"),
        ({"sentence": "pick up the cube"}, "Which cube"),
        ({"sentence": "drive to the charger and then pick up the red cube"}, "two sentences"),
        ({"sentence": "drive to the charger", "robot": "panda"}, "--robot diffbot"),
    ],
)
def test_nothing_starts_for_what_cannot_be_done(options, changes, message):
    with pytest.raises(BadInput, match=message):
        play(places_it, replace(options, **changes), Interrupts())
    assert not options.out.exists()


def test_a_broken_policy_is_named_before_anything_starts(options):
    (options.policy / "policy.safetensors").write_bytes(b"not a policy")
    with pytest.raises(BadInput, match=r"policy\.safetensors: not a policy file"):
        play(places_it, options, Interrupts())
    assert not options.out.exists()


def test_a_policy_of_another_robot_is_named_before_anything_starts(options):
    file = PolicyFile.load(options.policy)
    PolicyFile(file.tensors, {"robot": "diffbot"}).save(options.policy)
    with pytest.raises(BadInput, match="made for diffbot, not for panda"):
        play(places_it, options, Interrupts())
    wrong = {name: value[..., :-1] for name, value in file.tensors.items()}
    PolicyFile(wrong, {"robot": "panda"}).save(options.policy)
    with pytest.raises(BadInput, match="does not fit"):
        play(places_it, options, Interrupts())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"robot": "pandda"}, "Did you mean 'panda'"),
        ({"parser": "rulez"}, "Did you mean 'rules'"),
        ({"scene_seed": -1}, "--scene-seed"),
        ({"max_trials": -1}, "--max-trials"),
        ({"max_seconds": float("nan")}, "--max-seconds"),
        ({"max_seconds": 0.0}, "--max-seconds"),
    ],
)
def test_bad_options_say_what_is_allowed(changes, message):
    with pytest.raises(BadInput, match=message):
        Options(**changes)


def test_the_robot_follows_from_the_plan():
    parser = load_parser("rules")
    assert choose_robot(parser.parse(TEXT), "auto") == "panda"
    assert choose_robot(parser.parse("drive to the charger"), "auto") == "diffbot"


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def record(sentence: str) -> Record:
    plan = load_parser("rules").parse(TEXT)
    hidden = hidden_from_seed("panda", 0)
    command = repeat_command(Options(sentence), "panda")
    return Record(sentence, "panda", command, plan, hidden, 0, 0, message=sentence)


def test_the_report_escapes_everything_and_loads_nothing():
    made = record(NASTY)
    made.trials = [Trial(0, n, 0.5, 1.0, 100 * n, -20.0) for n in range(3)]
    page = Page()
    html = render(made, Media(Playback(), b"clip", b"picture", note=NASTY))
    page.feed(html)
    assert "script" not in [tag for tag, _ in page.tags]
    assert "<script" not in html
    for _, attributes in page.tags:
        for name in ("src", "href", "poster", "action", "data"):
            assert attributes.get(name, "data:").startswith("data:")
        assert not [name for name in attributes if name.startswith("on")]
    assert not re.search(r"url\(|@import|https?://", html)
    assert html.count("<svg") == 2


def test_the_command_to_repeat_survives_a_shell():
    sentence = 'it\'s $(touch pwned) `x`; "y" --robot'
    words = shlex.split(repeat_command(Options(sentence), "panda"))
    assert words[-2:] == ["--", sentence]


def test_the_clip_is_what_browsers_play(options, tmp_path):
    import imageio_ffmpeg

    play(places_it, options, Interrupts())
    folder, _ = run_of(options)
    clip = (folder / "clip.mp4").read_bytes()
    assert base64.b64encode(clip).decode() in (folder / "report.html").read_text()
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(folder / "clip.mp4")]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    assert "h264" in said
    assert "yuv420p" in said
    assert "480x360" in said
    with pytest.raises(ClipError, match="nothing moved"):
        write_clip([], tmp_path / "none.mp4")


def test_frames_are_spread_evenly_with_both_ends():
    assert pick(3) == [0, 1, 2]
    chosen = pick(1000, 150)
    assert len(set(chosen)) == 150
    assert (chosen[0], chosen[-1]) == (0, 999)


def test_folders_of_one_second_differ(tmp_path):
    assert len({new_folder(tmp_path) for _ in range(5)}) == 5
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="file"):
        new_folder(tmp_path / "file")


def test_bars_and_ticks():
    assert sparkline([0.0, 0.5, 1.0]) == "▁▅█"
    assert plots.ticks(0.0, 1.0) == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert plots.ticks(0.0, 0.0)
    assert plots.line_chart([], "x", "y") == ""


def test_a_terminal_gets_a_moving_part_and_a_pipe_does_not(tmp_path):
    with (tmp_path / "out").open("w+") as stream, View(stream) as view:
        assert not view.live
        view.say("[red]not markup[/red] \x1b[31m")
        stream.seek(0)
        assert stream.read().startswith("[red]not markup[/red] �[31m")


def test_every_hidden_parameter_has_its_unit_and_meaning():
    assert set(MEANINGS) == {f.name for f in fields(Hidden)}
