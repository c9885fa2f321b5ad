"""Put a meaning into words: noun phrases, target phrases, clauses, in the language of the banks."""

from __future__ import annotations

import random
from dataclasses import dataclass

from metaagent_ros.instructions.generator.marks import Marked, fill
from metaagent_ros.instructions.generator.meanings import Meaning, draw_avoid, draw_ref, other_ref
from metaagent_ros.instructions.phrases import Phrases
from sim_envs.spec import DIRECTIONS, ObjectRef, Target, TaskSpec

_DIGITS = "zero one two three four five six seven eight nine ten".split()
_ZH_DIGITS = "零一二三四五六七八九十"
_ARTICLES = ("the ", "the ", "the ", "the ", "the ", "that ", "this ", "a ", "a ", "one ", "my ", "", "")
_ZH_ARTICLES = ("", "", "", "那个", "这个", "一个", "那块", "那只")
DESCRIBED = {
    "": 0.8, "correction": 0.05, "self_correction": 0.02, "description": 0.05, "contrast": 0.05,
    "description_plain": 0.03,
}  # fmt: skip
_COORDINATES = {
    "en": (
        "({x}, {y})", "x {x} y {y}", "x={x}, y={y}", "x = {x} and y = {y}", "{x} {y}", "[{x}, {y}]",
        "coordinates {x}, {y}", "position ({x}, {y})", "the point {x}, {y}", "{x}, {y}", "({x} {y})",
        "the position x={x} y={y}", "point ({x},{y})", "coordinate {x} and {y}", "x: {x}, y: {y}",
        "x equals {x} and y equals {y}", "the coordinates x {x}, y {y}", "the spot at {x}, {y}",
        "{x} / {y}", "x of {x} and y of {y}", "x={x} y={y}", "{x} by {y}", "the location ({x}, {y})",
        "x {x} m and y {y} m", "y = {y} and x = {x}", "y {y}, x {x}", "y={y}, x={x}", "{x} m, {y} m",
        "x at {x} and y at {y}", "x {x} metres, y {y} metres", "{x} in x and {y} in y",
        "{x} metres in x and {y} metres in y", "{x} along x and {y} along y", "{x} for x and {y} for y",
        "the point where x is {x} and y is {y}", "{x} m in x, {y} m in y",
        "{x} is the x and {y} the y", "{x} is the x, {y} is the y", "{x} being x and {y} y",
    ),
    "zh": (
        "({x}, {y})", "x {x} y {y}", "x={x}, y={y}", "坐标({x}, {y})", "坐标{x}, {y}", "({x},{y})",
        "x等于{x}，y等于{y}", "位置({x}, {y})", "x{x} y{y}", "x为{x}、y为{y}的位置", "点({x}, {y})",
        "x坐标{x}，y坐标{y}", "坐标({x}, {y})的位置", "x={x}，y={y}的地方", "坐标点({x}，{y})",
        "x {x} 米 y {y} 米", "横坐标{x}纵坐标{y}", "坐标x {x} y {y}", "x是{x}，y是{y}的地方",
        "y={y}，x={x}", "y等于{y}、x等于{x}的地方", "x方向{x}米、y方向{y}米的地方", "x轴{x}、y轴{y}的位置",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Speaker:
    """Says things in one language; every choice is drawn from ``rng``."""

    rng: random.Random
    phrases: Phrases

    @property
    def english(self) -> bool:
        """Whether words are divided by spaces."""
        return self.phrases.language == "en"

    def fill(self, bank: str, slot: str | None, **values: Marked) -> Marked:
        """A wording of the bank with its placeholders filled."""
        return fill(self.phrases.draw(self.rng, bank), slot, **values)

    def ref(self, ref: ObjectRef, prefix: str = "", bare: bool = False) -> Marked:
        """A noun phrase; ``prefix`` tells which slots it speaks for ("", "t_"; "avoid" for that slot)."""
        at = (lambda slot: "avoid") if prefix == "avoid" else (lambda slot: prefix + slot)
        word = self.phrases.word
        noun = (
            Marked.of(word(self.rng, "shape", ref.shape), at("shape"))
            if ref.shape
            else Marked.of(word(self.rng, "generic", "object"), None)
        )
        color = Marked.of(word(self.rng, "color", ref.color) if ref.color else "", at("color"))
        size = Marked.of(word(self.rng, "size", ref.size) if ref.size else "", at("size"))
        return self._english(noun, color, size, bare) if self.english else self._chinese(noun, color, size)

    def _english(self, noun: Marked, color: Marked, size: Marked, bare: bool) -> Marked:
        space = Marked.of(" ")
        draw = self.rng.random()
        if color.text and draw < 0.07:
            link = self.rng.choice((" that is ", " that's ", " in ", " which is ", ", the ", " - the "))
            tail = " one" if "the" in link else ""
            said = size + space + noun + Marked.of(link) + color + Marked.of(tail)
        elif size.text and color.text and draw < 0.12:
            said = color + space + size + space + noun
        else:
            said = size + space + color + space + noun
        said = said.tidy()
        article = "" if bare else self.rng.choice(_ARTICLES)
        if article == "a " and said.text[:1] in "aeiou":
            article = "an "
        return Marked.of(article) + said

    def _chinese(self, noun: Marked, color: Marked, size: Marked) -> Marked:
        said = color + size + noun if self.rng.random() < 0.5 else size + color + noun
        return Marked.of(self.rng.choice(_ZH_ARTICLES)) + said

    def target(self, target: Target) -> Marked:
        """The noun phrase of a place."""
        if target.kind == "object":
            return self.ref(target.object, "t_")
        if target.kind == "coordinate":
            return self._coordinate(target)
        name, word = str(target.name), self.phrases.word
        if target.kind == "bin":
            side, bin_ = word(self.rng, "side", name), word(self.rng, "bin", "bin")
            if not self.english:
                return Marked.of(f"{side}{bin_}", "target")
            draw = self.rng.random()
            if draw < 0.15:
                return Marked.of(f"the {bin_} on {self.rng.choice(('the', 'your', 'my'))} {name}", "target")
            return Marked.of(f"{'the ' if draw < 0.9 else ''}{side} {bin_}", "target")
        said = word(self.rng, target.kind, name)
        return Marked.of(f"the {said}" if self.english and self.rng.random() < 0.93 else said, "target")

    def _number(self, value: float) -> str:
        whole = abs(value)
        if whole == int(whole) and whole <= 10 and self.rng.random() < 0.15:
            said = (_DIGITS if self.english else _ZH_DIGITS)[int(whole)]
            minus = ("minus ", "negative ") if self.english else ("负",)
            return (self.rng.choice(minus) if value < 0 else "") + said
        if whole <= 10 and self.rng.random() < 0.07:
            return self._spelled(value)
        if self.rng.random() < 0.05:
            return f"{'minus ' if self.english else '负'}{whole:g}" if value < 0 else f"{value:g}"
        if self.rng.random() < 0.75 or value * 10 % 1:
            return f"{value:g}"
        return f"{value:.{self.rng.choice((1, 2))}f}"

    def _spelled(self, value: float) -> str:
        """Digit by digit: "minus three point two"."""
        whole, _, part = f"{abs(value):g}".partition(".")
        digits, space = (_DIGITS, " ") if self.english else (_ZH_DIGITS, "")
        said = digits[int(whole)]
        if part:
            said += (" point " if self.english else "点") + space.join(digits[int(d)] for d in part)
        minus = self.rng.choice(("minus ", "negative ")) if self.english else "负"
        return f"{minus}{said}" if value < 0 else said

    def _coordinate(self, target: Target) -> Marked:
        assert target.x is not None and target.y is not None
        form = self.rng.choice(_COORDINATES[self.phrases.language])
        x, y = (Marked.of(self._number(v), axis) for v, axis in ((target.x, "x"), (target.y, "y")))
        return fill(form, "target", x=x, y=y)

    def where(self, target: Target, said: str | None) -> Marked:
        """The target with the words of its relation."""
        if target.kind == "direction":
            return self.direction(target, pushed=False)
        bank = f"rel_{said}" if said else "rel_to" if self.english and self.rng.random() < 0.75 else "rel_at"
        right = self.fill(bank, "relation", p=self._corrected(target))
        if target.kind not in ("landmark", "room") or self.rng.random() > 0.03:
            return right
        wrong = self.fill(
            bank, None, p=Marked.of(self._another(target))
        )  # "to the lab, sorry, to the office"
        return self.fill("correction", None, o=right, d=Marked.of(wrong.text))

    def object(self, meaning: Meaning) -> Marked:
        """The object acted on, with a correction or a description of where it lies now and then."""
        ref = meaning.step.object
        assert ref is not None
        if meaning.again:
            it = self.rng.choice(("it", "it", "it", "that one", "the same one", "that"))
            return Marked.of(it if self.english else self.rng.choice(("它", "它", "那个", "同一个")))
        return self.described(self.ref(ref), ref)

    def described(self, said: Marked, ref: ObjectRef) -> Marked:
        """The noun phrase, now and then with a correction or a description of where it lies."""
        bank = self.rng.choices(tuple(DESCRIBED), tuple(DESCRIBED.values()))[0]
        if bank not in self.phrases.banks:
            return said
        return self.fill(bank, None, o=said, d=self.bystander(ref))

    def bystander(self, ref: ObjectRef) -> Marked:
        """A noun phrase of something else, which speaks for no slot."""
        said = self.ref(other_ref(self.rng, ref))
        return Marked.of(said.text)

    def clause(self, meaning: Meaning) -> Marked:
        """The step in words, without speed, force and avoid."""
        step, said = meaning.step, meaning.said
        if step.skill == "grasp":
            return self.fill("grasp", "skill", o=self.object(meaning))
        target = step.target
        assert target is not None
        if step.skill == "stack":
            return self.fill("stack", "skill", o=self.object(meaning), p=self.target(target))
        if step.skill == "follow":
            if target.kind == "object" and self.rng.random() < 0.7:
                return self.fill(
                    "follow_object", "skill", p=self.described(self.target(target), target.object)
                )
            hall = target.name == "corridor" and self.rng.random() < 0.2  # what is followed is the corridor
            words = self.target(Target("room", "hallway") if hall else target)
            return self.fill("follow", "skill", p=words)
        if step.skill == "reach":
            return self._reach(target, said)
        if step.skill == "navigate":
            return self._navigate(target, said)
        if step.skill == "push":
            return self._push(meaning, target)
        if not self.english and said == "in" and self.rng.random() < 0.4:
            return self.fill("place_in", "skill", o=self.object(meaning), p=self.target(target))
        return self.fill("place", "skill", o=self.object(meaning), t=self.where(target, said))

    def short(self, meaning: Meaning) -> Marked:
        """The step without its verb, which the clause before it has: "and the ball in the right bin"."""
        target = meaning.step.target
        assert target is not None
        if meaning.step.skill == "reach":
            return self.target(target)
        where = self.where(target, meaning.said or "to")
        if meaning.step.skill == "navigate":
            return where
        return self.object(meaning) + Marked.of(" ") + where

    def _push(self, meaning: Meaning, target: Target) -> Marked:
        thing, toward = self.object(meaning), target.kind == "direction"
        if self.english:
            if not toward:
                to = "rel_to" if meaning.said is None else f"rel_{meaning.said}"
                return self.fill("push", "skill", o=thing, t=self.fill(to, "relation", p=self.target(target)))
            where = self.direction(target, pushed=True)
            bank = self.rng.choices(("push", "push_direction", "move"), (0.65, 0.2, 0.15))[0]
            return self.fill(bank, "skill", o=thing, t=where)
        if toward and self.rng.random() < 0.4:
            return self.fill(f"push_{target.name}", "skill", o=thing)
        bank = "push_dir" if toward else "push_to"
        return self.fill(bank, "skill", o=thing, t=self.where(target, meaning.said))

    def direction(self, target: Target, pushed: bool) -> Marked:
        """Words of a direction; what is pushed may also go away from the robot or towards it."""
        toward = f"dir_{target.name}_push"
        known = pushed and toward in self.phrases.banks
        said = self.fill(toward if known and self.rng.random() < 0.3 else f"dir_{target.name}", "target")
        if self.rng.random() > 0.03:
            return said
        wrong = self.rng.choice([name for name in DIRECTIONS if name != target.name])
        other = self.phrases.draw(self.rng, f"dir_{wrong}")
        return self.fill("correction", None, o=said, d=Marked.of(other))

    def _reach(self, target: Target, said: str | None) -> Marked:
        place = self.target(target)
        if target.kind == "object":
            place = self.described(place, target.object)
        return self.fill("reach_above" if said == "above" else "reach", "skill", p=place)

    def _navigate(self, target: Target, said: str | None) -> Marked:
        if target.kind == "direction":
            if not self.english and self.rng.random() < 0.35:
                return self.fill(f"go_{target.name}", "skill")
            return self.fill("go_direction", "skill", t=self.direction(target, pushed=False))
        if not self.english and said == "in" and self.rng.random() < 0.5:
            return self.fill("go_in", "skill", p=self.target(target))
        if self.english and said is None and self.rng.random() < 0.45:
            return self.fill("visit", "skill", p=self._corrected(target))
        if said is None and self.rng.random() < 0.1:
            to = "rel_to" if self.english else "rel_at"
            return self.fill("go", "skill", t=self.fill(to, "relation", p=self._corrected(target)))
        return self.fill("go", "skill", t=self.where(target, said))

    def _corrected(self, target: Target) -> Marked:
        said = self.target(target)
        if target.kind not in ("landmark", "room") or self.rng.random() > 0.08:
            return said
        bank = self.rng.choice(("correction", "self_correction"))
        return self.fill(bank, None, o=said, d=Marked.of(self._another(target)))

    def _another(self, target: Target) -> str:
        """A landmark or room that is not meant."""
        others = [v for (slot, v) in self.phrases.words if slot == target.kind and v != target.name]
        wrong = self.phrases.word(self.rng, target.kind, self.rng.choice(others))
        return f"the {wrong}" if self.english else wrong

    def avoid(self, step: TaskSpec) -> tuple[Marked, tuple[str, ...]]:
        """The words of what to avoid, and what it is."""
        said = Marked.of("")
        items = draw_avoid(self.rng, step)
        for i, item in enumerate(items):
            links = (" and ", " or ", ", ") if self.english else ("和", "、", "跟")
            link = "" if i == 0 else self.rng.choice(links)
            words = self.ref(item, "avoid") if isinstance(item, ObjectRef) else self._thing(item)
            said = said + Marked.of(link) + words
        return self.fill("avoid", "avoid", p=said), tuple(sorted(str(item) for item in items))

    def _thing(self, item: str) -> Marked:
        word = self.phrases.word(self.rng, "avoid", item)
        bare = not self.english or word.startswith("any") or word in ("people", "someone", "somebody")
        many = word.endswith("s") and self.rng.random() < 0.5
        return Marked.of(word if bare or many else f"the {word}", "avoid")

    def any_object(self) -> Marked:
        """A noun phrase that speaks for no slot."""
        return Marked.of(self.ref(draw_ref(self.rng)).text)
