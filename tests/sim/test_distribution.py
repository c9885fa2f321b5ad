import dataclasses
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sim_envs import ROBOT_TASKS
from sim_envs.distribution import (
    FOLDER,
    Manifest,
    ManifestError,
    TaskDistribution,
    begin,
    load_manifest,
    pins,
    play,
    redrawn,
    shipped,
)
from sim_envs.spec import SKILLS, Hidden, ObjectRef, SpecError, Target, Task, TaskSpec
from sim_envs.splits import SPLITS, UNSEEN_TASKS, held_out, situation_of, split_of, traits_of, unseen_hidden
from sim_envs.tasks import family
from sim_envs.wordings import TEMPLATES, instruction, language

ROBOTS = tuple(ROBOT_TASKS)
MEANS = {
    "cube": ("cube", "box", "block", "brick"), "sphere": ("sphere", "ball", "orb"),
    "cylinder": ("cylinder", "can", "tin", "tube"), "small": ("small", "little", "tiny"),
    "medium": ("medium", "mid-sized"), "large": ("large", "big", "huge"),
    "slow": ("slow", "unhurried", "rushing"), "fast": ("quick", "fast", "rapid", "swift", "top speed"),
    "gentle": ("gent", "soft", "care", "delicate", "light touch"), "firm": ("firm", "strong", "force"),
    "charger": ("charger", "charging", "dock"), "door": ("door", "entrance"), "person": ("person", "human"),
    "corridor": ("corridor", "passage"), "left": ("left",), "right": ("right",),
    "forward": ("forward", "ahead", "straight"), "backward": ("back", "reverse"), "lab": ("lab",),
    "storage": ("storage", "store"), "office": ("office", "bureau"), "hallway": ("hall",),
}  # fmt: skip


def test_splits_are_disjoint_on_samples():
    """Each task is in its own split and in no other; between them all pairs of robot and task come."""
    pairs = set()
    for number, split in enumerate(SPLITS):
        tasks = TaskDistribution(split).sample(18, np.random.default_rng(number))
        assert {split_of(task) for task in tasks} == {split}
        pairs |= {(task.robot, task.name) for task in tasks}
    assert pairs == {(robot, name) for robot in ROBOTS for name in ROBOT_TASKS[robot]}


@pytest.mark.parametrize("split", list(SPLITS))
def test_a_split_differs_from_training_in_one_respect(split: str):
    for task in shipped(split).tasks:
        unseen = [name for name, value in dataclasses.asdict(traits_of(task)).items() if value]
        assert unseen == ([SPLITS[split]] if SPLITS[split] else [])
        objects = [item for item in situation_of(task).scene.items if item.kind == "object"]
        assert split == "T3" or not any(held_out(item) for item in objects)
        assert (task.name in UNSEEN_TASKS) == (split == "T5")


def test_a_task_that_is_unseen_twice_is_in_no_split():
    task = TaskDistribution("T2").sample(1, np.random.default_rng(0))[0]
    said = instruction(task.spec, np.random.default_rng(0), held_out=True)
    assert split_of(dataclasses.replace(task, instruction=said)) is None
    assert split_of(dataclasses.replace(task, hidden=Hidden(wheel_bias=9.0))) is None
    assert split_of(dataclasses.replace(task, instruction="do it")) is None
    with pytest.raises(SpecError, match="gives"):
        split_of(dataclasses.replace(task, spec=TaskSpec("grasp", ObjectRef("red"))))


@pytest.mark.parametrize("robot", ROBOTS)
def test_the_held_out_dynamics_are_a_quarter(robot: str):
    kin, rng = family(robot), np.random.default_rng(1)
    draws = [unseen_hidden(kin.sample_hidden(rng), kin.module.HIDDEN_RANGES) for _ in range(4000)]
    assert None not in draws
    assert np.mean(np.array(draws, dtype=float)) == pytest.approx(0.25, abs=0.03)


def test_a_draw_is_determined_by_its_seed_and_balanced():
    distribution = TaskDistribution("T0", robots=("panda",))
    first, second = (distribution.sample(12, np.random.default_rng(3)) for _ in range(2))
    assert first == second
    assert len(set(first)) == 12
    assert sorted(task.name for task in first) == sorted(["grasp", "pick_place", "push", "reach"] * 3)
    assert all(type(task.seed) is int for task in first)


def test_json_round_trips(tmp_path: Path):
    distribution = TaskDistribution("T3", ("panda",), ("push", "grasp"))
    assert TaskDistribution.from_json(distribution.to_json()) == distribution
    manifest = Manifest("T3", distribution.sample(3, np.random.default_rng(0)))
    manifest.write(tmp_path / "m.json")
    assert load_manifest(tmp_path / "m.json") == manifest
    assert [path.name for path in tmp_path.iterdir()] == ["m.json"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("T9",), "split"), (("T0", ("pandda",)), "'panda'"), (("T0", ("panda",), ("pusch",)), "'push'"),
     (("T0", ("panda",), ("stack",)), "no task"), (("T0", ("panda",), ("navigate",)), "no task")],
)  # fmt: skip
def test_a_distribution_names_what_is_wrong(arguments, words: str):
    with pytest.raises(SpecError, match=words):
        TaskDistribution(*arguments)


