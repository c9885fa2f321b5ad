"""Keeps Fast DDS off shared memory: a process that is killed must not stop those that it talked to.

Fast DDS passes messages on one machine through shared memory, with locks in it. ``kill -9`` leaves them as
they are: whoever sends there next stands still for a third of a second to more than a second, now and then
for good (2.14, ``python -m benchmarks.killed``). UDP has nothing that the dead could hold.

Where the discovery range is ``LOCALHOST``, rmw_fastrtps adds shared memory whatever else is set. It is asked
for ``SYSTEM_DEFAULT`` there, "leave it as the middleware is set up", with a profile that knows the loopback
device only: still this machine alone, and nodes of others find ours as before.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path

from rclpy.utilities import get_rmw_implementation_identifier

RANGE = "ROS_AUTOMATIC_DISCOVERY_RANGE"
LOOPBACK = str(Path(__file__).with_name("loopback.xml"))
_PROFILES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")  # up to 2.x, and after
_BUILTIN = "FASTDDS_BUILTIN_TRANSPORTS"
_UNCHANGED = "SYSTEM_DEFAULT"


def prepare() -> None:
    """To be called before ``rclpy.init``, which reads this process's environment; twice is fine."""
    without_shared_memory(os.environ, get_rmw_implementation_identifier())


def without_shared_memory(environment: MutableMapping[str, str], middleware: str) -> None:
    """Change what Fast DDS reads; a profile of somebody's own, and other middleware, are left alone."""
    given = {environment[name] for name in _PROFILES if environment.get(name)}
    if not middleware.startswith("rmw_fastrtps") or given - {LOOPBACK}:
        return
    if reach(environment) == "LOCALHOST":
        if Path(LOOPBACK).is_file():  # without it the whole network would be reached
            environment[RANGE] = _UNCHANGED
            environment.update(dict.fromkeys(_PROFILES, LOOPBACK))
        return
    for name in _PROFILES:
        environment.pop(name, None)
    environment.setdefault(_BUILTIN, "UDPv4")


def asked(names: Iterable[str]) -> dict[str, str]:
    """Those of these variables that are set, as they were given."""
    values = {name: reach(os.environ) if name == RANGE else os.environ.get(name, "") for name in names}
    return {name: value for name, value in values.items() if value}


def reach(environment: Mapping[str, str]) -> str:
    """The discovery range that was asked for; empty where none was."""
    scope = environment.get(RANGE, "")
    ours = any(environment.get(name) == LOOPBACK for name in _PROFILES)
    return "LOCALHOST" if ours and scope == _UNCHANGED else scope
