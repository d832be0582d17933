"""Ctrl-C and SIGTERM while a model learns: the step under way is finished and kept, then the signal goes its usual way."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Halting:
    """Holds the signals between `with` and its end; a second one is not held. In another thread than the main one it does nothing."""

    def __init__(self) -> None:
        self._asked: int | None = None
        self._ours = threading.current_thread() is threading.main_thread()

    @property
    def is_asked(self) -> bool:
        """Whether a signal came."""
        return self._asked is not None

    def __enter__(self) -> Halting:
        if self._ours:
            # whoever watches the signals from another thread would not wait for the end of a step
            self._fd = signal.set_wakeup_fd(-1)
            self._before = {number: signal.signal(number, self._ask) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._ours:
            return
        self._give_back()
        if self._asked is not None and kind is None:
            signal.raise_signal(self._asked)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self._asked is not None:
            self._give_back()
            signal.raise_signal(number)
        self._asked = number

    def _give_back(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._fd)
