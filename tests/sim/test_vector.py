import os
import signal
import threading
import time
import warnings
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from sim_envs import vector
from sim_envs.spec import SpecError
from sim_envs.vector import VectorWorlds, WorldError

MODES = ["SameStep", "NextStep"]


class Walk(gym.Env[Any, Any]):
    """A walk with drawn steps and episodes of drawn length; counts what it did."""

    def __init__(self, fault: int = -1, delay: float = 0.0) -> None:
        self.observation_space = gym.spaces.Box(-1e3, 1e3, (2,), dtype=np.float32)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (2,), dtype=np.float32)
        self.fault, self.delay, self.seed, self.mark = fault, delay, -1, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.seed = self.seed if seed is None else seed
        self.place, self.left = self.np_random.normal(size=2), int(self.np_random.integers(3, 9))
        return self.place.astype(np.float32), {"start": float(self.place[0]), **(options or {})}

    def step(self, action: Any) -> Any:
        time.sleep(self.delay)
        self.left -= 1
        if self.left == self.fault:
            raise KeyError("a wheel came off")
        self.place = self.place + action + self.np_random.normal(size=2)
        won = bool(self.place[0] > 2.0)
        info = {"is_success": won, "inner": {"left": self.left}}
        return self.place.astype(np.float32), float(self.place[1]), won, self.left == 0 and not won, info

    def close(self) -> None:
        self.left = -1


class Several(gym.Env[Any, Any]):
    """Observations and actions that are trees."""

    def __init__(self) -> None:
        box, way = gym.spaces.Box(-9.0, 9.0, (2, 3), dtype=np.float64), gym.spaces.Discrete(5)
        self.observation_space = gym.spaces.Dict({"here": box, "way": gym.spaces.Tuple((way, way))})
        self.action_space = gym.spaces.Dict({"push": box, "way": way})

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> Any:
        way = int(action["way"])
        return {"here": action["push"], "way": (way, 4 - way)}, 0.0, way == 4, False, {}


def same(ours: Any, theirs: Any) -> None:
    assert type(ours) is type(theirs)
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys()
        for key in ours:
            same(ours[key], theirs[key])
    elif isinstance(ours, tuple) or (isinstance(ours, np.ndarray) and ours.dtype == object):
        for one, other in zip(ours, theirs, strict=True):
            same(one, other)
    elif isinstance(ours, np.ndarray):
        assert ours.dtype == theirs.dtype and ours.tobytes() == theirs.tobytes()
    else:
        assert ours == theirs


def shared_files() -> set[str]:
    """What this library could leave behind; others on the machine have files there too."""
    return {name for name in os.listdir("/dev/shm") if name.startswith(("pym-", "psm_", "sem.mp-"))}


def kill(worlds: VectorWorlds, number: int) -> None:
    os.kill(worlds.processes[number].pid, signal.SIGKILL)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("make", [Walk, partial(gym.make, "Pendulum-v1", max_episode_steps=6)])
def test_same_bits_as_one_after_the_other(make: Any, mode: str):
    worlds = VectorWorlds(make, 5, workers=2, autoreset_mode=mode)
    alone = SyncVectorEnv([make] * 5, autoreset_mode=mode)
    assert worlds.metadata["autoreset_mode"] is AutoresetMode(mode)
    assert worlds.observation_space == alone.observation_space and worlds.action_space == alone.action_space
    worlds.action_space.seed(1)
    for seed in (3, [7, None, 9, 1, 2], None):
        same(worlds.reset(seed=seed), alone.reset(seed=seed))
        for _ in range(30):
            actions = worlds.action_space.sample()
            same(worlds.step(actions), alone.step(actions))
    worlds.close()


def test_trees_of_spaces_and_ids():
    worlds, alone = (
        VectorWorlds(Several, 3, workers=2),
        SyncVectorEnv([Several] * 3, autoreset_mode="SameStep"),
    )
    worlds.reset(seed=0), alone.reset(seed=0)
    actions = {"push": np.full((3, 2, 3), 0.3), "way": np.array([1, 2, 3])}
    same(worlds.step(actions), alone.step(actions))
    for wrong in ({"push": actions["push"]}, (1, 2), {**actions, "way": np.array([1.0, 2.0, 3.0])}):
        with pytest.raises(ValueError, match="actions"):
            worlds.step(wrong)
    worlds.close()
    worlds = VectorWorlds("CartPole-v1", 2, {"sutton_barto_reward": True}, workers=1)
    worlds.reset(seed=0)
    assert worlds.step(np.array([0, 1]))[1].tolist() == [0.0, 0.0]
    worlds.close()


def test_bad_actions_are_refused_before_anything_moves():
    worlds, alone = VectorWorlds(Walk, 3, workers=1), SyncVectorEnv([Walk] * 3, autoreset_mode="SameStep")
    with pytest.raises(gym.error.ResetNeeded):
        worlds.step(np.zeros((3, 2), np.float32))
    worlds.reset(seed=0), alone.reset(seed=0)
    bad = [np.zeros((3, 3)), np.zeros(3), np.full((3, 2), np.nan), np.full((3, 2), 1e300), "left", None]
    for wrong in bad:
        with pytest.raises(ValueError, match=r"(?s)actions is .*; allowed: finite float32, shape \(3, 2\)"):
            worlds.step(wrong)
    still = np.zeros((3, 2), np.float32)
    same(worlds.step(still), alone.step(still))
    worlds.close()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("when", ["idle", "in a step"])
