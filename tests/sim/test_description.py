import itertools
import math
import os
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from sim_envs import description
from sim_envs.bullet import connect
from sim_envs.description import DescriptionError

XACRO = 'xmlns:xacro="http://www.ros.org/wiki/xacro"'
CUBE = "\n".join(f"v {x} {y} {z}" for x, y, z in itertools.product((0, 0.1), (0, 0.2), (0, 0.3))) + "\n"


def robot(body: str) -> str:
    return f'<robot name="r">\n{body}\n</robot>'


def link(name: str, body: str = "") -> str:
    return f'<link name="{name}">{body}</link>\n'


def joint(name: str, parent: str, child: str, body: str = "", kind: str = "fixed") -> str:
    ends = f'<parent link="{parent}"/><child link="{child}"/>'
    return f'<joint name="{name}" type="{kind}">{ends}{body}</joint>\n'


def hinge(limit: str) -> str:
    return robot(link("a") + link("b") + joint("j", "a", "b", f"<limit {limit}/>", "revolute"))


def inertial(mass: str = "1", xx: str = "1", yy: str = "1", zz: str = "1", xy: str = "0") -> str:
    moments = f'ixx="{xx}" iyy="{yy}" izz="{zz}" ixy="{xy}" ixz="0" iyz="0"'
    return robot(link("a", f'<inertial><mass value="{mass}"/><inertia {moments}/></inertial>'))


def shape(geometry: str, origin: str = "", what: str = "collision") -> str:
    return robot(link("a", f"<{what}>{origin}<geometry>{geometry}</geometry></{what}>"))


def mesh(name: str, what: str = "collision") -> str:
    return shape(f'<mesh filename="{name}"/>', what=what)


