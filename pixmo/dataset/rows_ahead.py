"""What comes next is read while what is here is used."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_END = object()


def ahead(items: Iterable[T], depth: int = 2) -> Iterator[T]:
    """The items in their order, taken by a thread up to `depth` before they are asked for; its errors are raised here.

    The thread ends when the iterator is closed or let go, at the latest when it has the item it was at.
    """
    waiting: queue.Queue[object] = queue.Queue(depth)
    left = threading.Event()

    def hand_over(item: object) -> bool:
        while not left.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not hand_over(item):
                    return
            hand_over(_END)
        except BaseException as error:  # noqa: BLE001 – the border of a thread: raised where the items are used
            hand_over(_Failed(error))

    thread = threading.Thread(target=work, name="pixmo-read-ahead", daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not _END:
            if isinstance(item, _Failed):
                raise item.error
            yield item  # type: ignore[misc]  # what `items` gave
    finally:
        left.set()


class _Failed:
    def __init__(self, error: BaseException) -> None:
        self.error = error
