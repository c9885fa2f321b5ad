import math
import os
import xml.etree.ElementTree as ET

import pytest

from sim_envs import assets, description
from sim_envs.bullet import connect
from sim_envs.description import DescriptionError
from sim_envs.robots import load_profile

ARMS = ("panda", "iiwa", "arm6", "fr3", "ur5e")
OTHERS = (
    "husky/husky.urdf", "diffbot.urdf", "turtlebot3.urdf", "arm6.urdf.xacro", "fr3.urdf.xacro",
    "ur5e.urdf.xacro", "parallel_gripper.urdf.xacro",
)  # fmt: skip


@pytest.fixture(scope="module")
def client():
    made = connect()
    yield made
    made.disconnect()


@pytest.mark.parametrize("urdf", [*OTHERS, "franka_panda/panda.urdf", "kuka_iiwa/model.urdf"])
def test_our_descriptions_load_without_meshes(client, urdf: str):
    text = description.robot_urdf(urdf, False)
    assert "<mesh" not in text and "<visual" not in text
    seen = ET.fromstring(description.robot_urdf(urdf, True))
    assert seen.find(".//visual") is not None and seen.find(".//collision/geometry/mesh") is None
    assert all(os.path.isabs(m.get("filename")) for m in seen.iter("mesh"))
    body = description.load(client, text, useFixedBase=True)
    assert client.getNumJoints(body) == len(ET.fromstring(text).findall("joint"))
    client.removeBody(body)


def test_our_inertias_are_those_of_bodies():
    for name in ("arm6.urdf.xacro", "fr3.urdf.xacro", "ur5e.urdf.xacro", "parallel_gripper.urdf.xacro"):
        root = description.read(assets.find_urdf(name))
        for part in root.findall("link"):
            inertial = part.find("inertial")
            assert (inertial is None) == (part.find("collision") is None)
            if inertial is None:
                continue
            mass = float(inertial.find("mass").get("value"))
            moments = [float(inertial.find("inertia").get(k)) for k in ("ixx", "iyy", "izz")]
            assert 0.01 < mass < 10
            assert 2 * max(moments) < sum(moments) * 1.0001  # the triangle inequality
            assert all(0.005 < math.sqrt(m / mass) < 0.2 for m in moments)  # [m] radii of gyration


def load_arm(client, name: str) -> tuple[int, dict[str, int], dict[str, int]]:
    p = load_profile(name)
    text = description.robot_urdf(
        p.urdf, False, p.gripper_urdf, p.gripper_link, p.gripper_origin, p.base_origin
    )
    body = description.load(client, text, useFixedBase=True)
    infos = [client.getJointInfo(body, i) for i in range(client.getNumJoints(body))]
    return body, {i[1].decode(): i[0] for i in infos}, {i[12].decode(): i[0] for i in infos}


@pytest.mark.parametrize("name", ARMS)
def test_profiles_agree_with_their_descriptions_and_point_down_at_home(client, name: str):
    profile = load_profile(name)
    body, joints, links = load_arm(client, name)
    for at, (low, high, home) in enumerate(zip(profile.lower, profile.upper, profile.home, strict=True)):
        info = client.getJointInfo(body, joints[profile.joints[at]])
        assert info[8] - 1e-6 <= low < home < high <= info[9] + 1e-6
        assert profile.max_velocity[at] <= info[11] + 1e-6
        client.resetJointState(body, joints[profile.joints[at]], home)
    assert set(profile.hand_links) <= set(links)
    state = client.getLinkState(body, links[profile.tool_link], computeForwardKinematics=True)
    down = client.getMatrixFromQuaternion(state[5])
    assert math.degrees(math.acos(min(1.0, -down[8]))) < 0.5
    assert abs(abs(down[4]) - 1) < 1e-3  # the fingers move along y
    inside = zip(profile.workspace_lower, state[4], profile.workspace_upper, strict=True)
    assert all(low < at < high for low, at, high in inside)
    client.removeBody(body)


@pytest.mark.parametrize("name", ARMS)
def test_the_fingers_close_to_nothing_between_flat_faces(client, name: str):
    profile = load_profile(name)
    body, joints, links = load_arm(client, name)
    left, right = (joints[n] for n in profile.gripper_joints)
    tool = client.getLinkState(body, links[profile.tool_link])[4]
    for width in (0.0, 0.036, 0.056, 0.08):
        for finger in (left, right):
            client.resetJointState(body, finger, width / 2)
        gap = client.getClosestPoints(body, body, 0.2, left, right)
        assert min(point[8] for point in gap) == pytest.approx(width, abs=5e-4)
    size = max(client.getCollisionShapeData(body, left)[0][3])
    tip = client.getLinkState(body, left)[4]
    assert math.dist(tip, tool) < size + 0.02 and size < 0.06
    client.removeBody(body)


def test_the_merged_iiwa_has_the_tool_and_refuses_wrong_mounts(client):
    body, _, links = load_arm(client, "iiwa")
    assert {"tool", "gripper_palm", "lbr_iiwa_link_7", "lbr_iiwa_link_0"} <= set(links)
    assert client.getBodyInfo(body)[0] == b"robot_base"
    client.removeBody(body)
    iiwa, gripper = "kuka_iiwa/model.urdf", "parallel_gripper.urdf.xacro"
    with pytest.raises(DescriptionError, match=r"model\.urdf.*'lbr_iiwa_link7'.*'lbr_iiwa_link_7'"):
        description.robot_urdf(iiwa, False, gripper, "lbr_iiwa_link7")
    with pytest.raises(DescriptionError, match="it must be x, y, z, roll, pitch, yaw"):
        description.robot_urdf(iiwa, False, gripper, "lbr_iiwa_link_7", (0.0, 0.0, math.nan, 0.0, 0.0, 0.0))
    with pytest.raises(DescriptionError, match="'gripper_palm' is in both"):
        description.robot_urdf("arm6.urdf.xacro", False, gripper, "arm6_flange")
