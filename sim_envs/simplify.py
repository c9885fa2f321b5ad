"""Robot descriptions as Bullet shall load them: primitive collision shapes, no looks unless wanted."""

from __future__ import annotations

import copy
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sim_envs import meshes
from sim_envs.urdf_checks import DescriptionError, check_tree, nearest, numbers, root_link, with_place

_THINNEST = 1e-3  # [m] a flat mesh gets this thickness
_PLATE = 0.26  # [m] width of the plate below a robot that stands higher than the table
_FRAME_MASS, _FRAME_INERTIA = "0.001", "1e-06"


def bullet_urdf(root: ET.Element, folder: Path, visible: bool) -> str:
    """The URDF text that Bullet loads; ``folder`` is where the description's mesh paths start.

    Every mesh collision becomes the box around its vertices; visuals go unless ``visible``, which keeps them
    with absolute mesh paths. Joints, also fixed ones, stay as they are.
    """
    return ET.tostring(simplified(root, folder, visible), encoding="unicode")


def simplified(root: ET.Element, folder: Path, visible: bool) -> ET.Element:
    """What :func:`bullet_urdf` writes, as a new tree."""
    out = ET.Element("robot", {"name": root.get("name", "robot")})
    wanted = ("material", "link", "joint") if visible else ("link", "joint")
    out.extend(copy.deepcopy(element) for element in root if element.tag in wanted)

    def simplify(link: ET.Element) -> None:
        for visual in link.findall("visual"):
            if not visible:
                link.remove(visual)
        for collision in link.findall("collision"):
            _fit(collision, folder)
        for mesh in link.iterfind("visual/geometry/mesh"):
            mesh.set("filename", str(meshes.find(mesh.get("filename", ""), folder)))
        if link.find("inertial") is None:
            link.append(_frame_inertia())

    for link in out.findall("link"):
        with_place(link, simplify)
    return out


def attach(
    arm_root: ET.Element, gripper_root: ET.Element, link: str, origin: Sequence[float] = ()
) -> ET.Element:
    """A new tree: the arm with the gripper's root link fixed to ``link`` at ``origin``.

    ``origin`` is x, y, z [m], roll, pitch, yaw [rad] in the frame of ``link``, or empty for none.
    """
    taken = {what: _names(arm_root, what) for what in ("material", "link", "joint")}
    if link not in taken["link"]:
        raise DescriptionError(f"gripper link {link!r} is no link of the arm.{nearest(link, taken['link'])}")
    out, base = copy.deepcopy(arm_root), root_link(gripper_root)
    mount = _mount(f"{base}_mount", link, base, origin)
    for element in (*gripper_root, mount):
        name = element.get("name", "")
        if name not in taken.get(element.tag, set()):
            out.append(copy.deepcopy(element))
        elif element.tag != "material":
            raise DescriptionError(f"{element.tag} {name!r} is in both the arm and the gripper")
    check_tree(out)
    return out


def stand(root: ET.Element, origin: Sequence[float], visible: bool) -> ET.Element:
    """A new tree: the robot's root link fixed at ``origin`` in a new root link ``robot_base``.

    ``origin`` is as for :func:`attach`; where the robot stands higher than 0, one sees a plate below it.
    """
    base = root_link(root)
    mount = _mount("robot_base_mount", "robot_base", base, origin)
    if "robot_base" in _names(root, "link") or "robot_base_mount" in _names(root, "joint"):
        raise DescriptionError(
            "'robot_base' or 'robot_base_mount' is a name of its own; they are for its stand"
        )
    out, link = copy.deepcopy(root), ET.Element("link", {"name": "robot_base"})
    link.append(_frame_inertia())
    height = origin[2]
    if visible and height > 0:
        visual = ET.SubElement(link, "visual")
        ET.SubElement(visual, "origin", {"xyz": _text((origin[0], origin[1], height / 2))})
        ET.SubElement(ET.SubElement(visual, "geometry"), "box", {"size": _text((_PLATE, _PLATE, height))})
    out.insert(0, link)
    out.append(mount)
    return out


def _names(root: ET.Element, what: str) -> set[str]:
    return {element.get("name", "") for element in root.findall(what)}


def _mount(name: str, parent: str, child: str, origin: Sequence[float]) -> ET.Element:
    """A fixed joint between two links."""
    pose = tuple(origin) or (0.0,) * 6
    if len(pose) != 6 or not np.isfinite(pose).all():
        raise DescriptionError(f"origin of {child!r} is {pose}; it must be x, y, z, roll, pitch, yaw")
    joint = ET.Element("joint", {"name": name, "type": "fixed"})
    ET.SubElement(joint, "parent", {"link": parent})
    ET.SubElement(joint, "child", {"link": child})
    ET.SubElement(joint, "origin", {"xyz": _text(pose[:3]), "rpy": _text(pose[3:])})
    return joint


def _fit(collision: ET.Element, folder: Path) -> None:
    """Replace the mesh of a collision by the box around it in the mesh's own frame."""
    geometry = collision.find("geometry")
    mesh = None if geometry is None else geometry.find("mesh")
    if geometry is None or mesh is None:
        return
    scale = numbers(mesh, "scale", "1 1 1")
    corners = np.array(meshes.bounds(meshes.find(mesh.get("filename", ""), folder))) * scale
    centre, size = corners.mean(axis=0), np.maximum(np.ptp(corners, axis=0), _THINNEST)
    origin = collision.find("origin")
    origin = ET.SubElement(collision, "origin") if origin is None else origin
    position, turn = numbers(origin, "xyz", "0 0 0"), numbers(origin, "rpy", "0 0 0")
    origin.set("xyz", _text(position + _rotation(*turn) @ centre))
    origin.set("rpy", _text(turn))
    geometry.remove(mesh)
    ET.SubElement(geometry, "box", {"size": _text(size)})


def _frame_inertia() -> ET.Element:
    """For a link that states none, because Bullet would give it 1 kg and 1 kg m² in every direction."""
    inertial = ET.Element("inertial")
    ET.SubElement(inertial, "mass", {"value": _FRAME_MASS})
    zero = dict.fromkeys(("ixy", "ixz", "iyz"), "0")
    ET.SubElement(inertial, "inertia", {**dict.fromkeys(("ixx", "iyy", "izz"), _FRAME_INERTIA), **zero})
    return inertial


def _rotation(roll: float, pitch: float, yaw: float) -> NDArray[np.float64]:
    (cr, cp, cy), (sr, sp, sy) = np.cos([roll, pitch, yaw]), np.sin([roll, pitch, yaw])
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


def _text(values: Sequence[float] | NDArray[np.float64]) -> str:
    return " ".join(f"{float(value):.9g}" for value in values)
