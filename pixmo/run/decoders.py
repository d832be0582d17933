"""The coordinator's side of the decoders: hands out pictures, replaces the dead, finds the picture that kills."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import IO

from pixmo.ask import Outcome
from pixmo.run.decoder import PictureStep, PictureTask, Result, Work, receive, send

CHUNK = 16
_COMPLAINT_BYTES = 1 << 16
_LAST_WORDS_S = 10.0
_STRIKES = 2  # a picture must end its decoder twice, alone, to be blamed: one death may be somebody's kill


class Decoders:
    """`count` processes, started when first needed; one thread each to talk to it."""

    def __init__(self, count: int, limit_s: float) -> None:
        self._limit_s = limit_s
        self._threads = ThreadPoolExecutor(count, "decoder")
        self._all = [_Decoder() for _ in range(count)]
        self._free = list(self._all)
        self._room = asyncio.Semaphore(2 * count)

    def __repr__(self) -> str:
        return f"Decoders({len(self._free)} free)"

    def warm(self) -> None:
        """Starts the processes now, to be ready when the first picture is there."""
        for decoder in self._free:
            self._threads.submit(decoder.start)

    async def look(self, steps: Sequence[PictureStep], pictures: Sequence[PictureTask]) -> list[Result | Outcome]:
        """Per picture its results, or the outcome of a picture that crashes or hangs its decoder."""
        chunks = [list(pictures[i : i + CHUNK]) for i in range(0, len(pictures), CHUNK)]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._chunk(tuple(steps), chunk)) for chunk in chunks]
        return [result for task in tasks for result in task.result()]

    async def close(self) -> None:
        """Ends the processes."""
        for decoder in self._all:
            decoder.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for decoder in self._all:
            decoder.reap()

    async def _chunk(self, steps: tuple[PictureStep, ...], chunk: list[PictureTask]) -> list[Result | Outcome]:
        async with self._room:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, self._look_at, Work(steps, chunk, self._limit_s))

    def _look_at(self, work: Work) -> list[Result | Outcome]:
        decoder = self._free.pop()
        try:
            answer = decoder.ask(work)
            if isinstance(answer, list):
                return list(answer)
            return [self._alone(decoder, work._replace(pictures=[picture])) for picture in work.pictures]
        finally:
            self._free.append(decoder)

    @staticmethod
    def _alone(decoder: _Decoder, work: Work) -> Result | Outcome:
        end = Outcome.DECODER_CRASHED
        for _ in range(_STRIKES):
            answer = decoder.ask(work)
            if isinstance(answer, list):
                return answer[0]
            end = answer
        return end


class _Decoder:
    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._sock: socket.socket | None = None
        self._complaints: IO[bytes] | None = None  # a file and no pipe: nobody reads it while the process lives
        self._closed = False

    def ask(self, work: Work) -> list[Result] | Outcome:
        """The results, or how the process ended."""
        if self._closed:
            return Outcome.DECODER_CRASHED  # nobody waits for it any more
        try:
            sock = self._started()
            send(sock, work)
            answer: list[Result] | None = receive(sock)
            self._forget_complaints()
        except OSError:  # it died while we spoke: the same as the end of the stream
            answer = None
        return self._ended() if answer is None else answer

    def kill(self) -> None:
        self._closed = True
        process = self._process
        if process:
            process.kill()  # the thread that speaks to it sees the end of the stream and closes the socket
        if self._sock:
            with suppress(OSError):  # it was closed meanwhile
                self._sock.shutdown(socket.SHUT_RDWR)

    def reap(self) -> None:
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
            command = [sys.executable, "-m", "pixmo.run.decoder", str(theirs.fileno())]
            env = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
            self._complaints = tempfile.TemporaryFile("ab+", buffering=0)  # noqa: SIM115 – closed when the process ended
            with theirs:
                self._process = subprocess.Popen(
                    command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stderr=self._complaints, env=env
                )
        return self._sock

    def _forget_complaints(self) -> None:
        """Warnings of a process that lives are nobody's business, but must not fill the disk."""
        if self._complaints and os.fstat(self._complaints.fileno()).st_size > _COMPLAINT_BYTES:
            self._complaints.truncate(0)

    def _ended(self) -> Outcome:
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
        if code == 1 and b"Traceback" in complaint:  # a bug in a stage is not a bad picture
            raise RuntimeError(f"a picture stage failed:\n{complaint.decode(errors='replace')}")
        return Outcome.DECODER_HUNG if code == -signal.SIGALRM else Outcome.DECODER_CRASHED
