"""Captions to be judged: predictions of one or more models, each tied to what people said of its picture."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pixmo.errors import BadSetting, BadSource, NoSpace
from pixmo.ids import canonical_json
from pixmo.sources.columns import Columns
from pixmo.sources.judged_thumbnail import thumbnail
from pixmo.sources.judged_tie import Tied, tie, tied
from pixmo.sources.predictions import named, read_predictions
from pixmo.sources.reader import BATCH_BYTES
from pixmo.sources.references import Reference, References, open_references
from pixmo.sources.source import Expected

SEED = 12312
"""Of Ai2's script."""
_LIST = pa.list_(pa.string())
SCHEMA = pa.schema(
    [
        ("picture", pa.string()), ("image_url", pa.string()), ("thumbnail", pa.binary()), ("model", pa.string()),
        ("caption", pa.string()), ("transcripts", _LIST), ("given_statements", _LIST), ("given_categories", _LIST),
        ("given_text", pa.string()),
    ]
)  # fmt: skip


class _Picture(NamedTuple):
    name: str
    tie: str  # what ties captions to it
    rows: tuple[int, ...]  # of the references


def open_judged(
    predictions: Sequence[str], references: str, *, sample: int | None, seed: int = SEED, allow_missing: bool = False,
    prediction_column: str | None = None, key: str | None = None, kind: str = "image",
) -> tuple[JudgedSource, Columns]:  # fmt: skip
    """Rows of (picture, model), picture by picture in the order of the sample, and no columns to fetch pictures by.

    `sample` pictures are drawn from the references as Ai2's script draws them; None, or more than there are, takes all.
    Raises BadSource or BadSetting where the two do not fit together, BadSource for missing predictions unless `allow_missing`.
    """
    if sample is not None and sample < 1:
        raise BadSetting(f"--sample {sample}: give a number of pictures, 1 or more")
    if not 0 <= seed < 2**32:
        raise BadSetting(f"--seed {seed}: give a whole number from 0 to {2**32 - 1}")
    if not predictions:
        raise BadSetting("no predictions given; write PATH or NAME=PATH")
    asked = named(predictions)
    refs = open_references(references, kind, key)
    models = [read_predictions(one, prediction_column, key) for one in asked]
    column = tie(refs, models, key)
    known, duplicates = _pictures(refs, column)
    ties = [p.tie for p in known]
    found = [tied(model, column, ties) for model in models]
    chosen = [known[i] for i in sampled([p.name for p in known], sample, seed)]
    source = JudgedSource(refs, chosen, found, column, duplicates)
    if source.missing and not allow_missing:
        raise BadSource(_missing(source))
    if not source.rows:
        raise BadSource(f"{source.name}: no picture of the sample has a prediction; sample more pictures")
    return source, Columns(None, None, None, None)


def sampled(pictures: Sequence[str], sample: int | None, seed: int) -> list[int]:
    """Numbers of the pictures drawn: sorted by the digests of their names, shuffled by NumPy's old generator, the first of them."""
    ids = [hashlib.sha256(name.encode()).hexdigest() for name in pictures]
    order = sorted(range(len(ids)), key=ids.__getitem__)
    np.random.RandomState(seed).shuffle(order)
    return order[:sample]


class JudgedSource:
    """Rows of (picture, model), with the columns of SCHEMA.

    models, pictures    the names of the predictions, and how many pictures were sampled
    key                 the column that tied both
    missing             predictions that sampled pictures lack; `missing_first` names five
    extra               predictions of pictures that the references do not hold
    nulls               predictions of sampled pictures that are null, which are empty captions
    duplicates          equal predictions left out; `reference_duplicates`: rows of references joined to others
    without_transcripts sampled pictures of which nothing was said; `without_words`: and no statements are given either
    references_digest   of the sampled pictures and all that people said of them, whatever their order and files
    """

    splits: tuple[str, ...] = ()

    def __init__(
        self, references: References, chosen: Sequence[_Picture], found: Sequence[Tied], key: str, duplicates: int
    ) -> None:
        self._references, self._chosen = references, chosen
        self.models = [f.name for f in found]
        self.name = f"{', '.join(self.models)} of {references.name}"
        self.licence = references.licence
        self.key, self.pictures = key, len(chosen)
        self.extra = sum(f.extra for f in found)
        self.duplicates = sum(f.duplicates for f in found)
        self.reference_duplicates = duplicates
        self._captions = [[f.captions.get(p.tie) for p in chosen] for f in found]
        self.nulls = sum(p.tie in f.nulls for f in found for p in chosen)
        lacking = [(n, p.name) for n, c in zip(self.models, self._captions, strict=True)
                   for p, text in zip(chosen, c, strict=True) if text is None]  # fmt: skip
        self.missing = len(lacking)
        self.missing_first = [p if len(self.models) == 1 else f"{n}: {p}" for n, p in lacking[:5]]
        self.rows = len(self.models) * len(chosen) - len(lacking)
        self.expected: Expected | None = Expected(self.rows, 0, 0)
        self._told = _told(references, chosen)
        self.without_transcripts = sum(not any(t.strip() for t in r.transcripts) for r in self._told)
        self.without_words = sum(not any(map(str.strip, _words(r))) for r in self._told)
        self.references_digest = _digest_of_references(chosen, self._told)

    def __repr__(self) -> str:
        return f"JudgedSource({self.name!r}, {self.pictures} pictures)"

    def schema(self) -> pa.Schema:
        """SCHEMA."""
        return SCHEMA

    def identity(self) -> dict[str, Any]:  # Any: plain JSON
        """Digests of all rows and references; pictures change with the list that holds them."""
        rows = hashlib.sha256()
        for i, m, caption in self._rows():
            rows.update(
                canonical_json([self._chosen[i].name, self._told[i].image_url, self.models[m], caption]) + b"\n"
            )
        shown = {"pictures": self._references.identity()} if self._references.has_pictures else {}
        return {"judged": rows.hexdigest(), "references": self.references_digest} | shown

    def batches(self, batch_rows: int = 8192) -> Iterator[pa.RecordBatch]:
        """The rows in order; about 64 MB at a time. Thumbnails wait on disk, in $TMPDIR."""
        held: list[dict[str, Any]] = []  # Any: column values
        size = 0
        with _thumbnails(self._references, self._chosen) as thumbnail_of:
            for i, m, caption in self._rows():
                row = self._row(i, m, caption) | {"thumbnail": thumbnail_of(i)}
                row_bytes = _size(row)
                if held and (len(held) >= batch_rows or size + row_bytes > BATCH_BYTES):
                    yield pa.RecordBatch.from_pylist(held, SCHEMA)
                    held, size = [], 0
                held.append(row)
                size += row_bytes
            if held:
                yield pa.RecordBatch.from_pylist(held, SCHEMA)

    def _rows(self) -> Iterator[tuple[int, int, str]]:
        """(picture, model, caption): all models of a picture, then the next picture."""
        for i in range(len(self._chosen)):
            for m, captions in enumerate(self._captions):
                caption = captions[i]
                if caption is not None:
                    yield i, m, caption

    def _row(self, i: int, m: int, caption: str) -> dict[str, Any]:  # Any: column values
        told = self._told[i]
        return {
            "picture": self._chosen[i].name, "image_url": told.image_url, "model": self.models[m], "caption": caption,
            "transcripts": told.transcripts, "given_statements": told.statements,
            "given_categories": told.categories, "given_text": told.text,
        }  # fmt: skip


