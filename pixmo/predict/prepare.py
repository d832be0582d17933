"""Questions made a model's inputs by threads, ahead of the model, and put into batches of like lengths."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from PIL import Image

from pixmo.errors import BadRecord
from pixmo.image.crops import layout
from pixmo.image.crops2 import layout2
from pixmo.image.decode import look
from pixmo.image.headers import declared
from pixmo.image.sniff import format_of
from pixmo.molmo.processor import Inputs, Processor, pictures_of
from pixmo.molmo.processor2 import Processor2
from pixmo.predict.asked import Question


@dataclass(frozen=True)
class Prepared:
    """A question with its inputs, or why it has none."""

    question: Question
    inputs: Inputs | None
    why: str | None = None

    @property
    def length(self) -> int:
        """Tokens of the prompt."""
        return 0 if self.inputs is None else len(self.inputs["input_ids"])


def inputs_of(processor: Processor | Processor2, pictures: list[Image.Image], turns: tuple[str, ...]) -> Inputs:
    """The inputs of one request. Raises BadRecord for what the model does not take."""
    if isinstance(processor, Processor):
        made = processor.prompt(next(iter(pictures_of(pictures, 1)), None), turns)
    else:
        made = processor.prompt(pictures, turns)
    length = len(made["input_ids"])
    if length >= processor.context:
        raise BadRecord(f"{length} tokens leave no room for an answer in a context of {processor.context}")
    return made


def prepared(
    questions: Iterable[Question], processor: Processor | Processor2, workers: int, depth: int
) -> Iterator[Prepared]:
    """The questions in their order, up to `depth` of them prepared before they are asked for."""

    def prepare(question: Question) -> Prepared:
        try:
            pictures = [_decoded(data) for data in question.pictures]
            return Prepared(question, inputs_of(processor, pictures, question.turns))
        except BadRecord as error:
            return Prepared(question, None, str(error))

    waiting: deque[Future[Prepared]] = deque()
    with ThreadPoolExecutor(workers, "pixmo-prepare") as threads:
        try:
            for question in questions:
                waiting.append(threads.submit(prepare, question))
                if len(waiting) > depth:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()


def batches(rows: Iterable[Prepared], size: int, longest: int, context: int) -> Iterator[list[Prepared]]:
    """Rows by so many, in order. One that the context would cut in a batch is alone, so that its neighbours are not cut with it."""
    batch: list[Prepared] = []
    for row in rows:
        if row.length + longest > context:
            yield [row]
            continue
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def likely_length(question: Question, processor: Processor | Processor2) -> int:
    """About how many tokens a question has, from the headers of its pictures: what decides which are batched together."""
    return sum(_tokens(data, processor) for data in question.pictures) + sum(map(len, question.turns)) // 4


def _tokens(data: bytes, processor: Processor | Processor2) -> int:
    name = format_of(data)
    size = declared(data, name) if name else None
    if size is None or min(size) < 1:
        return 0
    width, height = size
    if isinstance(processor, Processor):
        return len(layout(height, width, processor.cropping).kinds_T)
    return len(layout2(height, width, processor.cropping).kinds_T)


def _decoded(data: bytes) -> Image.Image:
    seen = look(data)
    if seen.image is None:
        raise BadRecord(f"its picture does not decode: {seen.outcome} {seen.detail}".rstrip())
    return seen.image
