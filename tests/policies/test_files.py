import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from metaagent_ros.policies.files import PolicyFile, PolicyFileError
from metaagent_ros.policies.inference import FastPolicy

KEEP_SAVING = """
import sys, pathlib, numpy as np
from metaagent_ros.policies.files import PolicyFile
number = 0
while True:
    weights = {"w": np.full(200_000, number, dtype=np.float32)}
    PolicyFile(weights, {"n": number}).save(pathlib.Path(sys.argv[1]))
    number += 1
    print(number, flush=True)
"""


def test_card_and_weights_survive(tmp_path: Path):
    PolicyFile({"w": np.arange(3, dtype=np.float32)}, {"seed": 7}).save(tmp_path)
    back = PolicyFile.load(tmp_path)
    assert back.card == {"seed": 7}
    assert back.tensors["w"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\x80\x04pickle", b"\xff" * 64])
def test_a_broken_file_is_named(tmp_path: Path, data: bytes):
    (tmp_path / "policy.safetensors").write_bytes(data)
    with pytest.raises(PolicyFileError, match=r"policy\.safetensors"):
        PolicyFile.load(tmp_path)


def test_missing_not_finite_and_incomplete_files(tmp_path: Path):
    with pytest.raises(PolicyFileError, match="policy folder"):
        PolicyFile.load(tmp_path / "none")
    nan = PolicyFile({"w": np.array([np.nan], dtype=np.float32)}, {})
    with pytest.raises(PolicyFileError, match="finite"):
        PolicyFile.loads(nan.dumps())
    with pytest.raises(PolicyFileError, match=r"actor\.mu"):
        FastPolicy(PolicyFile({}, {}))


def test_kill_9_while_saving_leaves_a_whole_file(tmp_path: Path):
    writer = subprocess.Popen([sys.executable, "-c", KEEP_SAVING, str(tmp_path)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    while int(writer.stdout.readline()) < 5:
        time.sleep(0.001)
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    back = PolicyFile.load(tmp_path)
    assert (back.tensors["w"] == back.card["n"]).all()
