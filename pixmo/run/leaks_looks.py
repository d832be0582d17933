"""Look at pictures at hand, in processes that may be killed: hashes both ways round, and small copies to show."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from pixmo.ask import Outcome
from pixmo.ids import digest
from pixmo.run.decoder import PictureStep, PictureTask
from pixmo.run.decoders import Decoders
from pixmo.stage import Picture, RowStage

LIMIT_S = 30.0


class Looks(NamedTuple):
    """Hashes of a picture and of its mirror image, 16 hexadecimal digits each; None for what does not decode."""

    phash: str | None
    dhash: str | None
    mirrored_phash: str | None
    mirrored_dhash: str | None


@dataclass(frozen=True)
class LookBothWays(RowStage):
    """The hashes by which a held-out picture is recognised."""

    def row(self, picture: Picture) -> Looks:
        """From one decode."""
        from pixmo.image.mirror import mirrored_hashes
        from pixmo.image.phash import hashes

        image = picture.any_look.image
        straight, turned = (None, None) if image is None else (hashes(image), mirrored_hashes(image))
        if straight is None or turned is None:
            return Looks(None, None, None, None)
        return Looks(straight.phash, straight.dhash, turned.phash, turned.dhash)


class Thumb(NamedTuple):
    """A small JPEG; None for what does not decode."""

    jpeg: bytes | None
    width: int | None
    height: int | None


@dataclass(frozen=True)
class MakeThumb(RowStage):
    """A small upright copy."""

    longest_edge_px: int = 192

    def row(self, picture: Picture) -> Thumb:
        """Encoded anew: nothing of the picture's own bytes reaches a page."""
        from pixmo.image.resize import resized

        image = picture.any_look.image
        if image is None:
            return Thumb(None, None, None)
        made = resized(image, self.longest_edge_px, "JPEG", 75)
        return Thumb(made.data, made.width, made.height)


class _Started(NamedTuple):
    runner: asyncio.Runner
    decoders: Decoders
    file: Any  # Any: an unbuffered named temporary file


class Lookers:
    """Processes that look at pictures, started when the first one comes; use it in a `with` statement."""

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._stack = ExitStack()
        self._started: _Started | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._started = None

    def over(self, stage: RowStage, pictures: Sequence[bytes | None]) -> list[tuple[Any, ...] | None]:  # Any: values
        """What a stage says of each picture, in its order; None where there is none, or where it ended its process."""
        given = [(n, data) for n, data in enumerate(pictures) if data]
        told: list[tuple[Any, ...] | None] = [None] * len(pictures)
        if not given:
            return told
        runner, decoders, file = self._running()
        tasks = _written(file, [data for _, data in given])
        results = runner.run(decoders.look([PictureStep(stage, None)], tasks))
        for (n, _), result in zip(given, results, strict=True):
            told[n] = None if isinstance(result, Outcome) else result[0]
        return told

    def _running(self) -> _Started:
        if self._started is None:
            runner = self._stack.enter_context(asyncio.Runner())
            decoders = Decoders(self._processes, LIMIT_S)
            self._stack.callback(lambda: runner.run(decoders.close()))
            file = tempfile.NamedTemporaryFile(buffering=0)  # noqa: SIM115 – closed with the others
            self._started = _Started(runner, decoders, self._stack.enter_context(file))
        return self._started


def _written(file: Any, pictures: Sequence[bytes]) -> list[PictureTask]:  # Any: an unbuffered named temporary file
    """The pictures in the file, where the processes read them; the last ones have been looked at, and make way."""
    file.seek(0)
    file.truncate()
    tasks, at = [], 0
    for data in pictures:
        file.write(data)
        tasks.append(PictureTask(file.name, at, len(data), digest(data), {}))
        at += len(data)
    return tasks
