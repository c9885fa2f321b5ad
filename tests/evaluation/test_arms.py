"""An arm has settings for each suite, and those that tuning on validation tasks found."""

import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest

from metaagent_ros.evaluation.arms import ARMS, SUITES, Arm

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tuning(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The benchmark, which is not installed."""
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module("benchmarks.tuning")


def test_the_settings_of_a_suite_come_before_the_shared_ones():
    arm = Arm("told", "learn", "", {"rate": 1.0, "ratio": 0.3}, {"navigate": {"rate": 2.0}})
    assert arm.settings_for("navigate") == {"rate": 2.0, "ratio": 0.3}
    assert arm.settings_for("grasp") == {"rate": 1.0, "ratio": 0.3}


@pytest.mark.parametrize("suite", SUITES)
def test_every_arm_has_one_of_three_settings_that_were_tried(suite: str, tuning: ModuleType):
    tried = tuning.SETTINGS[suite]
    assert {name for name, arm in ARMS.items() if arm.settings_for(suite)} == set(tried)
    for name, settings in tried.items():
        assert len(settings) == 3 and ARMS[name].settings_for(suite) in settings
    assert all(set(arm.tuned) <= set(SUITES) for arm in ARMS.values())


def test_the_settings_of_the_base_are_those_that_tuning_found(tuning: ModuleType):
    found = json.loads((ROOT / "docs" / "results" / "navigate_tuning.json").read_text())
    for name, settings in tuning.SETTINGS["navigate"].items():
        assert [{key: line[key] for key in settings[0]} for line in found[name]["tried"]] == settings
        assert found[name]["best"] == ARMS[name].settings_for("navigate")
        assert found[name]["best"] == tuning.best("navigate", name, found[name]["tried"])


def test_the_best_has_the_most_success_and_a_tie_changes_nothing(tuning: ModuleType):
    def best(*successes: float) -> float:
        pairs = zip((1e-4, 3e-4, 1e-3), successes, strict=True)
        tries = [{"rate": rate, "success": [1.0, s], "return": [0.0, 9.0 * rate]} for rate, s in pairs]
        return tuning.best("grasp", "scratch", tries)["rate"]

    assert ARMS["scratch"].settings_for("grasp") == {"rate": 3e-4}
    assert best(0.5, 0.5, 0.5) == 3e-4
    assert best(0.6, 0.5, 0.5) == 1e-4
    assert best(0.5, 0.5, 0.6) == 1e-3