LIMIT = 'lower="-1" upper="1" effort="1" velocity="1"'
BOMB = '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>' + robot(link("&b;"))
XXE = '<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + robot(link("&a;"))
BAD = {
    "empty": (" \n", "empty"),
    "too large": (robot(link("a") + " " * 2_000_001), "larger than 2 MB"),
    "binary": (b"\x7fELF\xff\xfe\x00", "UTF-8"),
    "zeros": (b"\0\0\0\0", "UTF-8"),
    "UTF-16": (robot(link("a")).encode("utf-16"), "UTF-8"),
    "truncated": (robot(link("a"))[:-5], "cut off.*line 4"),
    "malformed": ('<robot>\n<link name="a"></robot>', "well-formed.*line 2"),
    "bomb": (BOMB, "DOCTYPE"),
    "XXE": (XXE, "DOCTYPE"),
    "entity": (robot(link("a")) + "<!ENTITY a 'b'>", "ENTITY"),
    "root": ("<sdf/>", "<sdf>.*<robot>"),
    "no link": (robot(""), "no link"),
    "same link": (robot(link("a") * 2), "link 'a' stands there 2 times"),
    "same joint": (
        robot(link("a") + link("b") + link("c") + joint("j", "a", "b") + joint("j", "b", "c")),
        "joint 'j' stands there 2 times",
    ),
    "no name": (robot("<link/>"), "link.* without a name"),
    "no joint name": (robot(link("a") + '<joint type="fixed"/>'), "joint.* without a name"),
    "parent": (robot(link("base") + link("b") + joint("j", "bace", "b")), "parent is 'bace'.*'base'"),
    "child": (robot(link("base") + link("tip") + joint("j", "base", "tipp")), "child is 'tipp'.*'tip'"),
    "no child": (robot(link("a") + '<joint name="j" type="fixed"><parent link="a"/></joint>'), "child is ''"),
    "two parents": (
        robot("".join(map(link, "abc")) + joint("j", "a", "c") + joint("k", "b", "c")),
        "'c' has two parents: 'a' and 'b'",
    ),
    "cycle": (robot(link("a") + link("b") + joint("j", "a", "b") + joint("k", "b", "a")), "cycle"),
    "cycle aside": (
        robot("".join(map(link, "abc")) + joint("j", "c", "b") + joint("k", "b", "c")),
        "'b' is part of a cycle",
    ),
    "own parent": (robot(link("a") + joint("j", "a", "a")), "cycle"),
    "two roots": (robot(link("a") + link("b")), r"2 root links \(a, b\)"),
    "too many": (robot("".join(link(f"l{i}") for i in range(65))), "65 links"),
    "type": (
        robot(link("a") + link("b") + joint("j", "a", "b", kind="revolut")),
        "joint 'j'.*'revolut'.*'revolute'",
    ),
    "no limit": (robot(link("a") + link("b") + joint("j", "a", "b", kind="prismatic")), "needs a <limit>"),
    "axis": (
        robot(link("a") + link("b") + joint("j", "a", "b", '<axis xyz="0 0 0"/>', "continuous")),
        "axis is zero",
    ),
    "mimic": (
        robot(link("a") + link("b") + joint("left", "a", "b", '<mimic joint="lefd"/>')),
        "mimics 'lefd'.*'left'",
    ),
    "NaN limit": (hinge('lower="nan" upper="1" effort="1" velocity="1"'), "joint 'j'.*'nan' is not a finite"),
    "inf effort": (hinge('lower="-1" upper="1" effort="inf" velocity="1"'), "effort.*'inf' is not a finite"),
    "overflow": (hinge('lower="-1" upper="1e999" effort="1" velocity="1"'), "'1e999' is not a finite"),
    "underscore": (hinge('lower="-1" upper="1_0" effort="1" velocity="1"'), "'1_0' is not a finite"),
    "swapped": (hinge('lower="2" upper="1" effort="1" velocity="1"'), "lower limit 2 is above upper limit 1"),
    "effort": (hinge('lower="-1" upper="1" effort="-5" velocity="1"'), "effort is -5"),
    "velocity": (hinge('lower="-1" upper="1" effort="1" velocity="-5"'), "velocity is -5"),
    "origin": (shape('<sphere radius="1"/>', '<origin xyz="0 NaN 0"/>'), "'NaN' is not a finite"),
    "origin length": (shape('<sphere radius="1"/>', '<origin xyz="0 0"/>'), "has 2 numbers; it needs 3"),
    "NaN mass": (inertial(mass="nan"), "link 'a'.*<mass value='nan'>"),
    "no mass": (inertial(mass="0"), "mass is 0"),
    "negative mass": (inertial(mass="-1"), "mass is -1"),
    "inf inertia": (inertial(xx="inf"), "<inertia ixx='inf'>"),
    "negative inertia": (inertial(xx="-1"), "not positive definite"),
    "off-diagonal": (inertial(xy="1.5"), "not positive definite"),
    "triangle": (inertial(zz="2.5"), "no body has this inertia"),
    "half inertial": (robot(link("a", '<inertial><mass value="1"/></inertial>')), "both <mass>"),
    "NaN size": (shape('<box size="1 nan 1"/>'), "<box size='1 nan 1'>"),
    "no size": (shape("<box/>"), "has 0 numbers; it needs 3"),
    "flat": (shape('<cylinder radius="0" length="1"/>'), "not above 0"),
    "shape": (shape('<spere radius="1"/>'), "<spere>.*'sphere'"),
    "no shape": (shape(""), "0 shapes"),
    "scale": (shape('<mesh filename="cube.obj" scale="1 inf 1"/>'), "scale='1 inf 1'"),
    "missing mesh": (mesh("cub.obj"), "'cub.obj' is missing.*'cube.obj'"),
    "missing visual": (mesh("package://r/cub.obj", "visual"), "is missing"),
    "no mesh": (mesh(""), "no relative path"),
    "absolute": (mesh("/etc/passwd"), "no relative path"),
    "parent folder": (mesh("../secret.obj"), "'../secret.obj' leads out"),
    "package parent": (mesh("package://../secret.obj"), "leads out"),
    "file scheme": (mesh("file:///etc/passwd"), "scheme 'file'"),
    "http scheme": (mesh("http://localhost/a.obj"), "scheme 'http'"),
    "link": (mesh("link.obj"), "'link.obj' leads out"),
    "folder link": (mesh("up/secret.obj", "visual"), "leads out"),
}  # fmt: skip
BAD_XACRO = {
    "undefined": (f'<robot name="r" {XACRO}><link name="${{nothing}}"/></robot>', "xacro: .*nothing"),
    "expression": (f'<robot name="r" {XACRO}><link name="${{1 / 0}}"/></robot>', "xacro: .*zero"),
    "builtins": (f'<robot name="r" {XACRO}><link name="${{[].__class__}}"/></robot>', "'__' is not allowed"),
    "environment": (f'<robot name="r" {XACRO}><link name="$(env HOME)"/></robot>', r"'\$\(' is not allowed"),
    "yaml": (f'<robot name="r" {XACRO}><link name="${{xacro.load_yaml(1)}}"/></robot>', "'load_yaml'"),
    "escape": (f'<robot {XACRO}><xacro:include filename="../secret.xacro"/></robot>', "leads out"),
    "absolute": (f'<robot {XACRO}><xacro:include filename="/etc/passwd"/></robot>', "no relative path"),
    "computed": (f'<robot {XACRO}><xacro:include filename="${{name}}"/></robot>', "plain relative path"),
    "missing": (f'<robot {XACRO}><xacro:include filename="b.xacro"/></robot>', "'b.xacro': it cannot"),
    "disguise": (f'<robot {XACRO}><xacro:element xacro:name="a"/></robot>', "'xacro:element'"),
    "entity": (f'<robot {XACRO}><xacro:include filename="bomb.xacro"/></robot>', "'bomb.xacro'.*DOCTYPE"),
    "loop": (f'<robot {XACRO}><xacro:include filename="bad.urdf.xacro"/></robot>', "xacro"),
    "bad result": (f'<robot name="r" {XACRO}><link name="${{1}}"/><link name="1"/></robot>', "2 times"),
}  # fmt: skip