def _pictures(refs: References, column: str) -> tuple[list[_Picture], int]:
    """The pictures of the references, and how many rows were joined to others. Rows that name no picture are left out."""
    rows: dict[str, list[int]] = {}
    ties: dict[str, str] = {}
    for row, (name, by) in enumerate(zip(refs.pictures(column), refs.ties(column), strict=True)):
        name, by = (name or "").strip(), (by or "").strip()
        if name and by:
            rows.setdefault(name, []).append(row)
            ties[name] = by
    merged = [_Picture(n, ties[n], tuple(r) if refs.merges else (r[-1],)) for n, r in rows.items()]
    return merged, sum(len(r) - 1 for r in rows.values())


def _told(refs: References, chosen: Sequence[_Picture]) -> list[Reference]:
    """What was said of each picture; of several rows, joined."""
    owner = {row: i for i, p in enumerate(chosen) for row in p.rows}
    out: list[Reference | None] = [None] * len(chosen)
    for row, told in refs.read(owner.keys()):
        before = out[owner[row]]
        out[owner[row]] = told if before is None else before.merged(told)
    if None in out:
        raise BadSource(f"{refs.name}: was changed while it was read; try again")
    return [told for told in out if told is not None]


def _words(told: Reference) -> Iterator[str]:
    yield from told.transcripts
    yield from told.statements or ()
    yield told.text or ""


def _digest_of_references(chosen: Sequence[_Picture], told: Sequence[Reference]) -> str:
    out = hashlib.sha256()
    for i in sorted(range(len(chosen)), key=lambda i: chosen[i].name):
        _, transcripts, statements, categories, text = told[i]
        out.update(canonical_json([chosen[i].name, transcripts, statements, categories, text]) + b"\n")
    return out.hexdigest()


@contextlib.contextmanager
def _thumbnails(refs: References, chosen: Sequence[_Picture]) -> Iterator[Callable[[int], bytes | None]]:
    """The thumbnail of a picture by its number: made in one pass, since pictures lie in another order than the sample's."""
    if not refs.has_pictures:
        yield lambda i: None
        return
    owner = {p.rows[0]: i for i, p in enumerate(chosen)}
    places: dict[int, tuple[int, int]] = {}
    with tempfile.TemporaryFile(prefix="pixmo-") as file:
        for row, data in refs.read_pictures(owner.keys()):
            if small := thumbnail(data):
                places[owner[row]] = (file.tell(), len(small))
                _write(file, small)

        def thumbnail_of(i: int) -> bytes | None:
            if i not in places:
                return None
            file.seek(places[i][0])
            return bytes(file.read(places[i][1]))

        yield thumbnail_of


def _write(file: Any, data: bytes) -> None:  # Any: a temporary file
    try:
        file.write(data)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise NoSpace(f"{tempfile.gettempdir()}: no space for thumbnails; set TMPDIR to a larger disk") from error


def _size(row: dict[str, Any]) -> int:  # Any: column values
    lists = (*row["transcripts"], *(row["given_statements"] or ()), row["given_text"] or "", row["caption"])
    return len(row["thumbnail"] or b"") + sum(map(len, lists))


def _missing(source: JudgedSource) -> str:
    of = len(source.models) * source.pictures
    more = ", …" if source.missing > len(source.missing_first) else ""
    return (
        f"{source.name}: {source.missing:,} of {of:,} predictions are missing: {', '.join(source.missing_first)}{more}; "
        "--allow-missing scores what is there"
    )
