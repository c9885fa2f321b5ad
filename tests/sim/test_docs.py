"""The pages that say how to add a robot and a task, followed step by step."""

import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(
    r"```(?:xml|yaml|python)\n(?:<!-- |# )(\S+\.(?:urdf|yaml|py))(?: -->)?\n(.*?)```", re.DOTALL
)


def follow(page: str, folder: Path) -> str:
    """Write every block of a page, run the last, and give what it prints."""
    blocks = BLOCK.findall((DOCS / page).read_text())
    for name, text in blocks:
        (folder / name).write_text(text)
    done = subprocess.run(
        [sys.executable, blocks[-1][0]], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_robot_page_adds_a_robot_that_the_expert_can_use(tmp_path: Path):
    out = follow("add_a_robot.md", tmp_path)
    assert int(re.search(r"solved (\d+) of 20", out)[1]) >= 19


def test_the_task_page_adds_a_task_that_every_arm_can_do_and_chance_cannot(tmp_path: Path):
    rows = re.findall(r"(\w+) expert (\d+) of 20, random (\d+) of 20", follow("add_a_task.md", tmp_path))
    assert [robot for robot, _, _ in rows] == ["panda", "iiwa", "arm6"]
    assert all(int(expert) >= 19 and int(random) <= 2 for _, expert, random in rows)
