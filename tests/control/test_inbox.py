"""A flood of sentences takes the room of one."""

from hypothesis import given
from hypothesis import strategies as st

from metaagent_ros.control.inbox import Inbox
from metaagent_ros.instructions.guard import MAX_BYTES


@given(st.lists(st.text(max_size=20)))
def test_the_newest_that_can_be_heard_wins_and_all_are_counted(texts):
    inbox = Inbox(MAX_BYTES)
    for text in texts:
        inbox.put(text)
    good = [text for text in texts if text.strip()]
    assert inbox.heard == len(texts) and inbox.refused == len(texts) - len(good)
    assert inbox.replaced == max(0, len(good) - 1)
    assert inbox.take() == (good[-1] if good else "") and inbox.take() == "" and not inbox.waiting


def test_what_is_too_long_is_refused_and_the_one_before_stays():
    inbox = Inbox(MAX_BYTES)
    assert inbox.put("go to the door")
    assert not inbox.put("x" * (MAX_BYTES + 1)) and not inbox.put("门" * (MAX_BYTES // 3 + 1))
    assert inbox.take() == "go to the door"
