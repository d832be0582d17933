"""The rows of a set as sequences that a Molmo learns: pictures, texts, labels.

A picture's annotations stand in one sequence, where they do not see each other. What cannot be learned has a reason, never silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, NamedTuple

from pixmo.dataset.load import load
from pixmo.dataset.rows import Rows
from pixmo.dataset.rows_chunk import Row
from pixmo.errors import BadRecord, BadSource
from pixmo.molmo.processor import Inputs, Picture, Processor
from pixmo.molmo.processor2 import Processor2
from pixmo.text.prompts import format_example, settings_named
from pixmo.text.prompts_draws import RandomDraws
from pixmo.text.prompts_examples import Example as Asked
from pixmo.text.prompts_records import examples_of
from pixmo.train.mixture import Turns
from pixmo.train.settings import Source

MOST_TOGETHER = 64  # rows read at a time, with their pictures
Texts = list[list[str]]
"""The turns of each annotation of a picture, questions and answers by turns."""


class Example(NamedTuple):
    """One sequence."""

    row: str  # its id
    number: int  # its place in the set
    inputs: Inputs  # what the processor makes of it, cut to the context
    texts: Texts
    passed: tuple[tuple[str, str], ...] = ()  # the rows it came instead of, and why they cannot be learned


class Examples:
    """The rows of a source as examples for a processor.

    `left_out` names the rows met that cannot be learned, with the reason. Raises BadSource for a set without rows or of no known kind.
    """

    def __init__(
        self,
        source: Source,
        processor: Processor | Processor2,
        *,
        context: int,
        seed: int = 0,
        rows: Rows | None = None,
    ) -> None:
        """`rows` instead of what stands at the source's path: a part of it, say."""
        self.rows = rows if rows is not None else _loaded(source)
        if not len(self.rows):
            raise BadSource(f"{source.path}: has no rows{f' in split {source.split!r}' if source.split else ''}")
        if self.rows.kind is None:
            raise BadSource(
                f'{source.path}: nothing says what its rows are; give the source `as = "caption"` or another kind'
            )
        if self.rows.layout.picture is None:  # told now: every row would be looked at in vain
            raise BadSource(
                f"{source.path}: no column holds pictures as datasets writes them (bytes and path); `pixmo import` or `pixmo download` "
                f"makes a set with them (columns: {', '.join(self.rows.columns)})"
            )
        family = 2 if isinstance(processor, Processor2) else 1
        name = source.prompts or f"molmo{family}-captioner"
        self.source, self.prompts = source, settings_named(name)
        self.processor = replace(processor, context=2**31)  # longer examples are cut, not refused
        self._shares_weight = not name.endswith(
            "captioner"
        )  # Molmo (2024): over the root of the annotations in fine-tuning only
        self.left_out: dict[str, str] = {}
        self._context, self._seed = context, seed
        self._turns = Turns(self.rows, seed)

    def __len__(self) -> int:
        return len(self.rows)

    def visited(self, visits: Sequence[int]) -> list[Example]:
        """The examples of some visits, read together. A row that cannot be learned gives way to the one after it.

        Raises BadSource when no row of the set can be learned.
        """
        turns = [self._turns.row(visit) for visit in visits]
        rows = self.rows.take([number for number, _ in turns], pictures=True)
        return [self._learnable(visit, Draw(row, *turn)) for visit, row, turn in zip(visits, rows, turns, strict=True)]

    def at(self, number: int, epoch: int = 0) -> Example:
        """The example of one row, in the words of an epoch. Raises BadRecord where it cannot be learned."""
        return self.example(Draw(self.rows.take([number], pictures=True)[0], number, epoch))

    def example(self, draw: Draw, texts: Texts | None = None) -> Example:
        """The example of a row, or of its picture with other `texts`. Raises BadRecord where it cannot be learned."""
        texts = self.texts(draw) if texts is None else texts
        return Example(draw.row.id, draw.number, self._sequence(_pictures(draw.row), texts), texts)

    def texts(self, draw: Draw) -> Texts:
        """What is said about a row's picture, each annotation in the words of its epoch. Raises BadRecord where there is nothing."""
        draws = RandomDraws.for_row(f"{draw.row.id} {draw.epoch}", self._seed)
        asked = list(self._asked(draw.row, draws))
        lacking = [example.lacks for example in asked if example.lacks]
        asked = [example for example in asked if not example.lacks]
        if not asked:
            raise BadRecord(lacking[0] if lacking else "nothing is known to ask about it")
        if len(draw.row.records) > 1:  # where a picture has more annotations than fit, it is not always the same ones
            asked = [asked.pop(draws.index(len(asked))) for _ in range(len(asked))]
        texts = [format_example(example, self.prompts, draws) for example in asked]
        said = [turns for turns in texts if all(answer.strip() for answer in turns[1::2])]
        if not said:
            raise BadRecord("its answers are empty")
        return said

    def _asked(self, row: Row, draws: RandomDraws) -> Iterator[Asked]:
        for record in row.records:
            found = examples_of(record, size_px=_size(row))
            found = [each for each in found if not self.source.styles or each.style in self.source.styles]
            spoken = [each for each in found if each.style == "transcript"]
            yield from (each for each in found if each.style != "transcript")
            for _ in range(min(self.source.transcripts, len(spoken))):
                yield spoken.pop(draws.index(len(spoken)))

    def _sequence(self, pictures: list[Picture], texts: Texts) -> Inputs:
        made: Inputs
        if isinstance(self.processor, Processor2):
            made = self.processor.example(pictures, texts, weight=self.source.weight or None)
        else:
            if len(pictures) > 1:
                raise BadRecord(f"{len(pictures)} pictures; this model learns from one at a time")
            picture = next(iter(pictures), None)
            made = self.processor.example(
                picture, texts, weight=self.source.weight or 1.0, is_weight_shared=self._shares_weight
            )
        return cut(made, self._context)

    def _learnable(self, visit: int, draw: Draw) -> Example:
        passed: dict[str, str] = {}
        for each in chain([draw], self._after(visit)):
            try:
                return self.example(each)._replace(passed=tuple(passed.items()))
            except BadRecord as error:
                self.left_out[each.row.id] = passed[each.row.id] = str(error)
        reason = next(iter(self.left_out.values()))
        raise BadSource(f"{self.source.path}: none of its {len(self.rows)} rows can be learned: {reason}")

    def _after(self, visit: int) -> Iterator[Draw]:
        """What may come instead of a visit's row, all others in turn; more at a time where many in a row cannot be learned."""
        at, many = 1, 1
        while at < len(self.rows):
            turns = [self._turns.row(visit + further) for further in range(at, min(at + many, len(self.rows)))]
            rows = self.rows.take([number for number, _ in turns], pictures=True)
            yield from (Draw(row, *turn) for row, turn in zip(rows, turns, strict=True))
            at, many = at + len(turns), min(2 * many, MOST_TOGETHER)


