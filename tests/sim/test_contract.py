"""What every environment id keeps: checkers, bounds, determinism, pickling, closing."""

import copy
import hashlib
import pickle
import subprocess
import sys
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from sim_envs import ENV_IDS, ROBOT_TASKS, env_id, make_env
from sim_envs.robots import ROBOTS, load_profile
from sim_envs.spec import SpecError
from sim_envs.tasks.catalogue import find_task, tasks

MIXED = ("MetaGrasp-v0", "MetaNavigate-v0")
REPLAY = """
import sys
sys.path.insert(0, {folder!r})
from test_contract import digest
import gymnasium as gym, sim_envs
env = gym.make({name!r}, hidden="sample").unwrapped
for seed in {seeds}:
    last = digest(env, seed)
print(last)
"""


def digest(env, seed: int, steps: int = 40) -> str:
    observation, _ = env.reset(seed=seed)
    out = hashlib.sha256(observation.tobytes())
    rng = np.random.default_rng(seed)
    for number in range(steps):
        action = env.expert() if number % 4 else rng.uniform(-1, 1, env.action_space.shape)
        observation, reward, terminated, truncated, _ = env.step(np.float32(action))
        out.update(observation.tobytes() + np.float64(reward).tobytes() + bytes([terminated, truncated]))
        assert env.observation_space.contains(observation)
        if terminated or truncated:
            break
    return out.hexdigest()


def made(name: str, **arguments):
    return gym.make(name, **arguments).unwrapped


def test_ids_are_every_robot_with_every_task_of_its_family():
    assert set(ROBOT_TASKS) == set(ROBOTS)
    for robot, names in ROBOT_TASKS.items():
        assert set(names) == set(tasks(load_profile(robot).family))
    assert set(ENV_IDS) == {env_id(r, t) for r, ts in ROBOT_TASKS.items() for t in ts} | set(MIXED)


@pytest.mark.parametrize("name", ENV_IDS)
def test_both_checkers_pass_without_warnings(name: str):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*not JSON serializable.*")
        env = made(name, render_mode="rgb_array")
        check_env(env)
        sb3_check_env(env)
        env.close()


@pytest.mark.parametrize("name", ENV_IDS)
def test_one_seed_one_trajectory_also_after_other_episodes_and_copied_and_unpickled(name: str):
    env, other = made(name, hidden="sample"), made(name, hidden="sample")
    assert digest(env, 3) == digest(other, 3)
    assert digest(env, 4) != digest(other, 3)
    digest(env, 8, 25)
    for again in (copy.copy(env), copy.deepcopy(env), pickle.loads(pickle.dumps(env))):
        assert _continued(again) == _continued(copy.copy(env))
        again.close()
    snapshot = env.save()
    before = _continued(env)
    env.restore(snapshot)
    assert _continued(env) == before
    env.close()
    env.close()
    other.close()


def _continued(env) -> bytes:
    out = b""
    for _ in range(5):
        observation, reward, *_ = env.step(env.expert())
        out += observation.tobytes() + np.float64(reward).tobytes()
    return out


@pytest.mark.parametrize("name", ["MetaGrasp-v0", "Arm6Stack-v0", "MetaNavigate-v0"])
def test_one_seed_one_trajectory_in_another_process(name: str):
    if name not in ENV_IDS:
        pytest.fail(f"{name} is not registered")
    folder = __file__.rpartition("/")[0]

    def run(seeds: str) -> str:
        code = REPLAY.format(seeds=seeds, folder=folder, name=name)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()[-1]

    assert run("(3,)") == run("(8, 5, 3)") != run("(4,)")


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, None, "x"])
def test_a_bad_action_never_reaches_the_physics(name: str, bad):
    env = made(name)
    env.reset(seed=0)
    before = env.save()
    action = [0.0] * env.action_space.shape[0]
    action[-1] = bad
    for wrong in (action, action[:-1], [*action, 0.0], 0.5):
        with pytest.raises((ValueError, TypeError), match=r"allowed|iter"):
            env.step(wrong)
    assert env.save() == before
    env.close()


def test_a_step_before_reset_and_unknown_options_are_named():
    env = made("MetaGrasp-v0")
    with pytest.raises(gym.error.ResetNeeded):
        env.step(np.zeros(4))
    with pytest.raises(SpecError, match="'hidden'"):
        env.reset(options={"hiden": "sample"})
    with pytest.raises(SpecError, match="'pick_place'"):
        env.reset(options={"skill": "pick_plase"})
    with pytest.raises(SpecError, match="rgb_array"):
        made("MetaGrasp-v0", render_mode="rgb")
    with pytest.raises(SpecError, match="'panda'"):
        load_profile("pandda")
    with pytest.raises(SpecError, match="'stack'"):
        find_task("stak")
    env.close()


@pytest.mark.slow
def test_a_thousand_worlds_made_and_closed_leak_nothing():
    def size() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    for round_ in range(1000):
        env = make_env("panda")
        env.reset(seed=round_)
        env.close()
        if round_ == 200:
            before = size()
    assert size() - before < 40e6
