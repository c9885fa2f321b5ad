"""A goal or a cancel that gets no answer is sent once more; a greeting until it is answered."""

from types import SimpleNamespace

import pytest
from rcl_interfaces.srv import GetParameters

from metaagent_ros.nodes import asking
from metaagent_ros.nodes.asking import DiscoveryError, Errand, ErrandError, Greetings

pytestmark = pytest.mark.ros


class Sent:
    """A request on its way; ``value`` is None as long as no answer has come."""

    def __init__(self, value=None, late: bool = False) -> None:
        self.value, self.late = value, late

    def done(self) -> bool:
        return self.value is not None and not self.late

    def result(self):
        return self.value


class Handle:
    """An accepted or rejected goal, whose result comes with the cancel of that number."""

    def __init__(self, accepted: bool = True, ends_with: int = 1, result: str = "the end") -> None:
        self.accepted, self.ends_with, self.cancels, self.ending = accepted, ends_with, 0, result
        self.final = Sent()

    def get_result_async(self) -> Sent:
        return self.final

    def cancel_goal_async(self) -> Sent:
        self.cancels += 1
        if self.cancels < self.ends_with:
            return Sent()
        self.final.value = SimpleNamespace(result=self.ending)
        return Sent("cancelled")


class Executor:
    """Spins nothing: what it is given is done at once."""

    def create_task(self, ask) -> Sent:
        return Sent(ask())


def errand(*sent: Sent, ready=lambda: True) -> Errand:
    """One whose goals get these answers."""
    left, it = list(sent), Errand.__new__(Errand)
    it._action = SimpleNamespace(send_goal_async=lambda goal, tell: left.pop(0), server_is_ready=ready)
    it._executor, it._name, it.left = Executor(), "execute_instruction", left
    return it


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    for name in ("CALL_S", "CANCEL_S", "GONE_S"):
        monkeypatch.setattr(asking, name, 0.2)
    monkeypatch.setattr(asking, "AGAIN_S", 0.05)


def asked(it: Errand) -> Handle:
    return it._send("goal", print)


def test_an_answer_in_time_is_taken_and_nothing_is_sent_again():
    first, it = Handle(), None
    it = errand(Sent(first), Sent(Handle()))
    assert asked(it) is first and len(it.left) == 1


def test_a_lost_goal_is_sent_again():
    second = Handle()
    assert asked(errand(Sent(), Sent(second))) is second


def test_where_only_the_answer_was_late_the_first_goal_counts():
    first = Sent(Handle(), late=True)

    def answer_late() -> Sent:
        first.late = False
        return Sent(Handle(accepted=False))

    it, goals = errand(), [lambda: first, answer_late]
    it._action.send_goal_async = lambda goal, tell: goals.pop(0)()
    assert asked(it) is first.value


def test_a_node_that_is_busy_with_others_stays_busy():
    assert errand(Sent(), Sent(Handle(accepted=False))).run("goal", print, bool) is None


def test_no_answer_at_all_is_named():
    with pytest.raises(DiscoveryError, match="execute_instruction"):
        asked(errand(Sent(), Sent()))


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_lost_cancel_is_sent_again(lost):
    handle = Handle(ends_with=lost + 1)
    assert errand(Sent(handle)).run("goal", print, lambda: True) == "the end"
    assert handle.cancels == lost + 1


@pytest.mark.parametrize("lost", [0, 2])
def test_an_exception_cancels_until_that_has_arrived(lost):
    handle = Handle(ends_with=lost + 1)

    def interrupt() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        errand(Sent(handle)).run("goal", print, interrupt)
    assert handle.cancels == lost + 1


def test_a_server_that_is_gone_or_never_ends_is_named():
    with pytest.raises(ErrandError, match="gone"):
        errand(Sent(Handle()), ready=lambda: False).run("goal", print, bool)
    with pytest.raises(ErrandError, match=r"no result .* of cancelling"):
        errand(Sent(Handle(ends_with=99))).run("goal", print, lambda: True)


class Server:
    """A service that is there from the ``there``-th look on and answers the ``answers``-th request."""

    def __init__(self, there: int, answers: int) -> None:
        self.there, self.answers, self.looks, self.requests = there, answers, 0, 0

    def service_is_ready(self) -> bool:
        self.looks += 1
        return self.looks >= self.there

    def call_async(self, request) -> Sent:
        assert isinstance(request, GetParameters.Request)
        self.requests += 1
        return Sent("answer" if self.requests >= self.answers else None)


def test_a_greeting_is_sent_until_it_is_answered():
    servers = {"guard": Server(1, 1), "policy": Server(3, 2)}
    node = SimpleNamespace(create_client=lambda kind, name: servers[name.split("/")[0]])
    Greetings(node, servers).exchange(servers, 2.0)
    assert servers["guard"].requests == 1 and servers["policy"].requests == 2


def test_who_does_not_answer_is_named():
    servers = {"guard": Server(1, 1), "policy": Server(1, 99)}
    node = SimpleNamespace(create_client=lambda kind, name: servers[name.split("/")[0]])
    with pytest.raises(DiscoveryError) as error:
        Greetings(node, servers).exchange(servers, 0.2)
    assert error.value.missing == ("an answer of policy",)
