"""Ray on one machine: a cluster of two nodes, of which one is lost while it works."""

import threading
import time
from functools import partial
from pathlib import Path

import pytest
from test_engine import iterations
from test_inner import same

from metaagent_ros.meta.engine import LocalEngine, make_engine
from metaagent_ros.meta.inner import InnerOptions
from metaagent_ros.meta.ray_engine import RayEngine

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'ray[client]'")
pytestmark = pytest.mark.slow
STORE = {"object_store_memory": 100 * 1024**2}


def patient(folder: Path, item: int) -> tuple[int, str]:
    """Leaves a trace of where it begins; takes long enough to be interrupted."""
    node = ray.get_runtime_context().get_node_id()
    (folder / f"{item}-{node}-{time.monotonic_ns()}").touch()
    time.sleep(1.5)
    return item * item, node


def test_a_lost_node_changes_nothing_in_the_results(tmp_path: Path, monkeypatch):
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))  # the workers import these tests
    head = {"num_cpus": 1, "include_dashboard": False, **STORE}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    second = cluster.add_node(num_cpus=1, **STORE)
    try:
        with RayEngine(cluster.address) as engine:
            lose = threading.Thread(target=_lose, args=(cluster, second, tmp_path))
            lose.start()
            results = engine.run(partial(patient, tmp_path), [1, 2, 3, 4])
            lose.join()
            assert [r[0] for r in results] == [1, 4, 9, 16]
            begun = [p.name.split("-") for p in tmp_path.iterdir()]
            assert len({node for _, node, _ in begun}) == 2 and len(begun) > 4  # one was run again
            assert {node for _, node in results} == {ray.get_runtime_context().get_node_id()}
            options = InnerOptions("adam_kept", normalise=True)
            assert same(iterations(LocalEngine(), options).tensors(), iterations(engine, options).tensors())
    finally:
        ray.shutdown()
        cluster.shutdown()


def _lose(cluster, node, folder: Path) -> None:
    """Take the node away as soon as it works on something."""
    deadline = time.monotonic() + 60.0
    while time.monotonic() < deadline:
        if any(node.node_id in path.name for path in folder.iterdir()):
            break
        time.sleep(0.05)
    cluster.remove_node(node, allow_graceful=False)


def test_errors_of_a_function_and_of_an_address_come_back():
    with make_engine("ray") as engine:
        with pytest.raises(ZeroDivisionError):
            engine.run(lambda item: 1 // item, [1, 0])
        assert engine.run(lambda item: item + 1, []) == []
    assert not ray.is_initialized()


def test_an_address_where_nothing_listens_is_named(monkeypatch):
    def unreachable(**settings):
        assert settings["address"] == "ray://10.0.0.1:10001"
        raise ConnectionError("ray client connection timeout")

    monkeypatch.setattr(ray, "init", unreachable)
    with pytest.raises(ValueError, match=r"no Ray cluster at 'ray://10.0.0.1:10001': ray client"):
        RayEngine("ray://10.0.0.1:10001")
    with pytest.raises(ValueError, match="workers is 0"):
        RayEngine(workers=0)
