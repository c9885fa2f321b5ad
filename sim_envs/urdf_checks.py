"""What a robot description must fulfil before anything is built from it.

Every function here raises :class:`DescriptionError` with the cause alone; :func:`sim_envs.description.read`
puts the file's name before it.
"""

from __future__ import annotations

import difflib
import math
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Collection, Iterator

import numpy as np

JOINT_TYPES = ("revolute", "continuous", "prismatic", "fixed", "floating", "planar")
SHAPES = ("box", "cylinder", "sphere", "capsule", "mesh")
MAX_LINKS = 64  # Bullet refuses a chain of more than 67, without a word why
_ROUNDING = 1e-3  # relative: inertias are written with three or four digits
_LENGTHS = {"xyz": 3, "rpy": 3, "size": 3, "scale": 3, "rgba": 4}
_SCALARS = (
    "value", "ixx", "ixy", "ixz", "iyy", "iyz", "izz", "radius", "length", "lower", "upper", "effort",
    "velocity", "damping", "friction", "multiplier", "offset", "k_position", "k_velocity",
    "soft_lower_limit", "soft_upper_limit",
)  # fmt: skip
_COUNTS = {**_LENGTHS, **dict.fromkeys(_SCALARS, 1)}
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)  # float() also takes 1_0 and nan


class DescriptionError(ValueError):
    """A robot description that cannot be used; the message names the file and the cause."""


