"""Build metaagent_interfaces (ament_cmake) into the virtual environment that runs this script.

The ROS wheels carry CMake exports that name the Python of the machine they were built on; those paths
are replaced by the ones of this environment. A stamp holds a hash of the interface sources and of the
Python environment, so that a second run does nothing. Standard library only.

Exit codes: 0 built or up to date, 1 the build failed, 2 something is missing (named with its remedy).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib import metadata
from pathlib import Path

PACKAGE = "metaagent_interfaces"
ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / PACKAGE
STAMP = f".{PACKAGE}.stamp"
BUILDER_INCLUDE = "/opt/python/cp311-cp311/include/python3.11"
BUILDER_PURELIB = "/opt/python/cp311-cp311/lib/python3.11/site-packages"
TOOLS = {"cmake": ("cmake",), "g++": ("g++",), "ninja-build": ("ninja", "ninja-build")}
CHECK = (
    f"from {PACKAGE}.msg import Plan, TaskSpec; from {PACKAGE}.action import Adapt; "
    f"from {PACKAGE}.srv import ParseInstruction; "
    "assert Plan(steps=[TaskSpec(skill='reach')]).steps[0].skill == 'reach'; "
    "from rclpy.type_support import check_for_type_support as c; c(Plan); c(Adapt); c(ParseInstruction)"
)


class BuildError(Exception):
    """What stopped the build, with its remedy; ``code`` is the exit status."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def fingerprint(prefix: Path) -> str:
    """Hash of everything that the built package depends on."""
    digest = hashlib.sha256()
    for path in sorted(p for p in SOURCE.rglob("*") if p.is_file()):
        digest.update(path.relative_to(SOURCE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(f"{sys.version}\0{prefix}\0".encode())
    for name in ("ros-jazzy-rclpy", "ros-rosidl-generator-py", "ros-rosidl-cmake"):
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = "absent"
        digest.update(f"{name}={version}\0".encode())
    return digest.hexdigest()


def require_tools() -> None:
    """Raise :class:`BuildError` that names every missing system tool and how to get it."""
    missing = [pkg for pkg, names in TOOLS.items() if not any(map(shutil.which, names))]
    if missing:
        raise BuildError(
            f"missing system packages: {' '.join(missing)}. Install them with:\n"
            f"    sudo apt-get update && sudo apt-get install -y {' '.join(missing)}",
            code=2,
        )


def fix_exports(prefix: Path) -> int:
    """Replace the builder's Python paths in the wheels' CMake exports; return how many files changed."""
    include, purelib = sysconfig.get_path("include"), sysconfig.get_path("purelib")
    changed = 0
    for path in prefix.glob("share/*/cmake/*.cmake"):
        text = path.read_text(encoding="utf-8")
        fixed = text.replace(BUILDER_INCLUDE, include).replace(BUILDER_PURELIB, purelib)
        if fixed != text:
            temporary = path.with_name(path.name + ".new")
            temporary.write_text(fixed, encoding="utf-8")
            os.replace(temporary, path)
            changed += 1
    return changed


def build_environment(prefix: Path) -> dict[str, str]:
    """The parent's environment with this prefix first and no other ROS in sight."""
    dropped = ("PYTHONPATH", "COLCON_PREFIX_PATH", "ROS_DISTRO", "CMAKE_MODULE_PATH")
    env = {k: v for k, v in os.environ.items() if k not in dropped}
    env.update(AMENT_PREFIX_PATH=str(prefix), CMAKE_PREFIX_PATH=str(prefix), VIRTUAL_ENV=str(prefix))
    env["PATH"] = f"{prefix / 'bin'}{os.pathsep}{env.get('PATH', os.defpath)}"
    return env


def run(command: list[str], env: dict[str, str], log: Path) -> None:
    """Run one build step with its output in ``log``; on failure show the end of it."""
    with log.open("a", encoding="utf-8") as stream:
        print("+", *command, file=stream, flush=True)
        done = subprocess.run(command, env=env, stdout=stream, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-30:])
        raise BuildError(f"{tail}\n{command[0]} ended with {done.returncode}; the whole output: {log}")


def build(prefix: Path, log: Path) -> None:
    """Configure, compile and install the package, then import it in a new process."""
    require_tools()
    fix_exports(prefix)
    python = str(prefix / "bin" / "python")
    env = build_environment(prefix)
    log.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="metaagent_interfaces_") as build_dir:
        configure = ["cmake", "-S", str(SOURCE), "-B", build_dir, "-G", "Ninja"]
        configure += [f"-DCMAKE_INSTALL_PREFIX={prefix}", "-DBUILD_TESTING=OFF"]
        configure += ["-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS_RELEASE=-O1"]
        configure += ["-DCMAKE_C_FLAGS_RELEASE=-O1"]
        configure += [f"-DPython3_EXECUTABLE={python}", f"-DPYTHON_EXECUTABLE={python}"]
        run(configure, env, log)
        run(["cmake", "--build", build_dir, "--target", "install"], env, log)
    run([python, "-c", CHECK], env, log)


def main(argv: list[str] | None = None) -> int:
    """Build when the stamp says so."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--force", action="store_true", help="build although nothing changed")
    force = parser.parse_args(argv).force
    prefix = Path(sys.prefix)
    if sys.prefix == sys.base_prefix:
        print(
            "error: run this with the Python of a virtual environment: .venv/bin/python",
            file=sys.stderr,
        )
        return 2
    stamp, wanted = prefix / STAMP, fingerprint(prefix)
    if not force and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        print(f"{PACKAGE}: up to date")
        return 0
    print(f"{PACKAGE}: building (about a minute)", flush=True)
    stamp.unlink(missing_ok=True)
    try:
        build(prefix, prefix / f"{PACKAGE}-build.log")
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.code
    stamp.write_text(wanted, encoding="utf-8")
    print(f"{PACKAGE}: installed into {prefix}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
