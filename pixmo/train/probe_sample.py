"""The rows a probe looks at: which there are, which show the same picture, two halves, and captions dealt to other pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.random import RandomState

from pixmo.dataset.rows_chunk import Row
from pixmo.errors import BadRecord, BadSource
from pixmo.ids import digest
from pixmo.molmo.processor import Inputs
from pixmo.train.examples import Draw, Texts
from pixmo.train.mixture import Turns
from pixmo.train.score import Styled

TOGETHER = 64  # rows that are read at a time
TRIES = 200  # swaps per row before captions count as too alike to be dealt


class Told(NamedTuple):
    """One row: where it stands, what is said of its picture, and in which styles."""

    draw: Draw
    texts: Texts
    style: str
    tokens: int  # of its whole sequence

    @property
    def id(self) -> str:
        """The row's name."""
        return self.draw.row.id

    @property
    def said(self) -> str:
        """The answers, without case and spacing: rows that say the same have the same caption."""
        return "\n".join(" ".join(text.casefold().split()) for turns in self.texts for text in turns[1::2])


class Sample:
    """Some rows of a set that can be learned, in a fixed order of chance. Raises BadSource when there are none."""

    def __init__(self, styled: Styled, rows: int, seed: int, loaders: int = 2) -> None:
        self._styled = styled
        self.left_out: dict[str, str] = {}
        self.told = self._gathered(rows, seed, loaders)
        if not self.told:
            reason = next(iter(self.left_out.values()))
            source = styled.examples.source.path
            raise BadSource(f"{source}: none of its {len(self.left_out)} rows can be learned: {reason}")
        self.pictures = same_pictures([each.draw.row for each in self.told])
        self.cut = sum(each.tokens == styled.context for each in self.told)

    def __len__(self) -> int:
        return len(self.told)

    def inputs(self, row: int, said: int) -> Inputs:
        """The sequence of one row's picture with what is said in another. Raises BadRecord where that cannot be learned."""
        return self._styled.examples.example(self.told[row].draw, self.told[said].texts).inputs

    def batch(self, rows: Sequence[int], says: Sequence[int]) -> Inputs:
        """Several of them, padded."""
        made = [self.inputs(*each) for each in zip(rows, says, strict=True)]
        return self._styled.examples.processor.training_batch(made)

    def digest(self) -> str:
        """Of everything a model sees of these rows."""
        seen = (f"{each.id}\0{each.texts}\0{_files(each.draw.row)}" for each in self.told)
        return digest("\n".join(seen).encode(errors="surrogatepass"))

    def _gathered(self, rows: int, seed: int, loaders: int) -> list[Told]:
        whole, found = self._styled.examples.rows, list[Told]()
        turns = Turns(whole, seed)
        with ThreadPoolExecutor(loaders) as threads:
            for start in range(0, len(whole), TOGETHER):
                if len(found) >= rows:
                    break
                numbers = [turns.row(visit)[0] for visit in range(start, min(start + TOGETHER, len(whole)))]
                draws = [Draw(row, at) for row, at in zip(whole.take(numbers, pictures=True), numbers, strict=True)]
                for draw, made in zip(draws, threads.map(self._made, draws), strict=True):
                    if isinstance(made, Told):
                        found.append(made)
                    else:
                        self.left_out[draw.row.id] = made
        return found[:rows]

    def _made(self, draw: Draw) -> Told | str:
        made = self._styled.made(draw)
        if isinstance(made, str):
            return made
        example, styles = made
        return Told(draw, example.texts, "+".join(dict.fromkeys(styles)), len(example.inputs["input_ids"]))


def same_pictures(rows: Sequence[Row]) -> list[int]:
    """For each row the number of the first that shows the same picture: by its file, the hash told, or where it was found."""
    first: dict[str, int] = {}
    leads = list(range(len(rows)))

    def lead(row: int) -> int:
        while leads[row] != row:
            row = leads[row]
        return row

    for number, row in enumerate(rows):
        for name in _names(row):
            one, other = sorted((lead(first.setdefault(name, number)), lead(number)))
            leads[other] = one
    return [lead(number) for number in range(len(rows))]


def halves(pictures: Sequence[int], seed: int) -> list[list[int]]:
    """Two halves of the rows, as even as may be; rows of the same picture stand in the same one."""
    by_picture: dict[int, list[int]] = {}
    for row, picture in enumerate(pictures):
        by_picture.setdefault(picture, []).append(row)
    order = RandomState(seed).permutation(sorted(by_picture))
    parts: list[list[int]] = [[], []]
    for picture in sorted(
        order, key=lambda each: -len(by_picture[each])
    ):  # stable: of equal ones, as they were shuffled
        min(parts, key=len).extend(by_picture[picture])
    return [sorted(part) for part in parts]


def dealt(said: Sequence[str], seed: int) -> list[int] | None:
    """For each row whose caption it gets: a permutation of chance in which no row gets a caption that is its own.

    A row with the same words counts as its own. None where too many say the same.
    """
    rows, draw = len(said), RandomState(seed)
    if rows < 2 or max(Counter(said).values()) > rows / 2:
        return None
    gets = draw.permutation(rows).tolist()
    wrong = [row for row in range(rows) if said[gets[row]] == said[row]]
    for _ in range(TRIES * rows):
        if not wrong:
            return list(gets)
        row, other = wrong[-1], int(draw.randint(rows))
        if said[gets[other]] != said[row] and said[gets[row]] != said[other]:
            gets[row], gets[other] = gets[other], gets[row]
            wrong = [each for each in wrong if said[gets[each]] == said[each]]
    return None


def order(rows: Sequence[int], steps: int, batch: int, seed: int) -> list[list[int]]:
    """The rows of each step: all of them, shuffled anew each time round."""
    rounds = -(-steps * batch // len(rows))
    whole = np.concatenate([RandomState([seed, each]).permutation(rows) for each in range(rounds)])
    return [whole[at : at + batch].tolist() for at in range(0, steps * batch, batch)]


def _names(row: Row) -> list[str]:
    """What a row's picture is known by."""
    names = [f"file {one}" for one in _files(row)]
    for record in _records(row):
        told = {name: getattr(record, name, None) for name in ("image_url", "image_sha256")}
        names += [f"{name} {value}" for name, value in told.items() if isinstance(value, str) and value]
    return names


def _records(row: Row) -> Sequence[object]:
    try:
        return row.records
    except BadRecord:
        return ()


def _files(row: Row) -> list[str]:
    return [digest(data) for data in row.pictures_bytes if data is not None]
