"""Rows of files as they are found: tables of any kind, and the JSON files that benchmarks publish.

JSONL, JSON arrays, Parquet, Arrow, CSV   a row each
{"annotations": [{…}, …], …}              the objects of its largest list: VQA, OK-VQA, TextVQA, DocVQA, InfographicVQA, ST-VQA
{"17": {…}, "18": {…}}                    an object a key, which becomes `id`: ScienceQA, MathVista
{"17": "B", "18": "A"}                    an answer a key: what MMMU's evaluator takes
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.types as pt

from pixmo.errors import BadSource
from pixmo.sources.columns import is_picture
from pixmo.sources.delimited import DelimitedReader
from pixmo.sources.files import FileSource, Part
from pixmo.sources.place import head, reading
from pixmo.sources.resolve import HubName, SetName, resolve
from pixmo.sources.sniff import kind_of

Row = dict[str, Any]  # Any: plain values of a file
LIST_NAMES = ("annotations", "questions", "data", "rows", "results", "predictions")
LARGEST_JSON_BYTES = 2 * 2**30


def file_rows(spec: str) -> Iterator[Row]:
    """The rows of a file or of several (a glob, a folder), in order. Raises BadSource with what cannot be read, and where."""
    found = resolve(spec)
    if isinstance(found, (HubName, SetName)):
        raise BadSource(f"{spec}: is a set and no file; a file of that name is written ./{spec}")
    if len(found) == 1 and _is_object(Path(spec)):
        yield from _published_rows(Path(spec))
        return
    for part in found:
        kind = kind_of(part.place.name, head(part.place))
        if kind in ("csv", "tsv"):
            yield from _written_rows(part, "\t" if kind == "tsv" else ",")
            continue
        yield from _typed_rows(part)


def _written_rows(part: Part, delimiter: str) -> Iterator[Row]:
    """The values as they are written: an answer of 10:25 is no time of day here, and 007 is not 7."""
    with reading(part.place):
        reader = DelimitedReader(part.place, delimiter)
        for name in reader.schema().names:
            reader.read_as_text(name)
        for batch in reader.batches(8192):
            yield from batch.to_pylist()


def _typed_rows(part: Part) -> Iterator[Row]:
    try:
        for batch in FileSource(part.place.name, [part]).batches():
            yield from without_pictures(batch).to_pylist()
    except RecursionError:
        raise BadSource(f"{part.place.name}: is JSON nested too deeply to be read") from None


def _is_object(path: Path) -> bool:
    """Whether a file is one JSON object, and not one object a line."""
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    with path.open("rb") as file:
        first = file.readline(2**20).removeprefix(b"\xef\xbb\xbf").strip()
        more = bool(file.read(2**10).strip())
    if not first.startswith(b"{"):
        return False
    try:
        json.loads(first)
    except ValueError:
        return True  # an object over several lines, or longer than a line that is looked at
    return not more


def _published_rows(path: Path) -> Iterator[Row]:
    if path.stat().st_size > LARGEST_JSON_BYTES:
        raise BadSource(f"{path}: larger than 2 GB; write it as JSONL, one object a line")
    try:
        text = path.read_text(encoding="utf-8-sig")
        members = json.loads(text, object_pairs_hook=_slim)
    except UnicodeDecodeError:
        raise BadSource(f"{path}: is not UTF-8; save the file as UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise BadSource(f"{path}: is not JSON that can be read: {' '.join(str(error).split())}") from None
    lists = {k: v for k, v in members.items() if isinstance(v, list) and v and all(isinstance(r, dict) for r in v)}
    named = [name for name in LIST_NAMES if name in lists]
    if lists:
        yield from lists[named[0] if named else max(lists, key=lambda name: len(lists[name]))]
    elif members and all(isinstance(v, dict) for v in members.values()):
        yield from ({"id": key} | row for key, row in members.items())
    elif members and all(isinstance(v, (str, int, float)) for v in members.values()):
        yield from ({"id": key, "prediction": value} for key, value in members.items())
    else:
        raise BadSource(
            f"{path}: is a JSON object without a list of objects; {', '.join(LIST_NAMES[:3])} are looked for"
        )


def _slim(pairs: list[tuple[str, Any]]) -> Row | str:  # Any: JSON values
    """VQA's annotations hold two million objects of one answer each: the answer alone is a fifth of the memory."""
    found = dict(pairs)
    if "answer_id" in found and isinstance(found.get("answer"), str):
        return sys.intern(found["answer"])
    return found


def without_pictures(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The columns that are no bytes: a table of questions may carry its pictures, and no metric looks at them."""
    keep = [f.name for f in batch.schema if not _is_bytes(f.type)]
    if not keep:
        raise BadSource("every column holds pictures or bytes; there is nothing to compare with")
    return batch.select(keep)


def _is_bytes(kind: pa.DataType) -> bool:
    inner = kind.value_type if pt.is_list(kind) or pt.is_large_list(kind) else kind
    return bool(is_picture(inner) or pt.is_binary(inner) or pt.is_large_binary(inner))
