import json
import math

import pytest

from sim_envs.spec import Hidden, ObjectRef, SpecError, Target, Task, TaskSpec

SPEC = TaskSpec(
    "pick_place", ObjectRef("red", "cube"), Target("object", color="blue"), "left_of", avoid=("person",)
)


@pytest.mark.parametrize(
    "spec",
    [
        SPEC,
        TaskSpec("navigate", target=Target("coordinate", x=1.0, y=-2.0), relation="at"),
        TaskSpec("grasp"),
    ],
)
def test_a_task_survives_json(spec: TaskSpec):
    task = Task("panda", spec, Hidden(mass=0.3, offset_x=-0.02), seed=7)
    assert Task.from_dict(json.loads(json.dumps(task.to_dict()))) == task


def test_errors_name_the_nearest_match():
    with pytest.raises(SpecError, match="'pick_place'"):
        TaskSpec("pick_plac")
    with pytest.raises(SpecError, match="'charger'"):
        Target("landmark", "chargr")


@pytest.mark.parametrize("value", [math.nan, math.inf, None, 1e9])
def test_coordinates_are_finite_and_near(value: float):
    with pytest.raises(SpecError):
        Target("coordinate", x=value, y=0.0)


def test_hidden_values_are_finite():
    with pytest.raises(SpecError, match="gain"):
        Hidden(gain=math.nan)
