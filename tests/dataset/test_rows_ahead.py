"""Reading ahead: the same items, the same errors, no thread left."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from pixmo.dataset.rows_ahead import ahead


def reading() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "pixmo-read-ahead"]


def gone() -> bool:
    """Whether no thread reads any more, after a little while."""
    for _ in range(200):
        if not reading():
            return True
        time.sleep(0.02)
    return False


def test_items_come_in_order() -> None:
    """All of them, also None."""
    assert list(ahead(iter([1, None, 3]))) == [1, None, 3]
    assert list(ahead(())) == []
    assert gone()


def test_an_error_comes_where_it_happened() -> None:
    """After the items before it."""

    def items() -> Iterator[int]:
        yield 1
        raise KeyError("here")

    found = ahead(items())
    assert next(found) == 1
    with pytest.raises(KeyError, match="here"):
        next(found)
    assert gone()


def test_no_more_is_read_than_asked_for_and_the_depth() -> None:
    """One in hand, `depth` waiting, one on its way; when nobody wants more, the thread ends."""
    taken = []

    def items() -> Iterator[int]:
        for n in range(100):
            taken.append(n)
            yield n

    found = ahead(items(), 2)
    assert next(found) == 0
    for _ in range(100):
        if len(taken) == 4:
            break
        time.sleep(0.02)
    assert taken == [0, 1, 2, 3]
    found.close()  # type: ignore[attr-defined]  # a generator
    assert gone()
    assert len(taken) == 4
