"""The coordinator's side of the decoders: hands out pictures, replaces the dead, finds the picture that kills."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from pixmo.ask import Outcome
from pixmo.run.decoder import PictureStep, PictureTask, Result, Work
from pixmo.run.worker import Ended, Worker

CHUNK = 16
_ENDS = {Ended.CRASHED: Outcome.DECODER_CRASHED, Ended.HUNG: Outcome.DECODER_HUNG}
_STRIKES = 2  # a picture must end its decoder twice, alone, to be blamed: one death may be somebody's kill


class Decoders:
    """`count` processes, started when first needed; one thread each to talk to it."""

    def __init__(self, count: int, limit_s: float) -> None:
        self._limit_s = limit_s
        self._threads = ThreadPoolExecutor(count, "decoder")
        self._all = [Worker("pixmo.run.decoder", "a picture stage") for _ in range(count)]
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
    def _alone(decoder: Worker, work: Work) -> Result | Outcome:
        end = Outcome.DECODER_CRASHED
        for _ in range(_STRIKES):
            answer = decoder.ask(work)
            if isinstance(answer, list):
                first: Result = answer[0]
                return first
            end = _ENDS[answer]
        return end
