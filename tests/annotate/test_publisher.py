"""When lists are written."""

from __future__ import annotations

import threading

import pytest

from pixmo.annotate.publisher import Publisher
from pixmo.errors import NoSpace


def test_the_first_change_is_written_at_once_and_all_in_the_end() -> None:
    """Whatever comes within the interval is written together."""
    written, now = list[int](), threading.Event()
    state = [0]

    def publish() -> None:
        written.append(state[0])
        now.set()

    publisher = Publisher(publish, interval_s=3600)
    state[0] = 1
    publisher.soon()
    assert now.wait(20)
    for number in (2, 3, 4):
        state[0] = number
        publisher.soon()
    publisher.close()
    assert written == [1, 4]


def test_a_write_that_fails_is_tried_again() -> None:
    """A full disk: the next try has all of it."""
    tries, done = list[str](), threading.Event()

    def publish() -> None:
        tries.append("try")
        if len(tries) < 3:
            raise NoSpace("full")
        done.set()

    publisher = Publisher(publish, interval_s=0.01)
    publisher.soon()
    assert done.wait(20)
    publisher.close()
    assert len(tries) == 3


def test_without_a_change_nothing_is_written() -> None:
    """Nor at the end."""
    written = list[int]()
    Publisher(lambda: written.append(1)).close()
    assert written == []


def test_what_was_never_written_is_written_at_the_end() -> None:
    """Also where the last try failed, whatever it failed of; then it is told."""
    tries = list[str]()

    def publish() -> None:
        tries.append("try")
        raise NoSpace("full")

    publisher = Publisher(publish, interval_s=3600)
    with pytest.raises(NoSpace):
        publisher.now()
    with pytest.raises(NoSpace):
        publisher.close()
    assert len(tries) in (2, 3)  # the thread may have tried as well
