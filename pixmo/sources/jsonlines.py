"""JSON: one object a line, or one array of objects. Parsed by Arrow in blocks; types are those that hold all rows."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import NoReturn

import pyarrow as pa
import pyarrow.json as pa_json

from pixmo.errors import BadSource
from pixmo.sources.place import Place, content, one_line
from pixmo.sources.reader import BLOCK_BYTES, sliced
from pixmo.sources.schemas import Clash, merged
from pixmo.sources.text import MAX_LINE_BYTES, line_blocks

_CHANGED = re.compile(r"Column\(/?(.*?)\) changed from (\w+) to (\w+) in row (\d+)")

Block = tuple[int, bytes]  # the number of its first line, and whole objects


class JsonReader:
    """Objects as rows; a key that an object lacks is null there. Text that looks like a date stays text."""

    def __init__(self, place: Place, kind: str) -> None:
        self.place = place
        self.rows: int | None = None
        self._is_array = kind == "json"
        self._schema: pa.Schema | None = None

    def schema(self) -> pa.Schema:
        """The keys of all rows in the order they first come: the file is read once for them."""
        if self._schema is None:
            found: pa.Schema = pa.schema([])
            for line, block in self._blocks():
                here = _plain(self._parsed(line, block).schema)
                try:
                    found = merged(found, here, gaps=True)
                except Clash as clash:
                    raise BadSource(
                        f"{self.place.name}:{line}: from about this line {clash.column!r} is {clash.there}, before it was "
                        f"{clash.here}; write it one way in all rows"
                    ) from clash
            self._schema = found
        return self._schema

    def batches(self, batch_rows: int) -> Iterator[pa.RecordBatch]:
        """The rows in order."""
        schema = self.schema()
        for line, block in self._blocks():
            table = self._parsed(line, block, schema).select(schema.names).combine_chunks()
            for batch in table.to_batches():
                yield from sliced(batch, batch_rows)

    def _parsed(self, line: int, block: bytes, schema: pa.Schema | None = None) -> pa.Table:
        reads = pa_json.ReadOptions(use_threads=False, block_size=len(block) + 1)
        parses = pa_json.ParseOptions(explicit_schema=schema, newlines_in_values=self._is_array)
        try:
            block.decode()
            table = pa_json.read_json(io.BytesIO(block), reads, parses)
        except (UnicodeDecodeError, pa.ArrowInvalid) as error:
            self._fail(line, block, error)
        return table

    def _fail(self, first_line: int, block: bytes, error: Exception) -> NoReturn:
        """Raises BadSource with the line at fault, which is looked for only now."""
        if not self._is_array:
            for number, line in enumerate(block.split(b"\n"), first_line):
                self._check_line(number, line)
        if found := _CHANGED.search(str(error)):
            row = int(found[4])
            lines = [n for n, line in enumerate(block.split(b"\n"), first_line) if line.strip()]
            where = (
                f"{self.place.name}:{lines[row]}"
                if not self._is_array
                else f"{self.place.name}: after line {first_line}"
            )
            raise BadSource(
                f"{where}: {found[1]!r} is {found[3]}, before it was {found[2]}; write it one way in all rows"
            ) from error
        raise BadSource(f"{self.place.name}: after line {first_line}: {one_line(str(error))}") from error

    def _check_line(self, number: int, line: bytes) -> None:
        where = f"{self.place.name}:{number}"
        if not line.strip():
            return
        try:
            row = json.loads(line)
        except UnicodeDecodeError:
            raise BadSource(f"{where}: is not UTF-8; save the file as UTF-8") from None
        except ValueError as error:
            raise BadSource(f"{where}: is not a JSON object of one line: {error}") from None
        if not isinstance(row, dict):
            raise BadSource(f"{where}: is {type(row).__name__} {one_line(line.decode(), 40)}, not an object {{…}}")
        try:
            pa_json.read_json(io.BytesIO(line), pa_json.ReadOptions(use_threads=False, block_size=len(line) + 1))
        except pa.ArrowInvalid as error:
            raise BadSource(f"{where}: {one_line(str(error).replace(' in row 0', ''))}") from None

    def _blocks(self) -> Iterator[Block]:
        with content(self.place) as stream:
            blocks = _array_blocks(stream, self.place.name) if self._is_array else line_blocks(stream)
            for line, block in blocks:
                block = block.removeprefix(b"\xef\xbb\xbf")
                if block.strip():
                    yield line, block


def _array_blocks(stream: pa.NativeFile, name: str) -> Iterator[Block]:
    """The objects of an array, cut out as they were written, in blocks."""
    out: list[str] = []
    size = first = 0
    for line, text in _objects(stream, name):
        first = first if out else line
        out.append(text)
        size += len(text)
        if size >= BLOCK_BYTES:
            yield first, "\n".join(out).encode()
            out, size = [], 0
    if out:
        yield first, "\n".join(out).encode()


def _objects(stream: pa.NativeFile, name: str) -> Iterator[tuple[int, str]]:
    """(line, text) of each object of an array, which is never held whole. Raises BadSource with the line at fault."""
    text = io.TextIOWrapper(stream, "utf-8-sig")
    decoder, held = json.JSONDecoder(), text.read(BLOCK_BYTES)
    at, line = held.index("[") + 1, 1 + held.count("\n", 0, held.index("["))
    while True:
        value = _next_value(held, at)
        line, at = line + held.count("\n", at, value), value
        if held[at : at + 1] == "]":
            return
        try:
            if at >= len(held):
                raise json.JSONDecodeError("the array is not closed", held, at)
            found, end = decoder.raw_decode(held, at)
            if end == len(held):
                raise json.JSONDecodeError("the array is not closed", held, at)
        except json.JSONDecodeError as error:
            more = _more(text, len(held) - at)
            if not more:
                line += held.count("\n", at, error.pos)
                raise BadSource(f"{name}:{line}: is not a JSON array of objects: {error.msg}") from None
            held, at = held[at:] + more, 0
            continue
        if not isinstance(found, dict):
            raise BadSource(f"{name}:{line}: holds {one_line(held[at:end], 40)}, not an object {{…}}")
        yield line, held[at:end]
        line, at = line + held.count("\n", at, end), end


def _more(text: io.TextIOWrapper, left: int) -> str:
    """As much again as is left: an object of many blocks is parsed a few times, not once per block."""
    return "" if left > MAX_LINE_BYTES else text.read(max(BLOCK_BYTES, left))


def _next_value(text: str, at: int) -> int:
    """Past white space and one comma."""
    comma = False
    while at < len(text) and (text[at].isspace() or (text[at] == "," and not comma)):
        comma = comma or text[at] == ","
        at += 1
    return at


def _plain(schema: pa.Schema) -> pa.Schema:
    """The schema with text where Arrow thought to see a date."""
    return pa.schema([pa.field(f.name, _plain_type(f.type)) for f in schema])


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(_plain_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(f.name, _plain_type(f.type)) for f in kind])
    return kind
