"""A goal that gets no answer in time is sent once more, and only one of the two counts."""

from types import SimpleNamespace

import pytest

from metaagent_ros.nodes.client import Client, DiscoveryError

pytestmark = pytest.mark.ros


class Sent:
    """A goal on its way; ``handle`` is None as long as no answer has come."""

    def __init__(self, accepted: bool | None) -> None:
        self.handle = None if accepted is None else SimpleNamespace(accepted=accepted, of=self)

    def done(self) -> bool:
        return self.handle is not None

    def result(self):
        return self.handle


class Wire:
    """Stands in for a client: the answers to its goals, as they are when each has been waited for."""

    def __init__(self, *goals: Sent, late: bool = False) -> None:
        self.left, self.asked, self.late = list(goals), [], late
        self._action = SimpleNamespace(send_goal_async=lambda goal, tell: self.left.pop(0))

    def _in_spin(self, ask):
        self.asked.append(ask())
        return self.asked[-1]

    def _wait(self, sent: Sent, what: str, timeout: float):
        first = sent is self.asked[0]
        if not sent.done():
            raise DiscoveryError((f"an answer of {what}",), timeout)
        if first and self.late:
            self.late = False
            raise DiscoveryError((f"an answer of {what}",), timeout)
        return sent.result()


def asked(wire: Wire):
    return Client._ask_for(wire, "goal", print)


def test_an_answer_in_time_is_taken_and_nothing_is_sent_again():
    wire = Wire(Sent(True))
    assert asked(wire).of is wire.asked[0] and len(wire.asked) == 1


def test_a_lost_goal_is_sent_again():
    wire = Wire(Sent(None), Sent(True))
    assert asked(wire).of is wire.asked[1]


def test_where_only_the_answer_was_late_the_first_goal_counts():
    wire = Wire(Sent(True), Sent(False), late=True)
    assert asked(wire).of is wire.asked[0]


def test_a_node_that_is_busy_with_others_stays_busy():
    assert not asked(Wire(Sent(None), Sent(False))).accepted


def test_no_answer_at_all_is_named():
    with pytest.raises(DiscoveryError, match="execute_instruction"):
        asked(Wire(Sent(None), Sent(None)))