def test_tampering_is_detected_and_named(tmp_path: Path):
    path = tmp_path / "T2.json"
    data = json.loads((FOLDER / "T2.json").read_text())

    def load(change) -> str:
        edited = json.loads(json.dumps(data))
        change(edited)
        path.write_text(json.dumps(edited))
        with pytest.raises(ManifestError) as error:
            load_manifest(path)
        assert str(path) in str(error.value)
        return str(error.value)

    def resealed(change):
        def both(edited) -> None:
            change(edited["tasks"][6])
            canonical = json.dumps(edited["tasks"], sort_keys=True, separators=(",", ":"))
            edited["sha256"] = hashlib.sha256(canonical.encode()).hexdigest()

        return both

    assert "hash" in load(lambda m: m["tasks"][6].update(seed=1))
    assert "hash" in load(lambda m: m.update(tasks=3))
    assert "task 7" in load(resealed(lambda task: task.update(seed=1)))
    assert "task 7" in load(resealed(lambda task: task.update(seed=-1)))
    assert "task 7" in load(resealed(lambda task: task.update(robot="pandda")))
    assert "task 7" in load(resealed(lambda task: task.update(more=1)))
    assert "no split" in load(resealed(lambda task: task.update(instruction="do it")))
    assert "task 1 is in T2" in load(lambda m: m.update(split="T1"))
    assert "format" in load(lambda m: m.update(format=2))
    assert "not a manifest" in load(lambda m: m.clear())
    path.write_text("{")
    with pytest.raises(ManifestError, match="not a manifest"):
        load_manifest(path)


@pytest.mark.parametrize("split", list(SPLITS))
def test_the_committed_manifests_come_out_again_with_their_pinned_hashes(split: str):
    """If this fails on purpose: ``python -m sim_envs.distribution --write``."""
    written = (FOLDER / f"{split}.json").read_bytes()
    assert hashlib.sha256(written).hexdigest() == pins()[f"{split}.json"]
    assert redrawn(split).to_json().encode() == written


def digests(numbers: tuple[int, ...], split: str = "T2") -> list[str]:
    """Of all observations of tasks of a manifest, with the expert acting."""
    out = []
    for number in numbers:
        task = shipped(split).tasks[number]
        env = play(task)
        digest = hashlib.sha256(begin(env, task).tobytes())
        for _ in range(60):
            observation, reward, terminated, truncated, _ = env.step(env.expert())
            digest.update(observation.tobytes() + str(reward).encode())
            if terminated or truncated:
                break
        env.close()
        out.append(digest.hexdigest())
    return out


def test_a_manifest_replays_bit_for_bit_in_another_process():
    numbers = (0, 1, 2, 3)
    code = f"import test_distribution as t; print(t.digests({numbers}))"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=100
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == str(digests(numbers))


def specs() -> list[TaskSpec]:
    """What the catalogue draws, and what only sentences of people say."""
    drawn = [
        task.spec
        for split in ("T0", "T5")
        for task in TaskDistribution(split).sample(40, np.random.default_rng(9))
    ]
    cube = ObjectRef("red", "cube")
    return [
        *drawn,
        TaskSpec(
            "navigate", target=Target("room", "storage"), relation="at", speed="slow", avoid=("person",)
        ),
        TaskSpec(
            "navigate", target=Target("landmark", "charger"), relation="next_to", avoid=("chair", "wall")
        ),
        TaskSpec("navigate", target=Target("direction", "backward"), speed="fast"),
        TaskSpec("navigate", target=Target("coordinate", x=1.25, y=-2.0)),
        TaskSpec("follow", target=Target("landmark", "corridor"), speed="slow", avoid=("table",)),
        TaskSpec("pick_place", cube, Target("object", color="blue"), "left_of", force="gentle"),
        TaskSpec("push", ObjectRef(size="large"), Target("bin", "left"), "next_to", avoid=("green object",)),
    ]


@pytest.mark.parametrize("held", [False, True])
def test_every_instruction_says_what_its_specification_says(held: bool):
    rng = np.random.default_rng(5)
    for spec in specs():
        for _ in range(3):
            said = instruction(spec, rng, held)
            assert language(spec, said) == ("held_out" if held else "train")
            assert said[0].isupper() and "  " not in said and not set(said) & set("{}[]|")
            for value in values(spec):
                assert any(word in said.lower() for word in MEANS.get(value, (value,))), (value, said)


def values(spec: TaskSpec) -> list[str]:
    """Everything that the specification says, in words of the vocabulary."""
    refs = [spec.object] if spec.object else []
    out = [word for item in spec.avoid for word in item.split()]
    if spec.target is not None and spec.target.kind == "object":
        refs.append(spec.target.object)
    elif spec.target is not None and spec.target.kind == "coordinate":
        out += [f"{spec.target.x:g}", f"{spec.target.y:g}"]
    elif spec.target is not None:
        out += str(spec.target.name).split()
    out += [word for ref in refs for word in (ref.color, ref.shape, ref.size) if word]
    out += [word for word in (spec.speed, spec.force) if word != "normal"]
    return [word for word in out if word != "object"]


def test_there_are_many_wordings_and_none_is_of_both_languages():
    assert set(TEMPLATES) == set(SKILLS)
    for train, kept in TEMPLATES.values():
        assert len(train) >= 8 and len(kept) >= 4 and not set(train) & set(kept)
    spec, rng = TaskSpec("grasp", ObjectRef("red", "cube", "small"), speed="slow"), np.random.default_rng(0)
    assert len({instruction(spec, rng) for _ in range(300)}) > 200
    other = TaskSpec("grasp", ObjectRef("red", "cube", "large"), speed="slow")
    assert language(other, instruction(spec, rng)) is None


def test_an_instruction_is_never_without_a_target():
    with pytest.raises(SpecError, match="without a target"):
        instruction(TaskSpec("push", ObjectRef("red")), np.random.default_rng(0))


def test_a_task_without_a_name_cannot_be_played():
    with pytest.raises(SpecError, match="task"):
        situation_of(Task("panda", TaskSpec("grasp")))
