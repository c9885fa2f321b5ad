"""A session learns within its budget, gives back what is worse, and ends in bounded time with the cause."""

import dataclasses

import numpy as np
import pytest
from session_peers import Clock, FakeRobot, Halfway, belief, episode, policy

from metaagent_ros.control.episode import EpisodeError
from metaagent_ros.control.execution import Stopped
from metaagent_ros.control.reports import PolicyReport
from metaagent_ros.control.session import STAGES, Attempt, Session, SessionBudget


def session(robot, budget=None, adapter=None, start=0.0, **more):
    adapter = adapter or Halfway(robot.truth)
    return Session(robot, adapter, policy(start), budget or SessionBudget(), clock=robot.clock, **more)


def test_it_learns_until_three_successes_in_a_row():
    robot, told = FakeRobot(), []
    result = session(robot, tell=lambda *said: told.append(said)).run()
    assert result.status == "done" and "3 successes" in result.message
    assert [a.success for a in result.curve] == [False, False, False, True, True, True]
    assert robot.acted == pytest.approx([0.0, 0.4, 0.6, 0.7, 0.7, 0.7])
    assert (result.version, result.before, result.after) == (3, 0.0, 1.0)
    assert belief(result.policy) == pytest.approx(0.7) and result.policy.card["adapted"] == 3
    assert robot.calls == ["restore", "run", "judge"] * 6
    assert {stage for stage, _, _ in told} == set(STAGES) - {"parse"}
    heard = list(dict.fromkeys(last for _, _, last in told))
    assert heard == [Attempt(), *result.curve]  # the curve after each trial, as it grew
    assert [a.seconds for a in result.curve] == pytest.approx([3.0 * n for n in range(1, 7)])


def test_a_start_that_never_fails_is_kept_and_costs_three_trials():
    robot = FakeRobot(truth=0.0)
    result = session(robot).run()
    assert result.status == "done" and result.version == 0 and len(robot.acted) == 3
    assert "adapted" not in result.policy.card


def test_all_episodes_teach_successful_ones_too():
    adapter = Halfway()
    result = session(FakeRobot(), adapter=adapter).run()
    assert [e.run_id for e in adapter.episodes] == [f"r{n}" for n in range(1, len(result.curve) + 1)]


def test_a_worse_policy_is_rolled_back():
    robot = FakeRobot(truth=0.0, forced={1: True, 2: False, 3: False})
    adapter = Halfway(truth=0.8)  # misled: what it proposes is worse
    result = session(robot, SessionBudget(trials=6), adapter).run()
    assert robot.acted == pytest.approx([0.0, 0.0, 0.6, 0.0, 0.0, 0.0])
    assert [a.rolled_back for a in result.curve] == [False, False, True, False, False, False]
    assert result.version == 0 and belief(result.policy) == 0.0
    assert result.before == result.after == pytest.approx(4 / 5)


def test_nothing_better_within_the_trials_is_not_better_and_gives_the_start_back():
    robot = FakeRobot(forced=dict.fromkeys(range(1, 5), False))
    result = session(robot, SessionBudget(trials=4)).run()
    assert result.status == "not_better" and result.version == 0 and belief(result.policy) == 0.0
    assert len(result.curve) == 4 and "4 trials" in result.message


@pytest.mark.parametrize("seconds", [0.5, 1.5, 2.5, 7.2])  # in restore, run and judge of the first, and later
def test_the_time_is_kept_within_a_second_wherever_it_ends(seconds):
    robot = FakeRobot()
    result = session(robot, SessionBudget(seconds=seconds)).run()
    assert robot.clock.now - 100.0 <= seconds + 1.0 and robot.at_rest
    assert result.status == "not_better" and f"{seconds:g} s are spent" in result.message
    assert len(result.curve) == int(seconds / 3.0)  # a trial cut off is none


@pytest.mark.parametrize("after", [0.35, 1.45, 2.55, 4.35])
def test_cancelling_ends_it_within_a_second_and_keeps_what_was_found(after):
    robot = FakeRobot()
    result = session(robot, cancelled=lambda: robot.clock.now - 100.0 >= after).run()
    assert robot.clock.now - 100.0 <= after + 1.0 and robot.at_rest
    assert result.status == "cancelled" and len(result.curve) == int(after / 3.0)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (PolicyReport("r2", "fault", 9, "guard: e-stop"), "guard: e-stop"),
        (PolicyReport("r2", "stopped", 9, "stopped on request"), "stopped"),
        (PolicyReport("r2", "timeout", 0, "the start pose was not reached"), "start pose"),
    ],
)
def test_a_run_that_is_no_trial_ends_the_session_with_its_cause(report, words):
    robot = FakeRobot(faults={2: report})
    result = session(robot).run()
    assert result.status == "failed" and words in result.message
    assert len(result.curve) == 1 and len(robot.acted) == 2


@pytest.mark.parametrize("where", ["restore", "run", "judge"])
def test_what_stops_a_stage_stops_the_session_and_what_was_learned_is_kept(where):
    robot = FakeRobot(stop_at={where: Stopped("failed", f"{where} is broken")})
    result = session(robot).run()
    assert (result.status, result.message) == ("failed", f"{where} is broken")
    assert result.curve == () and belief(result.policy) == 0.0


def test_a_timeout_with_ticks_is_a_trial():
    robot = FakeRobot(faults={1: PolicyReport("r1", "timeout", 200, "not done within 8 s")})
    result = session(robot).run()
    assert result.status == "done" and result.curve[0].outcome == "timeout: not done within 8 s"


def test_without_an_episode_there_is_nothing_to_learn_from():
    result = session(FakeRobot(silent=True)).run()
    assert result.status == "failed" and "did not say" in result.message


def test_an_episode_that_does_not_fit_ends_it():
    class Picky(Halfway):
        def add(self, seen):
            raise EpisodeError("run r1: 3 numbers a tick; the policy takes 33")

    result = session(FakeRobot(), adapter=Picky()).run()
    assert result.status == "failed" and "33" in result.message


@pytest.mark.parametrize(
    "wrong", [{"trials": 0}, {"seconds": 0.0}, {"seconds": float("nan")}, {"confirm": 0}]
)
def test_a_budget_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="allowed"):
        SessionBudget(**wrong)


def test_episodes_keep_only_true_transitions():
    whole = episode(1)
    assert len(list(whole.transitions())) == 4
    stamps = (0, 40_000_000, 120_000_000, 160_000_000, 10)  # a tick missed, then time jumped back
    assert len(list(dataclasses.replace(whole, stamps=stamps).transitions())) == 2
    for change in ({"stamps": stamps[:3]}, {"actions": np.full((5, 2), np.nan, np.float32)}, {"period": 0.0}):
        with pytest.raises(EpisodeError):
            dataclasses.replace(whole, **change)


def test_time_is_measured_from_the_start_of_the_session():
    clock = Clock()
    robot = FakeRobot(clock=clock)
    clock.now = 1e6
    assert session(robot, SessionBudget(trials=1)).run().curve[0].seconds == pytest.approx(3.0)
