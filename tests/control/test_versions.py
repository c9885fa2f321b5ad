"""Which version acts next and which one is kept: each case worked out by hand from the rule."""

import pytest

from metaagent_ros.control.versions import Versions
from metaagent_ros.policies.files import PolicyFile


def file(number: int) -> PolicyFile:
    return PolicyFile({}, {"number": number})


def played(text: str) -> tuple[Versions, list[int], list[int]]:
    """Play successes (+) and failures (-); the versions that acted and the trials that rolled one back."""
    versions, acted, back = Versions(file(0)), [], []
    for trial, sign in enumerate(text):
        acted.append(versions.current)
        if versions.record(sign == "+"):
            back.append(trial)
        elif sign == "-":
            versions.propose(file(len(versions.tallies)))
    return versions, acted, back


@pytest.mark.parametrize(
    ("text", "acted", "back", "best", "improved"),
    [
        ("+++", [0, 0, 0], [], 0, True),  # what works is left alone
        ("-+++", [0, 1, 1, 1], [], 1, True),
        ("---", [0, 1, 2], [], 0, False),  # 1/3 each: of equals the earlier
        ("+--", [0, 0, 1], [2], 0, False),  # 1/2 against 1/3: version 1 is worse, the start acts again
        ("+---", [0, 0, 1, 0], [2], 0, False),
        ("-++--", [0, 1, 1, 1, 2], [4], 1, True),  # 3/5 against 1/3
        ("-++-++", [0, 1, 1, 1, 2, 2], [], 2, True),  # 3/5 against 3/4: the new one is kept
        ("-+-+", [0, 1, 1, 2], [], 2, True),  # 1/2 against 2/3
        ("-+--+", [0, 1, 1, 2, 1], [3], 1, True),  # rolled back, and the one before goes on: 3/5
    ],
)
def test_the_rule(text, acted, back, best, improved):
    versions, who, when = played(text)
    assert (who, when) == (acted, back)
    assert (versions.best, versions.improved) == (best, improved)


def test_a_version_that_was_rolled_back_never_acts_again():
    versions, acted, back = played("-++-" + "-+" * 6)
    for trial in back:
        assert acted[trial] not in acted[trial + 1 :]
    assert len(back) > 1 and versions.best not in {acted[trial] for trial in back}


def test_nothing_tried_keeps_the_start():
    versions = Versions(file(0))
    assert versions.best == 0 and not versions.improved and versions.policy.card["number"] == 0
    assert versions.failed == ()


def test_one_lucky_trial_does_not_outweigh_three_good_ones():
    versions, _, _ = played("+++-+")  # 4/6 of the start against 2/3 of one lucky trial
    assert versions.best == 0 and versions.current == 1
    assert [f.card["number"] for f in versions.failed] == [0]
