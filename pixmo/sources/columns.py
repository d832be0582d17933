"""Which columns hold the URLs, the expected digests, the pictures: found by what is in them, or given by the user."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.types as pt

from pixmo.errors import BadSource, UnknownName
from pixmo.sources.source import Source
from pixmo.sources.text import is_plain_text

SAMPLE_ROWS = 20_000  # looked through at most,
SAMPLE_VALUES = 1_000  # for so many values that are not null
SHARE = 0.5  # of the values must look right: lists are dirty, but not that dirty

_TIERS = (
    ("image_url", "image_urls", "img_url", "img_urls", "imageurl", "image_link", "image_src"),
    (
        "url",
        "urls",
        "image",
        "images",
        "img",
        "src",
        "link",
        "links",
        "picture",
        "pictures",
        "photo",
        "photo_url",
        "picture_url",
    ),
)
"""Names by which a URL column is preferred, case aside; columns of other names come last."""

_DIGESTS = ("image_sha256", "image_sha256s", "sha256", "sha256s", "sha", "checksum")
_SURE = ("image_url", "url", "image_urls", "urls")
"""Names believed with one URL among the values; and with none when no other column will do: then each row says bad_url."""
_LIKE_URL = re.compile(r"\s*https?://[^/\s]", re.IGNORECASE)
_LIKE_DIGEST = re.compile(r"\s*[0-9a-f]{64}\s*", re.IGNORECASE)


class Columns(NamedTuple):
    """Names in the source: one URL, a list of URLs, the expected digest (or list of them), an embedded picture (a struct of bytes and path, or a list of them), and a list of recordings (of the same shape)."""

    url: str | None
    urls: str | None
    sha256: str | None
    picture: str | None
    recordings: str | None = None


def find_columns(
    source: Source, url_column: str | None = None, sha256_column: str | None = None, *, pictures_needed: bool = True
) -> Columns:
    """The columns that matter. Raises UnknownName for a given one that is not there, BadSource when none or several could be meant."""
    schema = source.schema()
    sample = _sample(source)
    url = (
        _given(source, schema, url_column, "--url-column", _is_urls)
        if url_column
        else _find_url(source, schema, sample)
    )
    picture = None if url_column else _find_picture(source, schema)
    many = url is not None and _is_list(schema.field(url).type)
    if sha256_column:
        sha256: str | None = _given(source, schema, sha256_column, "--sha256-column", _is_urls)
    else:
        sha256 = _find_digest(schema, sample, many)
    if sha256 is not None and url is not None and _is_list(schema.field(sha256).type) != many:
        raise BadSource(f"{source.name}: column {sha256!r} must be {'a list' if many else 'one digest'} as {url!r} is")
    if pictures_needed and url is None and picture is None:
        raise BadSource(_nothing(source, schema, sample))
    return Columns(None if many else url, url if many else None, sha256, picture)


def record_columns(source: Source, *, pictures_needed: bool = True) -> Columns:
    """The columns of typed rows, which have the names of their record's fields. Raises BadSource when pictures are needed and none is named."""
    schema = source.schema()
    have = {name: name if name in schema.names else None for name in _OF_RECORDS}
    url, urls = have["image_url"], have["image_urls"]
    picture = None if url or urls else _find_picture(source, schema)
    if pictures_needed and not (url or urls or picture):
        raise BadSource(f"{source.name}: no column holds URLs or pictures; say which holds URLs with --url-column")
    return Columns(url, urls, have["image_sha256s" if urls else "image_sha256"], picture)


_OF_RECORDS = ("image_url", "image_urls", "image_sha256", "image_sha256s")


def _find_url(source: Source, schema: pa.Schema, sample: pa.Table) -> str | None:
    looks: list[str] = [
        n
        for n in sample.column_names
        if _is_urls(schema.field(n).type) and _share(sample.column(n), _LIKE_URL) > (0 if n.lower() in _SURE else SHARE)
    ]
    for tier in _TIERS:
        found = [n for n in looks if n.lower() in tier]
        if len(found) > 1:
            raise BadSource(_ambiguous(source, found))
        if found:
            return found[0]
    if len(looks) > 1:
        raise BadSource(_ambiguous(source, looks))
    if looks:
        return looks[0]
    named: list[str] = [n for n in schema.names if n.lower() in _SURE and _is_urls(schema.field(n).type)]
    return named[0] if len(named) == 1 and not is_plain_text(schema) else None


def _find_digest(schema: pa.Schema, sample: pa.Table, many: bool) -> str | None:
    fit: list[str] = [
        n for n in schema.names if _is_urls(schema.field(n).type) and _is_list(schema.field(n).type) == many
    ]
    for name in _DIGESTS:
        for column in fit:
            if column.lower() == name and _share(sample.column(column), _LIKE_DIGEST) > SHARE:
                return column
    return None


