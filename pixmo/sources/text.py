"""Plain text: one URL a line; blank lines and lines that begin with `#` are not rows."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from pixmo.sources.delimited import not_utf8
from pixmo.sources.place import Place, content
from pixmo.sources.reader import BLOCK_BYTES

MAX_LINE_BYTES = 2**28
SCHEMA = pa.schema([("url", pa.string())], metadata={"pixmo": "plain text"})


class TextReader:
    """A list of URLs, as a table of the one column `url`."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.rows: int | None = None

    def schema(self) -> pa.Schema:
        """The one column."""
        return SCHEMA

    def batches(self, batch_rows: int) -> Iterator[pa.RecordBatch]:
        """The rows in order."""
        held: list[str] = []
        with content(self.place) as stream:
            for _, block in line_blocks(stream):
                held += self._lines(block)
                for start in range(0, len(held) - batch_rows + 1, batch_rows):
                    yield _batch(held[start : start + batch_rows])
                held = held[len(held) // batch_rows * batch_rows :]
        if held:
            yield _batch(held)

    def _lines(self, block: bytes) -> list[str]:
        try:
            text = block.decode()
        except UnicodeDecodeError as error:
            raise not_utf8(self.place) from error
        lines = (line.strip() for line in text.removeprefix("\ufeff").split("\n"))
        return [line for line in lines if line and not line.startswith("#")]


def is_plain_text(schema: pa.Schema) -> bool:
    """Whether rows come from text, whose lines nobody has called URLs."""
    return (schema.metadata or {}).get(b"pixmo") == b"plain text"


def _batch(urls: list[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(urls, pa.string())], schema=SCHEMA)


def line_blocks(stream: pa.NativeFile, block_bytes: int = BLOCK_BYTES) -> Iterator[tuple[int, bytes]]:
    """(number of its first line, bytes) of blocks that end where lines end. A block holds at least one line."""
    line, rest = 1, b""
    while read := bytes(stream.read(block_bytes)):
        end = read.rfind(b"\n") + 1
        if not end:
            rest += read
            if len(rest) > MAX_LINE_BYTES:
                raise pa.ArrowInvalid(f"line {line} is longer than {MAX_LINE_BYTES >> 20} MB")
            continue
        block = rest + read[:end]
        yield line, block
        line += block.count(b"\n")
        rest = read[end:]
    if rest:
        yield line, rest