def test_a_killed_worker_is_replaced_and_the_others_go_on(mode: str, when: str):
    before = shared_files()
    make = partial(Walk, delay=0.05 if when != "idle" else 0.0)
    worlds, alone = VectorWorlds(make, 6, workers=3, autoreset_mode=mode), [make() for _ in range(6)]
    worlds.reset(seed=15)
    for i, env in enumerate(alone):
        env.reset(seed=15 + i)
    still = np.zeros((6, 2), np.float32)
    seen = worlds.step(still)[0]
    others = [0, 1, 4, 5]
    pids = [p.pid for p in worlds.processes]
    timer = threading.Timer(0.0 if when == "idle" else 0.06, kill, (worlds, 1))
    timer.start()
    if when == "idle":
        timer.join()
    started = time.monotonic()
    new, reward, terminated, truncated, info = worlds.step(still)
    assert time.monotonic() - started < 8.0
    assert [p.pid for p in worlds.processes][::2] == pids[::2] and worlds.processes[1].pid != pids[1]
    assert truncated[2:4].all() and not terminated[2:4].any() and not reward[2:4].any()
    assert info["worker_restarted"].tolist() == [False, False, True, True, False, False]
    seeds = worlds.get_attr("seed")
    assert [seeds[i] for i in others] == [15, 16, 19, 20]
    for i in others:
        assert alone[i].step(still[i])[0].tobytes() == seen[i].tobytes()
        assert new[i].tobytes() == alone[i].step(still[i])[0].tobytes()
    if mode == "SameStep":
        assert all(info["final_obs"][i].tobytes() == seen[i].tobytes() for i in (2, 3))
        assert info["final_info"]["worker_restarted"][2:4].all()
    else:
        assert new[2:4].tobytes() == seen[2:4].tobytes() and info["_is_success"][2:4].all()
        new, _, _, truncated, info = worlds.step(still)
        assert not truncated[2:4].any() and "worker_restarted" not in info
    seeds = worlds.get_attr("seed")
    assert len({15, 16, 17, 18, 19, 20, *seeds[2:4]}) == 8
    for i in (2, 3):
        assert Walk().reset(seed=seeds[i])[0].tobytes() == new[i].tobytes()
    worlds.close()
    worlds.close()
    assert shared_files() <= before


def test_a_worker_lost_before_a_reset_costs_nothing():
    worlds, alone = VectorWorlds(Walk, 4, workers=2), SyncVectorEnv([Walk] * 4)
    kill(worlds, 0)
    same(worlds.reset(seed=1), alone.reset(seed=1))
    kill(worlds, 1)
    worlds.processes[1].join()
    with pytest.raises(WorldError, match=r"worker 1 \(environments 2 to 3\) was lost"):
        worlds.get_attr("seed")
    assert worlds.step(np.zeros((4, 2)))[3].tolist() == [False, False, True, True]
    worlds.close()


def test_a_stopped_worker_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vector, "_GRACE", 0.3)
    worlds = VectorWorlds(Walk, 2, workers=2, timeout=0.5)
    worlds.reset(seed=0)
    os.kill(worlds.processes[0].pid, signal.SIGSTOP)
    assert worlds.step(np.zeros((2, 2)))[3].tolist() == [True, False]
    os.kill(worlds.processes[1].pid, signal.SIGSTOP)
    worlds.close()


def test_what_an_environment_raises_comes_back_with_its_number():
    worlds = VectorWorlds([Walk, Walk, partial(Walk, fault=1), Walk], workers=2)
    worlds.reset(seed=0)
    with pytest.raises(WorldError, match=r"environment 2, in worker 1 \(.*\): KeyError: 'a wheel came off'"):
        for _ in range(20):
            worlds.step(np.zeros((4, 2)))
    with pytest.raises(gym.error.ResetNeeded):
        worlds.step(np.zeros((4, 2)))
    worlds.set_attr("fault", -1)
    worlds.set_attr("mark", [1, 2, 3, 4])
    assert worlds.get_attr("mark") == (1, 2, 3, 4)
    worlds.reset(seed=0, options={"told": 5})
    for _ in range(20):
        worlds.step(np.zeros((4, 2)))
    worlds.close()
    with pytest.raises(gym.error.ClosedEnvironmentError):
        worlds.reset()


def test_worlds_that_cannot_be_made():
    before = shared_files()
    with pytest.raises(WorldError, match=r"environment 1, in worker 0 .*its spaces are"):
        VectorWorlds([Walk, Several], workers=1)
    for wrong, match in (
        ({"autoreset_mode": "Disabled"}, "allowed: SameStep, NextStep"),
        ({"workers": 0}, "workers is 0"),
        ({"num_envs": 0}, "num_envs is 0"),
    ):
        with pytest.raises(SpecError, match=match):
            VectorWorlds(Walk, **wrong)
    assert shared_files() <= before


def test_the_arm_gives_the_same_bits():
    worlds, alone = VectorWorlds("MetaGrasp-v0", 3, workers=2), gym.make("MetaGrasp-v0")
    worlds.action_space.seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seen, _ = worlds.reset(seed=5)
        mine, _ = alone.reset(seed=7)
        assert seen[2].tobytes() == mine.tobytes()
        for _ in range(20):
            actions = worlds.action_space.sample()
            seen, reward, *_ = worlds.step(actions)
            mine, value, *_ = alone.step(actions[2])
            assert seen[2].tobytes() == mine.tobytes() and reward[2] == value
    worlds.close()
