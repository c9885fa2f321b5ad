"""docs/deploy.md: its commands take the arguments that it gives them, and its links lead somewhere."""

import importlib
import re
import shlex
from pathlib import Path

import pytest
import typer

from metaagent_ros.deployment import load_deployment
from metaagent_ros.graph import GRAPHS, options_from_strings

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "deploy.md").read_text(encoding="utf-8")
BLOCKS = "\n".join(re.findall(r"```\n(.*?)```", TEXT, flags=re.S)).replace("\\\n", " ")


def spoken():
    """Every command of the page, whole lines of its blocks and what stands in the text."""
    for line in (*BLOCKS.splitlines(), *re.findall(r"`([^`\n]+)`", TEXT)):
        yield from (part.split("#")[0].strip() for part in line.split("&&"))


COMMANDS = sorted(set(spoken()))


def verbs(name: str):
    return [c for c in COMMANDS if c.startswith(f"metaagent {name} ") and "..." not in c]


@pytest.mark.parametrize("command", [c for c in COMMANDS if "metaagent_ros robot.launch.py" in c])
def test_the_launch_takes_these_arguments(command):
    pairs = shlex.split(command)[4:]
    assert pairs and options_from_strings(pairs, "robot").hardware == "real"


@pytest.mark.parametrize("command", verbs("up"))
def test_up_takes_these_arguments(command):
    _, _, graph, *pairs = shlex.split(command)
    assert graph in GRAPHS and options_from_strings(pairs, graph)


@pytest.mark.parametrize("command", verbs("preflight") + verbs("session"))
def test_verbs_take_these_options(command):
    _, verb, *options = shlex.split(command)
    app = typer.Typer()
    app.command()(importlib.import_module(f"metaagent_ros.cli.{verb}").command)
    with typer.main.get_command(app).make_context(verb, options) as context:
        assert context.params["robot"] in ("ur5e", "turtlebot3")


def test_there_is_something_to_check():
    assert len([c for c in COMMANDS if "robot.launch.py" in c and "metaagent_ros" in c]) == 2
    assert len(verbs("preflight")) >= 4 and verbs("session") and verbs("up")


def test_the_topics_of_the_page_are_the_robots():
    said = load_deployment("ur5e")
    assert f"/{said.shadowed().command_topic}" in TEXT
    options = set(re.findall(r"`(--[a-z-]+)", TEXT))
    known = (Path(__file__).parents[2] / "metaagent_ros/cli/preflight.py").read_text(encoding="utf-8")
    assert {"--at-home", "--tool-pose", "--shadow", "--robot", "--command"} == options
    assert all(option in known or option[2:].replace("-", "_") in known for option in options)


@pytest.mark.parametrize("page", ["deploy.md", "qos.md"])
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([a-z_]+\.md)\)", (DOCS / page).read_text(encoding="utf-8"))
    assert links and [link for link in links if not (DOCS / link).is_file()] == []
