"""What a file is: by its first bytes where they tell, else by its suffix."""

from __future__ import annotations

import re

from pixmo.errors import BadSource

SUFFIXES = {
    ".parquet": "parquet", ".pq": "parquet", ".arrow": "arrow", ".arrows": "arrow", ".feather": "arrow", ".ipc": "arrow",
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json",
    ".txt": "text", ".lst": "text", ".urls": "text",
}  # fmt: skip
"""Suffixes that say what a list is, before an optional `.gz` or `.zst`."""

COMPRESSED = (".gz", ".zst", ".gzip", ".zstd")

_URL = re.compile(rb"\s*[\"']?https?://", re.IGNORECASE)
_MARKUP = re.compile(rb"\s*<(!doctype\s+html|html|\?xml|head|body|svg)", re.IGNORECASE)
_FOREIGN = {
    b"PK\x03\x04": "a zip archive; unpack it first",
    b"\x89PNG": "a picture; `pixmo import FOLDER OUT` takes pictures of your own",
    b"\xff\xd8\xff": "a picture; `pixmo import FOLDER OUT` takes pictures of your own",
    b"GIF8": "a picture; `pixmo import FOLDER OUT` takes pictures of your own",
    b"%PDF": "a PDF document",
    b"BZh": "compressed with bzip2; .gz, .zst or uncompressed can be read",
    b"\xfd7zXZ": "compressed with xz; .gz, .zst or uncompressed can be read",
    b"SQLite format 3": "a SQLite database; export the table as CSV or Parquet",
    b"FEA1": "Feather version 1; write it again as Parquet",
    b"version https://git-lfs": "a Git LFS pointer, not the file itself; run `git lfs pull`",
}


def suffix_kind(name: str) -> str | None:
    """The kind a file's name promises, or None."""
    name = name.lower()
    for ending in COMPRESSED:
        name = name.removesuffix(ending)
    dot = name.rfind(".")
    return SUFFIXES.get(name[dot:]) if dot > max(name.rfind("/"), -1) else None


def kind_of(name: str, start: bytes) -> str:
    """`parquet`, `arrow`, `csv`, `tsv`, `jsonl`, `json` or `text`, from a name and the first bytes of its content.

    Raises BadSource for an empty file and for one that is no list.
    """
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return "arrow"
    if not start.strip():
        raise BadSource(f"{name}: is empty")
    _refuse_foreign(name, start)
    promised = suffix_kind(name)
    if promised in ("parquet", "arrow"):
        raise BadSource(f"{name}: is not {promised.capitalize()} inside; is it cut off, or named wrongly?")
    return promised if promised in ("csv", "tsv") else _by_content(start, promised)


def _by_content(start: bytes, promised: str | None) -> str:
    first = _first_line(start)
    if first[:1] == b"[":
        return "json"
    if first[:1] == b"{" or promised in ("jsonl", "json"):
        return "jsonl"
    if b"\t" in first:
        return "tsv"
    if promised == "text" or _is_list_of_urls(start, first):
        return "text"
    return "csv"


def _is_list_of_urls(start: bytes, first: bytes) -> bool:
    """Whether lines are URLs and nothing else. A comma may be part of a URL; in a table a header or a second URL tells."""
    return start.lstrip()[:1] == b"#" or (
        _URL.match(first) is not None and not re.search(rb",\s*[\"']|,\s*[^,/?&=]*$", first)
    )


def _refuse_foreign(name: str, start: bytes) -> None:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadSource(f"{name}: is UTF-16; save it as UTF-8")
    if _MARKUP.match(start):
        what = "SVG" if b"<svg" in start[:400].lower() else "XML" if b"<?xml" in start[:100].lower() else "HTML"
        raise BadSource(f"{name}: is {what}, not a list; did a download give a web page? fetch the file itself")
    for magic, what in _FOREIGN.items():
        if start.startswith(magic):
            raise BadSource(f"{name}: is {what}")
    if start[257:262] == b"ustar":
        raise BadSource(f"{name}: is a tar archive; unpack it first")
    if b"\x00" in start[:4096]:
        raise BadSource(
            f"{name}: is a binary file of a kind pixmo does not read; Parquet, Arrow, CSV, TSV, JSON or text can be read"
        )


def _first_line(start: bytes) -> bytes:
    """The first line that is neither blank nor a comment; a byte order mark is no part of it."""
    for line in start.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        line = line.strip(b" \r")
        if line.strip() and not line.startswith(b"#"):
            return line
    return b""