@pytest.fixture(scope="module")
def client():
    made = connect()
    yield made
    made.disconnect()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A description's folder with a mesh, beside a file that it must not reach."""
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "cube.obj").write_text(CUBE)
    (tmp_path / "secret.obj").write_text(CUBE)
    (tmp_path / "secret.xacro").write_text("<robot/>")
    (inside / "bomb.xacro").write_text(BOMB)
    (inside / "link.obj").symlink_to(tmp_path / "secret.obj")
    (inside / "up").symlink_to(tmp_path)
    return inside


def refused(path: Path, content: str | bytes, cause: str) -> None:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DescriptionError, match=cause) as caught:
        description.read(path)
    assert str(caught.value).startswith(str(path))
    with pytest.raises(DescriptionError, match=cause):
        description.robot_urdf(str(path), False)


@pytest.mark.parametrize("what", BAD)
def test_a_bad_urdf_is_refused_with_its_file_and_cause(folder: Path, what: str):
    refused(folder / "bad.urdf", *BAD[what])


@pytest.mark.parametrize("what", BAD_XACRO)
def test_a_bad_xacro_is_refused_with_its_file_and_cause(folder: Path, what: str):
    refused(folder / "bad.urdf.xacro", *BAD_XACRO[what])


def test_what_is_no_file_or_unknown_is_refused(tmp_path: Path):
    for path in (tmp_path, tmp_path / "nowhere.urdf"):
        with pytest.raises(DescriptionError, match=f"{path}.*cannot be read"):
            description.read(path)
    with pytest.raises(DescriptionError, match=r"nowhere\.urdf is in none of"):
        description.robot_urdf("nowhere.urdf", False)


@pytest.mark.parametrize(
    ("name", "content", "cause"),
    [
        ("a.obj", b"v 0 nan 0\n", "not finite"),
        ("a.obj", b"# nothing\n", "no vertices"),
        ("a.obj", b"v 1 2\n", "cannot be read"),
        ("a.stl", b"solid a\nendsolid a\n", "no vertices"),
        ("a.dae", b"<COLLADA/>", r"allowed: \.obj, \.stl"),
    ],
)
def test_a_collision_mesh_that_cannot_be_fitted_is_refused(
    folder: Path, name: str, content: bytes, cause: str
):
    (folder / name).write_bytes(content)
    (folder / "r.urdf").write_text(mesh(name))
    with pytest.raises(DescriptionError, match=rf"r\.urdf: link 'a': .*{cause}"):
        description.robot_urdf(str(folder / "r.urdf"), False)


def stl(path: Path, corners: list[tuple[float, ...]], binary: bool) -> None:
    if not binary:
        path.write_text(
            "solid a\n" + "".join("  vertex {} {} {}\n".format(*c) for c in corners) + "endsolid a\n"
        )
        return
    triangles = np.zeros(len(corners), [("n", "<f4", 3), ("v", "<f4", (3, 3)), ("a", "<u2")])
    triangles["v"] = np.array(corners)[:, None]
    path.write_bytes(b"solid".ljust(80) + len(corners).to_bytes(4, "little") + triangles.tobytes())


@pytest.mark.parametrize("kind", ["obj", "text stl", "binary stl"])
def test_a_mesh_becomes_the_box_around_it(folder: Path, kind: str):
    name = "cube.obj" if kind == "obj" else "cube.stl"
    if kind != "obj":
        corners = list(itertools.product((0, 0.1), (0, 0.2), (0, 0.3)))
        stl(folder / name, corners, kind == "binary stl")
    origin = f'<origin xyz="1 0 0" rpy="0 0 {math.pi / 2}"/>'
    (folder / "r.urdf").write_text(shape(f'<mesh filename="{name}" scale="2 1 -1"/>', origin))
    collision = ET.fromstring(description.robot_urdf(str(folder / "r.urdf"), False)).find("link/collision")
    size = collision.find("geometry/box").get("size").split()
    np.testing.assert_allclose(np.array(size, float), (0.2, 0.2, 0.3), atol=1e-7)
    middle = collision.find("origin").get("xyz").split()
    np.testing.assert_allclose(np.array(middle, float), (0.9, 0.1, -0.15), atol=1e-7)


def test_meshes_are_found_in_the_package_and_the_assets(folder: Path):
    (folder / "urdf").mkdir()
    (folder / "package.xml").write_text("<package/>")
    for name in ("../cube.obj", "package://inside/cube.obj", "package://kuka_iiwa/meshes/link_1.stl"):
        (folder / "urdf" / "r.urdf").write_text(mesh(name))
        description.read(folder / "urdf" / "r.urdf")


def test_loading_refuses_what_is_no_tree_and_what_bullet_refuses(client):
    with pytest.raises(DescriptionError, match="2 root links"):  # Bullet itself would crash
        description.load(client, robot(link("a") + link("b")))

    class Refusing:
        error, URDF_USE_INERTIA_FROM_FILE = RuntimeError, 2
        files: ClassVar[list[str]] = []

        def loadURDF(self, file: str, flags: int) -> int:
            self.files.append(file)
            raise RuntimeError("no")

    with pytest.raises(DescriptionError, match="robot 'r': Bullet refuses it: no"):
        description.load(Refusing(), robot(link("a")))
    assert not os.path.exists(Refusing.files[0])