def nearest(given: str, allowed: Collection[str]) -> str:
    """A sentence that names the nearest allowed word, or nothing."""
    near = difflib.get_close_matches(given, allowed, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def numbers(element: ET.Element, attribute: str, default: str) -> list[float]:
    """The finite numbers of an attribute, as many as it must have."""
    text, count = element.get(attribute, default), _COUNTS[attribute]
    values = []
    for word in text.split():
        if not (_NUMBER.fullmatch(word) and math.isfinite(float(word))):
            raise DescriptionError(f"<{element.tag} {attribute}={text!r}>: {word!r} is not a finite number")
        values.append(float(word))
    if len(values) != count:
        raise DescriptionError(
            f"<{element.tag} {attribute}={text!r}> has {len(values)} numbers; it needs {count}"
        )
    return values


def check(root: ET.Element, massless: bool = False) -> None:
    """Check structure, numbers, joints, inertias and shapes; ``massless`` allows links of mass 0."""
    if root.tag != "robot":
        raise DescriptionError(f"the root element is <{root.tag}>; it must be <robot>")
    links, joints = root.findall("link"), root.findall("joint")
    _check_names("link", links)
    _check_names("joint", joints)
    if len(links) > MAX_LINKS:
        raise DescriptionError(f"it has {len(links)} links; allowed: {MAX_LINKS}")
    for what in ("link", "joint", "material"):
        for element in root.findall(what):
            with_place(element, _check_numbers)
    for joint in joints:
        with_place(joint, _check_joint)
    _check_mimics(joints)
    check_tree(root)
    for link in links:
        with_place(link, _check_massless if massless else _check_inertia)
        with_place(link, _check_shapes)


def with_place(element: ET.Element, checker: Callable[[ET.Element], None]) -> None:
    """Run ``checker(element)`` and put the element's kind and name before its complaint."""
    try:
        checker(element)
    except DescriptionError as error:
        raise DescriptionError(f"{element.tag} {element.get('name')!r}: {error}") from None


def check_tree(root: ET.Element) -> None:
    """Check that the joints make one tree of the links."""
    links = {link.get("name", "") for link in root.findall("link")}
    parents: dict[str, str] = {}
    for joint in root.findall("joint"):
        parent, child = (_end(joint, end, links) for end in ("parent", "child"))
        if child in parents:
            raise DescriptionError(f"link {child!r} has two parents: {parents[child]!r} and {parent!r}")
        parents[child] = parent
    for link in sorted(links):
        if link in set(_ancestors(link, parents)):
            raise DescriptionError(f"link {link!r} is part of a cycle of joints")
    roots = sorted(links - set(parents))
    if len(roots) != 1:
        raise DescriptionError(
            f"it has {len(roots)} root links ({', '.join(roots[:4])}); it needs exactly one"
        )


def root_link(root: ET.Element) -> str:
    """The name of the link that no joint has as its child."""
    children = {child.get("link") for child in root.findall("joint/child")}
    return next(name for link in root.findall("link") if (name := link.get("name", "")) not in children)


def _check_names(what: str, elements: list[ET.Element]) -> None:
    names = Counter((element.get("name") or "").strip() for element in elements)
    if names[""]:
        raise DescriptionError(f"{names['']} {what}(s) without a name")
    for name, times in names.items():
        if times > 1:
            raise DescriptionError(f"{what} {name!r} stands there {times} times; names must differ")
    if what == "link" and not names:
        raise DescriptionError("it has no link")


def _check_numbers(element: ET.Element) -> None:
    for part in element.iter():
        for attribute in _COUNTS.keys() & part.keys():
            numbers(part, attribute, "")


def _end(joint: ET.Element, end: str, links: set[str]) -> str:
    element, name = joint.find(end), joint.get("name")
    link = "" if element is None else element.get("link", "")
    if link not in links:
        raise DescriptionError(f"joint {name!r}: {end} is {link!r}, which is no link.{nearest(link, links)}")
    return link


def _ancestors(link: str, parents: dict[str, str]) -> Iterator[str]:
    seen: set[str] = set()
    while link in parents and link not in seen:
        seen.add(link)
        link = parents[link]
        yield link


def _check_joint(joint: ET.Element) -> None:
    kind, limit, axis = joint.get("type", ""), joint.find("limit"), joint.find("axis")
    if kind not in JOINT_TYPES:
        raise DescriptionError(
            f"type is {kind!r}; allowed: {', '.join(JOINT_TYPES)}.{nearest(kind, JOINT_TYPES)}"
        )
    if kind not in ("fixed", "floating") and axis is not None and not any(numbers(axis, "xyz", "1 0 0")):
        raise DescriptionError("the axis is zero")
    if kind in ("revolute", "prismatic") and limit is None:
        raise DescriptionError(f"a {kind} joint needs a <limit>")
    if limit is None:
        return
    lower, upper, effort, velocity = (
        numbers(limit, name, "0")[0] for name in ("lower", "upper", "effort", "velocity")
    )
    if lower > upper:
        raise DescriptionError(f"lower limit {lower:g} is above upper limit {upper:g}")
    for what, value in (("effort", effort), ("velocity", velocity)):
        if value < 0:
            raise DescriptionError(f"{what} is {value:g}; it must not be negative")


def _check_mimics(joints: list[ET.Element]) -> None:
    names = {joint.get("name", "") for joint in joints}
    for joint in joints:
        mimic = joint.find("mimic")
        if mimic is not None and (other := mimic.get("joint", "")) not in names:
            raise DescriptionError(
                f"joint {joint.get('name')!r} mimics {other!r}, which is no joint.{nearest(other, names)}"
            )


def _check_massless(link: ET.Element) -> None:
    mass = link.find("inertial/mass")
    if mass is None or numbers(mass, "value", "0") != [0.0]:
        _check_inertia(link)


def _check_inertia(link: ET.Element) -> None:
    inertial = link.find("inertial")
    if inertial is None:
        return
    mass, inertia = inertial.find("mass"), inertial.find("inertia")
    if mass is None or inertia is None:
        raise DescriptionError("<inertial> needs both <mass> and <inertia>")
    value = numbers(mass, "value", "0")[0]
    if value <= 0:
        raise DescriptionError(f"mass is {value:g}; it must be above 0")
    xx, yy, zz, xy, xz, yz = (
        numbers(inertia, name, "0")[0] for name in ("ixx", "iyy", "izz", "ixy", "ixz", "iyz")
    )
    low, middle, high = np.linalg.eigvalsh(np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]))
    if low <= 0:
        raise DescriptionError(f"the inertia is not positive definite (smallest principal moment {low:.3g})")
    if low + middle < high * (1 - _ROUNDING):
        raise DescriptionError(
            f"no body has this inertia: principal moments {low:.3g} + {middle:.3g} < {high:.3g}"
        )


def _check_shapes(link: ET.Element) -> None:
    for geometry in link.iter("geometry"):
        if len(geometry) != 1:
            raise DescriptionError(f"<geometry> holds {len(geometry)} shapes; it needs exactly one")
        shape = geometry[0]
        if shape.tag not in SHAPES:
            raise DescriptionError(
                f"shape is <{shape.tag}>; allowed: {', '.join(SHAPES)}.{nearest(shape.tag, SHAPES)}"
            )
        if shape.tag != "mesh":
            needed = {"box": ("size",), "sphere": ("radius",)}.get(shape.tag, ("radius", "length"))
            if min(value for name in needed for value in numbers(shape, name, "")) <= 0:
                raise DescriptionError(f"<{shape.tag}> has a size that is not above 0")
