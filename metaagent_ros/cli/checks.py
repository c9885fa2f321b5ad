"""What ``metaagent doctor`` looks at: every check gives rows, and never raises.

ROS, rendering and discovery are tried in processes of their own, so that one that hangs or crashes
is a row and not the end of the doctor.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

OK, WARN, MISSING = "ok", "warn", "missing"
PACKAGE = "metaagent_ros"
SETUP = "make setup"
_GIGABYTE = 1e9
_NEEDED, _COMFORTABLE = 0.5, 3.0  # [GB] of free disk
_DISCOVERY = """
import sys, time, rclpy
from std_msgs.msg import String
from metaagent_ros.nodes import transport
mine, other = sys.argv[1:]
transport.prepare()
rclpy.init()
node, heard = rclpy.create_node("doctor_" + mine), []
node.create_subscription(String, "doctor", lambda m: heard.append(m.data), 10)
sender, start, end = node.create_publisher(String, "doctor", 10), time.monotonic(), None
while end is None or time.monotonic() < end:
    sender.publish(String(data=mine))
    rclpy.spin_once(node, timeout_sec=0.1)
    if end is None and other in heard:
        print(f"{time.monotonic() - start:.1f}")
        end = time.monotonic() + 1.0
    if end is None and time.monotonic() - start > 10.0:
        sys.exit("nothing heard from the other process in 10 s")
