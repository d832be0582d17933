"""CSV and TSV. Types are those Arrow sees, widened where a later row needs it, so that no row is lost to a guess."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NoReturn

import pyarrow as pa
import pyarrow.csv as pa_csv

from pixmo.errors import BadSource
from pixmo.sources.place import Place, content, head, one_line
from pixmo.sources.reader import BLOCK_BYTES, sliced

MAX_ROW_BYTES = 2**29
# The row is told where one thread reads: on a machine of one core.
_CONVERSION = re.compile(
    r"In CSV column #(\d+): (?:Row #\d+: )?CSV conversion error to [^:]+: invalid value '(.*)'", re.DOTALL
)
_DIGEST = re.compile(r"sha\d|md5|hash|checksum|digest", re.IGNORECASE)
_URL = re.compile(r"\s*https?://", re.IGNORECASE)


class DelimitedReader:
    """A table as text. A first line that holds a URL is a row and not a header: its column is then called `url`."""

    def __init__(self, place: Place, delimiter: str) -> None:
        self.place = place
        self.rows: int | None = None
        self._block_bytes = BLOCK_BYTES
        first = _first_row(place, delimiter)
        if delimiter == "," and len(first) == 1 and ";" in first[0] and not _URL.match(first[0]):
            delimiter, first = ";", _first_row(place, ";")
        self._delimiter = delimiter
        self._names = _invented_names(first)
        twice = [name for name, count in Counter(first).items() if count > 1]
        if twice and not self._names:
            raise BadSource(f"{place.name}: two columns are called {twice[0]!r}; rename one in its first line")
        # a digest of digits alone is not a number
        self._types: dict[str, pa.DataType] = {n: pa.string() for n in self._names or first if _DIGEST.search(n)}
        self._schema: pa.Schema | None = None

    def schema(self) -> pa.Schema:
        """Types that hold every row: the file is read once for them, unless one block is all of it."""
        while self._schema is None:
            try:
                for batch in self._read():
                    self._check_text(batch)
                    found = batch.schema
                self._schema = found
            except pa.ArrowInvalid as error:
                self._widen(error)
        return self._schema

    def read_as_text(self, name: str) -> None:
        """Takes a column as it is written."""
        self._types[name] = pa.string()
        self._schema = None

    def batches(self, batch_rows: int) -> Iterator[pa.RecordBatch]:
        """The rows in order."""
        schema = self.schema()
        self._types = dict(zip(schema.names, schema.types, strict=True))
        for batch in self._read():
            yield from sliced(batch, batch_rows)

    def _read(self) -> Iterator[pa.RecordBatch]:
        last: pa.RecordBatch | None = None
        with content(self.place) as stream, self._open(stream) as reader:
            self._reader_names = reader.schema.names
            for last in reader:
                yield last
            if last is None:
                yield pa.RecordBatch.from_pylist([], reader.schema)
        if last is not None and last.num_rows and _may_be_unclosed(last):
            self._fail_if_unclosed()

    def _open(self, stream: pa.NativeFile) -> pa_csv.CSVStreamingReader:
        return pa_csv.open_csv(
            stream,
            pa_csv.ReadOptions(block_size=self._block_bytes, column_names=self._names, use_threads=True),
            pa_csv.ParseOptions(delimiter=self._delimiter, newlines_in_values=True),
            pa_csv.ConvertOptions(column_types=self._types),
        )

    def _widen(self, error: pa.ArrowInvalid) -> None:
        """Notes the type that the value in the way needs; raises BadSource when types are not what is wrong."""
        if "straddling" in str(error) and self._block_bytes < MAX_ROW_BYTES:
            self._fail_if_unclosed()
            self._block_bytes *= 8
            return
        found = _CONVERSION.search(str(error))
        if found is None:
            self._fail(error)
        name = self._reader_names[int(found[1])] if int(found[1]) < len(self._reader_names) else None
        if name is None:
            self._fail(error)
        before = self._types.get(name) or self._first_type(name)
        self._types[name] = _wider(before, found[2])

    def _first_type(self, name: str) -> pa.DataType:
        with content(self.place) as stream, self._open(stream) as reader:
            return reader.schema.field(name).type

    def _check_text(self, batch: pa.RecordBatch) -> None:
        if any(pa.types.is_binary(kind) for kind in batch.schema.types):
            self._fail(pa.ArrowInvalid("invalid UTF8 data"))

    def _fail(self, error: pa.ArrowInvalid) -> NoReturn:
        """Raises BadSource with the line at fault, which is looked for only now."""
        said = str(error)
        if "UTF8" in said:
            raise not_utf8(self.place) from error
        for line, fields, expected in self._ragged():
            raise BadSource(
                f"{self.place.name}:{line}: has {fields} fields where the first line has {expected}; "
                f"quote fields that hold the delimiter {self._delimiter!r}"
            ) from error
        raise BadSource(f"{self.place.name}: {one_line(said)}") from error

    def _ragged(self) -> Iterator[tuple[int, int, int]]:
        with content(self.place) as stream:
            rows = csv.reader(io.TextIOWrapper(stream, "utf-8-sig", "replace", newline=""), delimiter=self._delimiter)
            expected = 0
            try:
                for row in rows:
                    expected = expected or len(row)
                    if row and len(row) != expected:
                        yield rows.line_num, len(row), expected
            except csv.Error:
                self._fail_if_unclosed()

    def _fail_if_unclosed(self) -> None:
        """Raises BadSource when a quote is opened and never closed: all after it would be one value."""
        with content(self.place) as stream:
            text = io.TextIOWrapper(stream, "utf-8-sig", "replace", newline="")
            inside, since = False, 0
            for number, line in enumerate(text, 1):
                was, inside = inside, _quote_open(line, self._delimiter, inside)
                since = number if inside and (not was or '"' in line) else since
        if inside:
            raise BadSource(f"{self.place.name}:{since}: a quote is opened in this line and never closed")


def _quote_open(line: str, delimiter: str, inside: bool) -> bool:
    """Whether a quoted field is open after the line; a quote opens one only where a field begins."""
    if '"' not in line:
        return inside
    begins, at = not inside, 0
    while at < len(line):
        if line[at] == '"' and inside:
            if line[at + 1 : at + 2] == '"':
                at += 1  # a doubled quote stands for itself
            else:
                inside = False
        elif line[at] == '"' and begins:
            inside = True
        begins = not inside and line[at] == delimiter
        at += 1
    return inside


def _may_be_unclosed(batch: pa.RecordBatch) -> bool:
    """Whether a value of the last row runs over several lines, as all do after a quote that is never closed."""
    last = batch.slice(batch.num_rows - 1)
    return any("\n" in str(c[0].as_py()) for c in last.columns if pa.types.is_string(c.type) and c[0].is_valid)


def not_utf8(place: Place) -> BadSource:
    """The error for a file with bytes that are no UTF-8, naming the first such line."""
    with content(place) as stream:
        for number, line in enumerate(io.BufferedReader(stream), 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                near = one_line(line[max(0, error.start - 20) : error.start + 20].decode(errors="replace"))
                return BadSource(f"{place.name}:{number}: is not UTF-8 (near {near!r}); save the file as UTF-8")
    return BadSource(f"{place.name}: is not UTF-8; save the file as UTF-8")


def agree(readers: Sequence[DelimitedReader]) -> None:
    """Takes a column as text in all files when it is in one and not in another: types are guesses in such files."""
    kinds: dict[str, set[pa.DataType]] = {}
    for reader in readers:
        for field in reader.schema():
            kinds.setdefault(field.name, set()).add(field.type)
    for name, found in kinds.items():
        if len(found - {pa.null()}) > 1 and found - {pa.null(), pa.int64(), pa.float64()}:
            for reader in readers:
                if name in reader.schema().names:
                    reader.read_as_text(name)


def _first_row(place: Place, delimiter: str) -> list[str]:
    start = head(place).decode("utf-8-sig", "replace")
    rows = csv.reader(io.StringIO(start, newline=""), delimiter=delimiter)
    return next((row for row in rows if row), [])


def _invented_names(first: list[str]) -> list[str] | None:
    """Names for a table whose first line is a row already, told by a URL in it; None when the line is a header."""
    urls = [i for i, value in enumerate(first) if _URL.match(value)]
    if not urls:
        return None
    return ["url" if urls == [i] else f"f{i}" for i in range(len(first))]


def _wider(kind: pa.DataType, value: str) -> pa.DataType:
    """The type that holds a column's values so far and one more."""
    try:
        seen = pa_csv.read_csv(io.BytesIO(b'x\n"' + value.replace('"', '""').encode() + b'"\n')).schema.types[0]
    except pa.ArrowInvalid:
        return pa.string()
    if pa.types.is_null(kind):
        return pa.string() if pa.types.is_binary(seen) else seen
    number = {pa.int64(), pa.float64()}
    return pa.float64() if kind in number and seen in number else pa.string()
