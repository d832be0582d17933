"""A process that does one thing at a time for us and may be killed for it: started when needed, replaced when it died."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from typing import IO, Any

from pixmo.run.decoder import receive, send

_COMPLAINT_BYTES = 1 << 16
_LAST_WORDS_S = 10.0
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class Ended(Enum):
    """How a worker ended instead of answering."""

    CRASHED = "crashed"
    HUNG = "hung"  # its own clock ended it


class Worker:
    """Runs `python -m MODULE FD`; messages are length-prefixed pickles. `what` names its work, for a bug's message."""

    def __init__(self, module: str, what: str, env: Mapping[str, str] = ONE_THREAD) -> None:
        self._module, self._what, self._env = module, what, env
        self._process: subprocess.Popen[bytes] | None = None
        self._sock: socket.socket | None = None
        self._complaints: IO[bytes] | None = None  # a file and no pipe: nobody reads it while the process lives
        self._closed = False

    def ask(self, message: object) -> Any:  # Any: what the module answers; Ended when it died
        """The answer, or how the process ended."""
        if self._closed:
            return Ended.CRASHED  # nobody waits for it any more
        try:
            sock = self._started()
            send(sock, message)
            answer = receive(sock)
            self._forget_complaints()
        except OSError:  # it died while we spoke: the same as the end of the stream
            answer = None
        return self._ended() if answer is None else answer

    def kill(self) -> None:
        """Ends it, from any thread."""
        self._closed = True
        process = self._process
        if process:
            process.kill()  # the thread that speaks to it sees the end of the stream and closes the socket
        if self._sock:
            with suppress(OSError):  # it was closed meanwhile
                self._sock.shutdown(socket.SHUT_RDWR)

    def reap(self) -> None:
        """After `kill`, once no thread speaks to it."""
        if self._process:
            self._ended()

    def start(self) -> None:
        """Starts the process; a failure shows when it is asked."""
        if not self._closed:
            with suppress(OSError):
                self._started()

    def _started(self) -> socket.socket:
        if self._sock is None:
            self._sock, theirs = socket.socketpair()
            command = [sys.executable, "-m", self._module, str(theirs.fileno())]
            self._complaints = tempfile.TemporaryFile("ab+", buffering=0)  # noqa: SIM115 – closed when the process ended
            with theirs:
                self._process = subprocess.Popen(
                    command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stderr=self._complaints,
                    env=os.environ | self._env,
                )  # fmt: skip
        return self._sock

    def _forget_complaints(self) -> None:
        """Warnings of a process that lives are nobody's business, but must not fill the disk."""
        if self._complaints and os.fstat(self._complaints.fileno()).st_size > _COMPLAINT_BYTES:
            self._complaints.truncate(0)

    def _ended(self) -> Ended:
        assert self._process is not None
        assert self._complaints is not None
        try:
            code = self._process.wait(_LAST_WORDS_S)
        except subprocess.TimeoutExpired:  # it closed its end and lives on
            self._process.kill()
            code = self._process.wait()
        with self._complaints as file:
            file.seek(-min(_COMPLAINT_BYTES, file.seek(0, os.SEEK_END)), os.SEEK_END)
            complaint = file.read()
        if self._sock:
            self._sock.close()
        self._sock = self._process = self._complaints = None
        if code == 1 and b"Traceback" in complaint:  # a bug in our code is not a bad picture
            raise RuntimeError(f"{self._what} failed:\n{complaint.decode(errors='replace')}")
        return Ended.HUNG if code == -signal.SIGALRM else Ended.CRASHED
