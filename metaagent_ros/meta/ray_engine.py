"""Inner loops on a Ray cluster: this machine's cores, or those of others behind an address."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Self

from metaagent_ros.meta.engine import TRIES, ItemT, ResultT, one_thread

OBJECT_STORE = 100 * 1024**2  # [byte] of a cluster started here; parameters and results are small
HOW = "the engine ray needs Ray: pip install 'ray[client]>=2.60,<3' (or take the engine local)"


class RayEngine:
    """Ray Core: the function, and the parameters bound to it, go into the object store once per run.

    An inner loop whose worker or machine is lost runs again elsewhere, up to ``tries`` times. With an
    ``address`` (``host:port``, ``ray://host:port`` or ``auto``) it joins that cluster; without, it starts
    one here with ``workers`` cores. A cluster that this process had already joined is used and left up.
    """

    def __init__(self, address: str | None = None, workers: int = 1, tries: int = TRIES) -> None:
        if workers < 1:
            raise ValueError(f"workers is {workers}; allowed: at least 1")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
        try:
            import ray
        except ImportError:
            raise ValueError(HOW) from None
        self._ray: Any = ray
        self._owner = not ray.is_initialized()
        if self._owner:
            self._join(address, workers)
        self._call: Any = ray.remote(num_cpus=1, max_retries=tries)(_call)

    def _join(self, address: str | None, workers: int) -> None:
        if address is None:
            self._start(workers)
            return
        try:
            self._ray.init(address=address, log_to_driver=False)
        except (ConnectionError, TimeoutError, ValueError, RuntimeError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ValueError(
                f"no Ray cluster at {address!r}: {reason}; allowed: host:port, ray://host:port, auto"
            ) from None

    def _start(self, workers: int) -> None:
        """A cluster here. Ray gives its parts 30 s to come up, so a busy machine gets a second try."""
        for last in (False, True):
            try:
                self._ray.init(
                    address="local",
                    num_cpus=workers,
                    object_store_memory=OBJECT_STORE,
                    include_dashboard=False,
                    log_to_driver=False,
                )
                return
            except (ConnectionError, TimeoutError, RuntimeError) as error:
                self._ray.shutdown()
                if last:
                    reason = (str(error).splitlines() or [type(error).__name__])[0]
                    raise ValueError(f"Ray did not start on this machine: {reason}") from None

    def run(self, function: Callable[[ItemT], ResultT], items: Sequence[ItemT]) -> list[ResultT]:
        """As ``Engine`` says; what the function raises comes back as Ray's subclass of it."""
        shared = self._ray.put(function)
        results: list[ResultT] = self._ray.get([self._call.remote(shared, item) for item in items])
        return results

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        if self._owner and self._ray.is_initialized():
            self._ray.shutdown()
        self._owner = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _call(function: Callable[[ItemT], ResultT], item: ItemT) -> ResultT:
    return one_thread(function, item)
