"""The examples of each step, made ahead by threads: what a process computes next is ready when it comes to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from pixmo.molmo.processor import Inputs
from pixmo.train.examples import Example, Examples
from pixmo.train.mixture import Mixture
from pixmo.train.parallel import Processes
from pixmo.train.settings import Training

AHEAD = 2  # steps; a picture's crops are some 16 MB, so a step of 16 examples is 250
TOGETHER = 4  # rows that a thread reads and prepares at a time


class LeftOut(NamedTuple):
    """A row that cannot be learned."""

    source: str
    row: str
    why: str


class Step(NamedTuple):
    """What one process learns in a step, counted from 1."""

    number: int
    batches: list[Inputs]
    rows: list[list[str]]  # the ids in each batch
    weight: float  # of all its tokens
    tokens: int
    left_out: list[LeftOut]


class Loader:
    """The steps of one process. Threads run between `with` and its end."""

    def __init__(self, training: Training, sets: Sequence[Examples], ours: Processes) -> None:
        self._training, self._sets = training, sets
        share = training.batch // ours.world
        self._ours = slice(share * ours.rank, share * (ours.rank + 1))
        self._mixture = Mixture([source.share for source in training.source], training.data_seed)

    def __enter__(self) -> Loader:
        self._makers = ThreadPoolExecutor(self._training.loaders, "pixmo-examples")
        self._joiner = ThreadPoolExecutor(1, "pixmo-batches")
        return self

    def __exit__(self, *exc: object) -> None:
        for threads in (self._makers, self._joiner):
            threads.shutdown(cancel_futures=True)

    def steps(self, first: int, last: int) -> Iterator[Step]:
        """The steps from `first` to `last`."""
        waiting: deque[Future[Step]] = deque()
        for number in range(first, last + 1):
            waiting.append(self._begun(number))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _begun(self, number: int) -> Future[Step]:
        places = self._mixture.places(number - 1, self._training.batch)[self._ours]
        pieces = []
        for source in range(len(self._sets)):
            visits = [(at, place.visit) for at, place in enumerate(places) if place.source == source]
            pieces += [(source, visits[at : at + TOGETHER]) for at in range(0, len(visits), TOGETHER)]
        return self._joiner.submit(self._joined, number, [self._makers.submit(self._made, *each) for each in pieces])

    def _made(self, source: int, visits: Sequence[tuple[int, int]]) -> list[_Placed]:
        examples = self._sets[source].visited([visit for _, visit in visits])
        path = self._sets[source].source.path
        return [_Placed(len(e.inputs["input_ids"]), at, path, e) for (at, _), e in zip(visits, examples, strict=True)]

    def _joined(self, number: int, pieces: Sequence[Future[list[_Placed]]]) -> Step:
        """The examples of a step in batches of like lengths."""
        placed = sorted((each for piece in pieces for each in piece.result()), key=lambda each: each[:2])
        size, train = self._training.micro_batch, self._sets[0].processor.training_batch
        parts = [[each.example for each in placed[at : at + size]] for at in range(0, len(placed), size)]
        return Step(
            number,
            [train([example.inputs for example in part]) for part in parts],
            [[example.row for example in part] for part in parts],
            sum(float(each.example.inputs["loss_masks"].double().clamp(min=0).sum()) for each in placed),
            sum(each.tokens for each in placed),
            [LeftOut(each.source, *passed) for each in placed for passed in each.example.passed],
        )


class _Placed(NamedTuple):
    tokens: int
    at: int  # in the step
    source: str
    example: Example