"""
_RENDER = """
from sim_envs.simulation import make_simulation
frame = make_simulation("panda", 0, 0).render(96, 72)
assert frame.std() > 5.0, "the frame is blank"
print("a frame of 96x72")
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what was looked at, how it stands, what was found, how to get it right.

    Rows of one ``group`` may be shown as one where all of them are ok.
    """

    name: str
    state: str
    found: str
    remedy: str = ""
    group: str = ""


def python() -> Iterator[Row]:
    """The interpreter."""
    version = ".".join(map(str, sys.version_info[:3]))
    good = (3, 11) <= sys.version_info[:2] < (3, 14)
    yield Row(
        "Python", OK if good else MISSING, version, "" if good else "make setup PYTHON=/path/to/python3.11"
    )


def packages() -> Iterator[Row]:
    """Every requirement of setup.cfg (as the installed metadata holds it) against what is installed."""
    from importlib import metadata

    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(text) for text in metadata.requires(PACKAGE) or ()]
    except metadata.PackageNotFoundError:
        yield Row(PACKAGE, MISSING, "not installed", SETUP)
        return
    for requirement in wanted:
        for extra in ("", "ros", "dev"):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                yield _package(requirement.name, str(requirement.specifier), extra)
                break


def _package(name: str, specifier: str, extra: str) -> Row:
    from importlib import metadata

    from packaging.specifiers import SpecifierSet

    absent = MISSING if not extra else WARN  # an apt ROS brings its own; the checks below decide
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Row(name, absent, f"not installed; asked for {specifier or 'any'}", SETUP, extra)
    if not SpecifierSet(specifier).contains(found, prereleases=True):
        return Row(name, WARN, f"{found}; asked for {specifier}", SETUP, extra)
    return Row(name, OK, found, "", extra)


def _run(code: str, *arguments: str, timeout: float = 60.0) -> tuple[bool, str]:
    """Run Python code in a process; whether it went well, and the last line that it said."""
    from metaagent_ros.launcher import stack_environment

    command = [sys.executable, "-c", code, *arguments]
    try:
        done = subprocess.run(
            command, env=stack_environment(), capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        return False, f"no end within {timeout:g} s"
    lines = (done.stdout if done.returncode == 0 else done.stderr + done.stdout).strip().splitlines()
    return done.returncode == 0, lines[-1] if lines else f"ended with {done.returncode}"


def ros() -> Iterator[Row]:
    """rclpy and the interfaces of this project."""
    good, said = _run("import rclpy; rclpy.init(); rclpy.shutdown(); print(rclpy.__file__)")
    remedy = f"{SETUP}; with an apt ROS: source /opt/ros/jazzy/setup.bash"
    yield Row("rclpy", OK if good else MISSING, said, "" if good else remedy)
    good, said = _run(
        "import metaagent_interfaces.msg as m, metaagent_interfaces.action as a; m.Plan(), a.Adapt.Goal();"
        "print('messages, services and actions')"
    )
    yield Row("metaagent_interfaces", OK if good else MISSING, said, "" if good else SETUP)


def discovery() -> Iterator[Row]:
    """Whether two processes find each other over DDS on a domain of their own."""
    from metaagent_ros.launcher import stack_environment

    env, roles = stack_environment(), ("one", "two")
    pair = [
        subprocess.Popen(
            [sys.executable, "-c", _DISCOVERY, role, roles[1 - i]],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i, role in enumerate(roles)
    ]
    said, good = [], True
    try:
        for process in pair:
            out, problem = process.communicate(timeout=30.0)
            good = good and process.returncode == 0
            said.append((out if process.returncode == 0 else problem).strip().splitlines()[-1:])
    except subprocess.TimeoutExpired:
        good, said = False, [["no end within 30 s"]]
    finally:
        for process in pair:
            process.kill()
            process.wait()
    words = [line for lines in said for line in lines]
    if good:
        yield Row("DDS discovery", OK, f"two processes met within {max(map(float, words)):.1f} s")
        return
    remedy = "bring the loopback interface up (ip link set lo up); allow UDP 7400-32000 on it; free /dev/shm"
    yield Row("DDS discovery", MISSING, words[0] if words else "no word", remedy)


def rendering() -> Iterator[Row]:
    """Whether the CPU renderer draws a frame that is not blank."""
    good, said = _run(_RENDER)
    yield Row("rendering", OK if good else MISSING, said, "" if good else f"{SETUP} (pybullet)")


def ffmpeg() -> Iterator[Row]:
    """The encoder of the clips."""
    try:
        import imageio_ffmpeg

        path = imageio_ffmpeg.get_ffmpeg_exe()
        said = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=20, check=True)
        yield Row("ffmpeg", OK, said.stdout.splitlines()[0].split(" Copyright")[0])
    except (ImportError, RuntimeError, OSError, subprocess.SubprocessError) as error:
        yield Row("ffmpeg", WARN, str(error), f"{SETUP} (imageio-ffmpeg); without it reports have no clip")


def parser() -> Iterator[Row]:
    """The weights of the default parser."""
    code = (
        "from metaagent_ros.instructions import WEIGHTS\n"
        "from metaagent_ros.instructions.model import ModelParser\n"
        "ModelParser(WEIGHTS); print(WEIGHTS)"
    )
    good, said = _run(code, timeout=120.0)
    remedy = "git checkout models/parser; until then the rules are used"
    yield Row("parser weights", OK if good else WARN, said, "" if good else remedy)


def policies() -> Iterator[Row]:
    """The policies that are shipped."""
    from metaagent_ros.demo.policy import check_policy
    from metaagent_ros.policies.files import POLICY_ROBOTS, PolicyFileError, shipped

    for robot in POLICY_ROBOTS:
        folder = shipped(robot)
        try:
            card = check_policy(folder, robot)
        except PolicyFileError as error:
            yield Row(f"policy of {robot}", MISSING, str(error), f"git checkout {folder}, or make models")
        else:
            yield Row(f"policy of {robot}", OK, f"{folder} ({card.get('algorithm', 'weights')})")


def compilers() -> Iterator[Row]:
    """What builds the interfaces."""
    for package, names in (
        ("cmake", ("cmake",)),
        ("g++", ("g++",)),
        ("ninja-build", ("ninja", "ninja-build")),
    ):
        found = next(filter(None, map(shutil.which, names)), None)
        remedy = "" if found else f"sudo apt-get install -y {package} (only to build the interfaces)"
        yield Row(package, OK if found else WARN, found or "not found", remedy)


def disk() -> Iterator[Row]:
    """Room for runs."""
    free = shutil.disk_usage(Path.cwd()).free / _GIGABYTE
    state = OK if free > _COMFORTABLE else WARN if free > _NEEDED else MISSING
    yield Row(
        "free disk", state, f"{free:.1f} GB in {Path.cwd()}", "" if state == OK else "remove old runs/*"
    )


def shared_memory(folder: Path = Path("/dev/shm")) -> Iterator[Row]:
    """What killed ROS processes left behind: segments whose lock nobody holds."""
    left = [path for path in folder.glob("fastrtps_*_el") if not _held(path)]
    size = sum(path.stat().st_size for path in folder.glob("fastrtps_*")) / 1e6
    found = f"{len(left)} left behind; {size:.1f} MB in all"
    remedy = f"while no ROS runs: rm -f {folder}/fastrtps_* {folder}/sem.fastrtps_*" if left else ""
    yield Row("shared memory", WARN if left else OK, found, remedy)


def _held(path: Path) -> bool:
    import fcntl

    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except OSError:
        return True


CHECKS: tuple[Callable[[], Iterator[Row]], ...] = (
    python, packages, ros, discovery, rendering, ffmpeg, parser, policies, compilers, disk, shared_memory,
)  # fmt: skip


def examine() -> list[Row]:
    """All rows, in the order of :data:`CHECKS`; the slow ones run side by side."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max(2, os.cpu_count() or 1)) as pool:
        return [row for rows in pool.map(_safely, CHECKS) for row in rows]


def _safely(check: Callable[[], Iterator[Row]]) -> list[Row]:
    try:
        return list(check())
    except Exception as error:  # a doctor that falls over helps nobody
        return [Row(check.__name__, WARN, f"{type(error).__name__}: {error}", "report this")]
