"""What the forecast sees coming: the table, the arm itself, the edge of the workspace (from the URDF)."""

import time

import numpy as np
import pytest

from metaagent_ros.control import ArmState
from metaagent_ros.control.collision import CollisionForecast
from metaagent_ros.control.limits import guard_for
from sim_envs.robots import load_profile
from sim_envs.robots.kinematics import Kinematics
from sim_envs.spec import JointCommand

NS, PERIOD = 1_000_000_000, 0.04
ARMS = ("panda", "iiwa", "arm6")


def state(profile, joints) -> ArmState:
    return ArmState(profile.joints, tuple(joints), (0.0,) * len(joints))


def command(profile, joints, width=0.08) -> JointCommand:
    return JointCommand(profile.joints, tuple(map(float, joints)), width, 10.0, PERIOD)


@pytest.fixture(scope="module", params=ARMS)
def forecast(request):
    profile = load_profile(request.param)
    it = CollisionForecast(profile, (10.0,) * len(profile.joints))
    yield profile, it
    it.close()


def test_at_home_nothing_is_near(forecast):
    profile, it = forecast
    assert it.scale(command(profile, profile.home), state(profile, profile.home)) == (1.0, "")


def test_every_link_is_watched_against_the_table_and_far_links_against_each_other(forecast):
    profile, it = forecast
    over = {pair[0] for pair in it._zones if pair[1] == "the table"}
    assert set(profile.hand_links) <= over and len(over) >= len(profile.joints)
    assert sum(pair[1] != "the table" for pair in it._zones) > 2 * len(profile.joints)


def test_prepared_it_says_the_same_and_mostly_without_looking_again(forecast, monkeypatch):
    profile, it = forecast
    rng, count = np.random.default_rng(0), len(profile.joints)
    looks, look = [], it._look
    monkeypatch.setattr(it, "_look", lambda *given: looks.append(given) or look(*given))
    pose, velocity, same, quick = np.array(profile.home), np.zeros(count), [], 0
    for _ in range(600):
        velocity = np.clip(velocity + rng.normal(0.0, 0.1, count), -0.3, 0.3)
        there = np.clip(pose + PERIOD * velocity, profile.lower, profile.upper)
        width = profile.gripper_max_width * (rng.random() < 0.9)
        asked, measured = command(profile, there, width), state(profile, pose)
        looks.clear()
        said = it.scale(asked, measured)
        quick += not looks
        monkeypatch.setattr(it._free, "_joints", None)
        same.append(said == it.scale(asked, measured))
        it.prepare(asked, measured)
        pose = there if said[0] > 0.0 else np.array(profile.home)
    assert all(same) and (quick > 150 or profile.name == "arm6")  # its forearm and flange are always near


def test_no_link_moves_further_than_its_lever_says(forecast):
    profile, it = forecast
    rng, arm, client = np.random.default_rng(1), it._arm, it._client
    fingers = [profile.gripper_max_width / 2] * len(arm.fingers)

    def points(joints):
        arm.set_state([*joints, *fingers], [0.0] * (len(joints) + len(fingers)))
        return np.array(
            [client.getLinkState(arm.body, i, 0, 1)[4] for i in range(client.getNumJoints(arm.body))]
        )

    for _ in range(50):
        pose = rng.uniform(profile.lower, profile.upper)
        for joint, lever in enumerate(it._free._levers):
            turned = pose.copy()
            turned[joint] += 0.01
            moved = np.linalg.norm(points(turned) - points(pose), axis=1).max()
            assert moved <= 0.01 * lever


def drive(profile, guard, joint: int, speed: float, seconds: float) -> list[np.ndarray]:
    """An ideal arm whose joint is always asked to go on: its positions."""
    pose, poses, now = np.array(profile.home), [], 1.0
    for _ in range(round(seconds / PERIOD)):
        now += PERIOD
        guard.feed_state(state(profile, pose), round(now * NS), now, now)
        while guard.stopping:  # the arm follows the way to rest at once
            pose = np.array(guard.tick(now, now).positions)
        wanted = pose.copy()
        wanted[joint] += speed * PERIOD
        sent = guard.feed_command(command(profile, wanted), round(now * NS), now, now, "one")
        if sent is not None:
            pose = np.array(sent.positions)
        poses.append(pose)
        if guard.state == "fault":
            break
    return poses


def test_toward_the_table_it_gets_slower_and_halts_before_it(forecast):
    profile, it = forecast
    guard = guard_for(profile.name)
    positions = drive(profile, guard, 1, 0.8, 6.0)
    assert guard.state == "fault" and "ahead" in guard.message and guard.counts.collisions >= 10
    nearest = [it._look(list(p), 0.08) for p in positions]
    for distances in nearest:
        for pair, distance in distances.items():
            assert distance > it._zones[pair][1] - 1e-3, pair
    guard.close()


def test_into_itself_it_halts():
    profile = load_profile("panda")
    it = CollisionForecast(profile, (10.0,) * 7)
    folded = list(profile.home)
    folded[1], folded[3] = -1.7, -3.0
    folded[5] = 0.0
    distances = it._look(folded, 0.08)
    inside = [p for p, d in distances.items() if p[1] != "the table" and d <= it._zones[p][1]]
    assert inside, distances
    near = [h + 0.9 * (f - h) for h, f in zip(profile.home, folded, strict=True)]
    share, why = it.scale(command(profile, folded), state(profile, near))
    assert share == 0.0 and why.startswith("ahead: ")
    it.close()


def test_out_of_what_is_too_near_it_may_go_slowly():
    profile = load_profile("panda")
    it = CollisionForecast(profile, (10.0,) * 7)
    low = list(profile.home)
    for _ in range(400):  # down until the fingers are in the table
        low[1] += 0.005
        if min(it._look(low, 0.08).get((f, "the table"), 1.0) for f in profile.hand_links) < -0.005:
            break
    deeper, back = list(low), list(low)
    deeper[1] += 0.01
    back[1] -= 0.002
    assert it.scale(command(profile, deeper), state(profile, low))[0] == 0.0
    assert 0.0 < it.scale(command(profile, back), state(profile, low))[0] <= 0.1
    it.close()


def test_the_gripper_reaches_the_table():
    """The lowest place where a policy may aim is no collision."""
    profile = load_profile("panda")
    kinematics, it = Kinematics(profile), CollisionForecast(profile, (60.0,) * 7)
    joints = list(profile.home)
    for _ in range(300):
        kinematics.arm.set_state([*joints, 0.04, 0.04], [0.0] * 9)
        now = kinematics.arm.read()
        gap = np.array([0.5, 0.0, profile.workspace_lower[2]]) - now.tool
        joints = kinematics.arm.target(now, np.clip(gap / 0.02, -1.0, 1.0).tolist(), "normal")
    assert abs(gap).max() < 0.003
    assert it.scale(command(profile, joints), state(profile, joints)) == (1.0, "")
    kinematics.close()
    it.close()


def test_a_look_costs_less_than_two_milliseconds(forecast):
    profile, it = forecast
    here, wish = state(profile, profile.home), command(profile, profile.home)
    begun = time.process_time()
    for _ in range(200):
        it.scale(wish, here)
    assert (time.process_time() - begun) / 200 < 2e-3
