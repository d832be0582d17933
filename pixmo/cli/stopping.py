"""Ctrl-C and SIGTERM: stop within two seconds, say how to go on; a second one ends the process at once.

The first signal goes the usual way (KeyboardInterrupt, which asyncio turns into the cancellation of what it runs).
Beside it a thread reads Python's wake-up pipe, which is written even while the main thread is inside a long C call, and
ends the process when stopping takes too long or the user insists. Ending so is safe: what is published was renamed
into place, and what was in flight is asked again.
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from types import FrameType

PATIENCE_S = 1.7  # of the promised two seconds: the rest is for the process to go


class Stopping:
    """Holds the signals while a command runs. In another thread than the main one it does nothing."""

    def __init__(self, argv: Sequence[str], patience_s: float = PATIENCE_S) -> None:
        self._argv = list(argv)
        self._patience_s = patience_s
        self._first = signal.SIGINT
        self._ours = threading.current_thread() is threading.main_thread()
        self._reader, self._writer = socket.socketpair()

    def __enter__(self) -> Stopping:
        if self._ours:
            self._writer.setblocking(False)
            self._pipe_before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
            self._term_before = signal.signal(signal.SIGTERM, self._terminated)
            threading.Thread(target=self._watch, name="stopping", daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._ours:
            signal.set_wakeup_fd(self._pipe_before)
            signal.signal(signal.SIGTERM, self._term_before)
        else:
            self._reader.close()
        self._writer.close()  # the watching thread sees the end of the stream, and closes the other end

    def stopped(self) -> int:
        """Says how to go on; the exit code."""
        print(self.how_to_go_on(), file=sys.stderr)
        return 128 + self._first

    def how_to_go_on(self) -> str:
        """What was kept, and the command that goes on."""
        again = shlex.join(["pixmo", *self._argv])
        if self._argv[:1] == ["view"]:  # nothing was under way
            return f"pixmo: stopped; to look again: {again}"
        more = " with the same list on standard input" if "-" in self._argv else ""
        return f"pixmo: stopped; what is finished is kept. To go on, run the same again{more}: {again}"

    def _terminated(self, number: int, frame: FrameType | None) -> None:
        """SIGTERM does as Ctrl-C does, with an exit code of its own."""
        self._first = signal.SIGTERM  # the watching thread may be later than the interrupt
        interrupt = signal.getsignal(signal.SIGINT)
        if callable(interrupt):
            interrupt(signal.SIGINT, frame)

    def _watch(self) -> None:
        with self._reader:
            first = self._signal()
            if first is None:
                return
            self._first = first
            self._reader.settimeout(self._patience_s)
            try:
                again = self._signal()
            except TimeoutError:
                again = first
                os.write(2, (self.how_to_go_on() + "\n").encode())
            if again is not None:
                os._exit(128 + first)

    def _signal(self) -> signal.Signals | None:
        """The next SIGINT or SIGTERM; None when the command has ended."""
        while byte := self._reader.recv(1):
            if byte[0] in (signal.SIGINT, signal.SIGTERM):
                return signal.Signals(byte[0])
        return None
