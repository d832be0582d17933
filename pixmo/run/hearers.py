"""The coordinator's side of the hearers: processes that listen and hear, behind the two kinds of questions that stages ask."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

from pixmo.ask import Answer, SpeechOutcome
from pixmo.audio.heard import Hear
from pixmo.errors import BadFolder, PixmoError
from pixmo.ids import Digest, digest, digest_of
from pixmo.run.hearer import Settings, Stopped, Task, Told
from pixmo.run.worker import Ended, Worker
from pixmo.storage.store import Store

_ENDS = {Ended.CRASHED: SpeechOutcome.CRASHED, Ended.HUNG: SpeechOutcome.HUNG}
ANY_LENGTH_S = 1e6  # what was listened to has been found short enough
_STRIKES = 2  # a recording must end its process twice to be blamed: one death may be somebody's kill


class Hearers:
    """`count` processes, started when first needed; one thread each to talk to it."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._threads = ThreadPoolExecutor(count, "hearer")
        each = str(max(1, (os.cpu_count() or 1) // count))
        threads = {"OMP_NUM_THREADS": each, "OPENBLAS_NUM_THREADS": each}
        self._all = [Worker("pixmo.run.hearer", "hearing a recording", threads) for _ in range(count)]
        self._free: SimpleQueue[Worker] = SimpleQueue()
        for worker in self._all:
            self._free.put(worker)

    def __repr__(self) -> str:
        return f"Hearers({self._free.qsize()} of {self.count} free)"

    async def do(self, task: Task) -> Told:
        """How it went with a recording. Raises the PixmoError of an engine that cannot go on."""
        told = await asyncio.get_running_loop().run_in_executor(self._threads, self._do, task)
        if isinstance(told, Stopped):
            raise PixmoError(told.message)
        return told

    async def close(self) -> None:
        """Ends the processes."""
        for worker in self._all:
            worker.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in self._all:
            worker.reap()

    def _do(self, task: Task) -> Told | Stopped:
        worker = self._free.get()
        try:
            end = Ended.CRASHED
            for _ in range(_STRIKES):
                answer: Told | Stopped | Ended = worker.ask(task)
                if not isinstance(answer, Ended):
                    return answer
                end = answer
            return Told(str(_ENDS[end]), f"{end.value} its process {_STRIKES} times", {})
        finally:
            self._free.put(worker)


class _Recordings:
    """What listening and hearing share: bytes from the store, answers from a process."""

    patience_s = 0.0  # nothing was paid, or little

    def __init__(self, hearers: Hearers, store: Store) -> None:
        self._hearers, self._store = hearers, store

    @property
    def width(self) -> int:
        """One recording per process, and one each waiting at its door."""
        return 2 * self._hearers.count

    async def close(self) -> None:
        """The processes are ended by whoever started them."""

    async def _told(
        self, sha256: str, max_s: float, limit_s: float, settings: Settings | None, spans: Any = ()
    ) -> Answer[Any]:  # Any: spans as in Hear; the answer is in its facts
        if sha256 in self._store.tombstones:
            return Answer(SpeechOutcome.FORGOTTEN, detail="taken down")
        where = self._store.locate(sha256)
        if where is None:
            raise BadFolder(f"the bytes of recording {sha256} are gone from the store; give the recordings again")
        path = str(self._store.packs.path(where.pack))
        told = await self._hearers.do(Task(path, where.offset, where.length, max_s, limit_s, settings, spans))
        return Answer(SpeechOutcome(told.outcome), None, told.detail, told.facts | {"recording": sha256})


class Listening(_Recordings):
    """Answers `listen`: the question is the digest of a recording."""

    def __init__(self, hearers: Hearers, store: Store, stage: Any) -> None:  # Any: the Listen stage
        super().__init__(hearers, store)
        self._stage = stage

    def key(self, question: str) -> Digest:
        """Of the recording and of how it is listened to."""
        return listen_key(self._stage, question)

    async def ask(self, question: str) -> Answer[Any]:
        """Facts of the sound."""
        return await self._told(question, self._stage.max_duration_s, self._stage.listen_timeout_s, None)


class Hearing(_Recordings):
    """Answers `hear`: the question is a recording and where in it somebody speaks."""

    def __init__(self, hearers: Hearers, store: Store, stage: Any) -> None:  # Any: the Transcribe stage
        super().__init__(hearers, store)
        self._stage = stage
        self._settings: Settings = stage.speech_settings()

    def key(self, question: Hear) -> Digest:
        """Of the recording, its speech, and the engine."""
        return hear_key(self._stage, question)

    async def ask(self, question: Hear) -> Answer[Any]:
        """Words and segments."""
        limit_s = self._stage.hear_timeout_s
        return await self._told(question.recording_sha256, ANY_LENGTH_S, limit_s, self._settings, question.spans)


def listen_key(stage: Any, sha256: str) -> Digest:  # Any: the Listen stage
    """The name of the question how a recording sounds."""
    return digest(f"listen/{stage.version}/{stage.max_duration_s:g}\n{sha256}".encode())


def hear_key(stage: Any, question: Hear) -> Digest:  # Any: the Transcribe stage
    """The name of the question what is said in a recording."""
    return digest_of(["hear/1", stage.fingerprint, question.recording_sha256, [list(s) for s in question.spans]])