def _find_picture(source: Source, schema: pa.Schema) -> str | None:
    other = _other_media(schema)
    found: list[str] = [f.name for f in schema if _holds_pictures(f.type) and f.name not in other]
    named = [n for n in found if n.lower() in ("image", "images", "picture", "pictures", "img")]
    if len(found) > 1 and len(named) != 1:
        raise BadSource(
            f"{source.name}: has several columns of pictures ({', '.join(found)}); keep one, or call the one meant `image`"
        )
    return next(iter(named or found), None)


def _other_media(schema: pa.Schema) -> set[str]:
    """Columns that `datasets` calls something else than a picture: sound and video are stored in the same struct."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name for name, told in features.items() if _of_lists(told) not in (None, "Image")}
    except (KeyError, ValueError, TypeError, AttributeError, IndexError):  # no such metadata, or somebody else's
        return set()


def _of_lists(told: Any) -> str | None:  # Any: a feature as JSON
    """The type of what a feature's lists hold in the end; None for a struct."""
    while isinstance(told, list) or (isinstance(told, dict) and "feature" in told):
        told = told[0] if isinstance(told, list) else told["feature"]
    return told.get("_type") if isinstance(told, dict) else None


def _holds_pictures(kind: pa.DataType) -> bool:
    """A picture, or a list of them."""
    return is_picture(kind.value_type if _is_list(kind) else kind)


def is_picture(kind: pa.DataType) -> bool:
    """Whether a type is the Hugging Face Image: a struct of `bytes` and `path`."""
    if not pt.is_struct(kind) or {f.name for f in kind} != {"bytes", "path"}:
        return False
    data = kind.field("bytes").type
    return bool(pt.is_binary(data) or pt.is_large_binary(data))


def _given(source: Source, schema: pa.Schema, name: str, option: str, fits: Callable[[pa.DataType], bool]) -> str:
    if name not in schema.names:
        raise UnknownName("column", name, schema.names, source.name)
    if not fits(schema.field(name).type):
        raise BadSource(
            f"{source.name}: {option} {name} is {schema.field(name).type}; text or a list of texts is needed"
        )
    return name


def _sample(source: Source) -> pa.Table:
    """The first rows; more of them as long as some column of texts has shown nothing but nulls."""
    schema = source.schema()
    wanted = [f.name for f in schema if _is_urls(f.type)]
    most = SAMPLE_VALUES if any(is_picture(kind) for kind in schema.types) else SAMPLE_ROWS  # pictures are slow to read
    batches: list[pa.RecordBatch] = []
    rows = read = 0
    for batch in source.batches(SAMPLE_VALUES):
        batches.append(batch.select(wanted))
        rows += batch.num_rows if wanted else 0
        read += batch.num_rows
        full = all(sum(len(b) - b.column(i).null_count for b in batches) for i in range(len(wanted)))
        if rows >= most or (full and read >= SAMPLE_VALUES) or (not wanted and read):
            break
    if not read:
        raise BadSource(f"{source.name}: has no rows")
    return pa.Table.from_batches(batches, pa.schema([schema.field(n) for n in wanted]))


def _share(column: pa.ChunkedArray, pattern: re.Pattern[str]) -> float:
    """How many of the first values that are not null look like the pattern; 0 when there are none."""
    values = [v for v in _texts(column) if v]
    return sum(pattern.match(v) is not None for v in values) / len(values) if values else 0.0


def _texts(column: pa.ChunkedArray) -> Iterable[str]:
    for value in column.drop_null().slice(0, SAMPLE_VALUES).to_pylist():
        yield from (v for v in (value if isinstance(value, list) else [value]) if v is not None)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind))


def _is_urls(kind: pa.DataType) -> bool:
    """Text, or a list of texts."""
    if _is_list(kind):
        return not _is_list(kind.value_type) and _is_urls(kind.value_type)
    if pt.is_dictionary(kind):
        kind = kind.value_type
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind))


def _ambiguous(source: Source, found: Sequence[str]) -> str:
    return f"{source.name}: columns {', '.join(found)} all hold URLs; say which with --url-column"


def _nothing(source: Source, schema: pa.Schema, sample: pa.Table) -> str:
    if is_plain_text(schema):
        first = next(iter(_texts(sample.column("url"))), "")[:60]
        return f"{source.name}: is no list of URLs: {first!r} is none; --url-column url takes it as one all the same"
    names = ", ".join(schema.names[:12]) + (", …" if len(schema.names) > 12 else "")
    return f"{source.name}: no column holds URLs or pictures (columns: {names}); say which with --url-column"
