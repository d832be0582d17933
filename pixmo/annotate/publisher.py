"""Writes what a collection hands on, soon after it changed but not after every submission of a busy minute."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable

from pixmo.errors import PixmoError

INTERVAL_S = 5.0
SHARE = 10  # lists that take long to write are written seldom: requests have the rest of the time
_log = logging.getLogger(__name__)


class Publisher:
    """Calls `publish` at once for the first change, then at most once in `interval_s` for all that follow, and at the end.

    All is in the database before; so a write that fails is only tried again.
    """

    def __init__(self, publish: Callable[[], None], interval_s: float = INTERVAL_S) -> None:
        self._publish, self._interval_s = publish, interval_s
        self._state, self._writing = threading.Condition(), threading.Lock()
        self._is_stale = self._is_over = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="publisher")
        self._thread.start()

    def soon(self) -> None:
        """Something changed."""
        with self._state:
            self._is_stale = True
            self._state.notify()

    def now(self) -> None:
        """Writes what there is. Raises when that cannot be."""
        with self._writing:
            self._is_stale = False
            try:
                self._publish()
            except BaseException:
                self._is_stale = True
                raise

    def close(self) -> None:
        """Writes what is not written yet."""
        with self._state:
            self._is_over = True
            self._state.notify()
        self._thread.join()
        if self._is_stale:
            self.now()

    def _run(self) -> None:
        while True:
            with self._state:
                self._state.wait_for(lambda: self._is_stale or self._is_over)
                if self._is_over:
                    return
            began = time.monotonic()
            try:
                self.now()
            except (PixmoError, OSError, sqlite3.OperationalError) as error:
                _log.warning("the lists could not be written, tried again: %s", error)
            with self._state:
                pause = max(self._interval_s, SHARE * (time.monotonic() - began))
                self._state.wait_for(lambda: self._is_over, pause)