class Draw(NamedTuple):
    """A row with its number in the set, and the epoch that decides its words."""

    row: Row
    number: int
    epoch: int = 0


def cut(inputs: Inputs, context: int) -> Inputs:
    """An example without the tokens beyond the context; BadRecord where the picture or everything learned stands there."""
    length = len(inputs["input_ids"])
    if length <= context:
        return inputs
    made = {name: value[:context] if value.ndim == 1 else value for name, value in inputs.items()}
    if not bool((made["loss_masks"] > 0).any()):  # the picture stands before what is learned: it is whole then, too
        raise BadRecord(f"{length} tokens; within a context of {context} nothing of it can be learned")
    return made


def _loaded(source: Source) -> Rows:
    told: dict[str, Any] = {"as_": source.as_, "unit": source.unit, "split": source.split}  # Any: options of load
    return load(source.path, **{key: value for key, value in told.items() if value})


def _pictures(row: Row) -> list[Picture]:
    if not row.pictures_bytes:
        raise BadRecord(f"row {row.id}: has no picture")
    return [row.picture(number) for number in range(len(row.pictures_bytes))]


def _size(row: Row) -> tuple[int, int] | None:
    """Width and height where columns tell them."""
    width, height = row.columns.get("width"), row.columns.get("height")
    return (width, height) if isinstance(width, int) and isinstance(height, int) else None
