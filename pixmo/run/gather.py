"""Counts of a run's columns, folded table by table: what the report draws, in memory that does not grow with the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pixmo.ask import Outcome

BYTES_EDGES = (0, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 2e7, 5e7)
SIDE_EDGES = (0, 32, 64, 128, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192)
"""Lower edges of the bins; the last is open."""

_COUNTED = (
    "outcome",
    "format",
    "mode",
    "hash_verdict",
    "duplicate_kind",
    "leak_kind",
    "http_status",
    "optout",
    "split",
)
_HISTOGRAMS = {"fetched_bytes": BYTES_EDGES, "width": SIDE_EDGES, "height": SIDE_EDGES}
_URLS = ("image_url", "image_urls", "url", "urls")
_HOST = r"^\s*https?://(?:[^/?#@]*@)?(?P<host>\[[0-9a-f:.]+\]|[^\x00-\x20/:?#@\\]+)"
_MAX_HOSTS = 100_000
_MAX_VALUES = 1_000
_LONGEST = 253  # characters of a host name


@dataclass(slots=True)
class Aggregates:
    """Counts over all rows. A column that was not there leaves its count empty."""

    rows: int = 0
    pictures: int = 0  # questions: more than rows where rows hold lists
    fetched: int = 0
    bytes: int = 0
    counts: dict[str, Counter[str]] = field(default_factory=dict)  # by column, then by value
    hosts: dict[str, Counter[str]] = field(default_factory=dict)  # by host, then by outcome
    hosts_forgotten: int = 0  # pictures of hosts too rare and too many to keep apart
    histograms: dict[str, list[int]] = field(default_factory=dict)  # by column, per bin
    duplicates: int = 0
    groups: int = 0
    biggest: list[tuple[str, int]] = field(default_factory=list)  # (row id of the representative, size with itself)

    def of(self, column: str) -> Counter[str]:
        """How often each value stands in the column."""
        return self.counts.get(column, Counter())


def gather(tables: Iterable[pa.Table], url_column: str | None = None) -> Aggregates:
    """Folds tables of whatever columns they have; those named in the design of the road are counted, others ignored.

    `url_column` says where hosts are found; by default the first of image_url, image_urls, url, urls.
    """
    total = Aggregates()
    repeated: list[pa.Array] = []
    for table in tables:
        _fold(total, table, url_column)
        repeated += _repeated(table)
    _count_groups(total, repeated)
    return total


def _fold(total: Aggregates, table: pa.Table, url_column: str | None) -> None:
    columns = {name: _flat(table.column(name)) for name in _wanted(table, url_column)}
    if "outcome" not in columns and "fetch_outcome" in columns:
        columns["outcome"] = columns["fetch_outcome"]
    total.rows += table.num_rows
    total.pictures += len(columns["outcome"]) if "outcome" in columns else table.num_rows
    for name in _COUNTED:
        if name in columns:
            _add_counts(total.counts.setdefault(name, Counter()), columns[name])
    if "fetched" in columns:
        total.fetched += pc.sum(columns["fetched"]).as_py() or 0
    if "fetched_bytes" in columns:
        total.bytes += pc.sum(columns["fetched_bytes"]).as_py() or 0
    for name, edges in _HISTOGRAMS.items():
        if name in columns:
            _add_histogram(total.histograms.setdefault(name, [0] * len(edges)), columns[name], edges)
    urls = columns.get(_url_column(table, url_column) or "")
    if urls is not None and "outcome" in columns and len(urls) == len(columns["outcome"]):
        _add_hosts(total, urls, columns["outcome"])


def _wanted(table: pa.Table, url_column: str | None) -> Iterator[str]:
    names = {*_COUNTED, *_HISTOGRAMS, "fetched", "fetch_outcome", _url_column(table, url_column)}
    return (name for name in table.column_names if name in names)


def _url_column(table: pa.Table, url_column: str | None) -> str | None:
    return next((n for n in ((url_column,) if url_column else _URLS) if n in table.column_names), None)


def _flat(column: pa.ChunkedArray) -> pa.ChunkedArray:
    while pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        column = pc.list_flatten(column)
    return column


def _add_counts(counter: Counter[str], column: pa.ChunkedArray) -> None:
    for found in pc.value_counts(column.drop_null()):
        counter[_short(str(found["values"].as_py()))] += found["counts"].as_py()
    if len(counter) > 2 * _MAX_VALUES:  # a column of free text, from outside: keep what is common
        common = dict(counter.most_common(_MAX_VALUES))
        counter.clear()
        counter.update(common)


def _add_histogram(bins: list[int], column: pa.ChunkedArray, edges: tuple[float, ...]) -> None:
    values = column.drop_null().to_numpy()
    if len(values):
        places = np.searchsorted(edges, values, "right") - 1
        found = np.bincount(
            places.clip(min=0), minlength=len(edges)
        )  # below the first edge: nonsense, seen at the edge
        bins[:] = [before + int(more) for before, more in zip(bins, found, strict=True)]


def _add_hosts(total: Aggregates, urls: pa.ChunkedArray, outcomes: pa.ChunkedArray) -> None:
    found = pc.struct_field(pc.extract_regex(pc.ascii_lower(_texts(urls)), _HOST), "host")
    pairs = pa.table({"host": pc.utf8_slice_codeunits(found, 0, _LONGEST), "outcome": outcomes})
    counted = pairs.group_by(["host", "outcome"], use_threads=False).aggregate([([], "count_all")]).to_pydict()
    for host, outcome, number in zip(counted["host"], counted["outcome"], counted["count_all"], strict=True):
        if host is not None:
            total.hosts.setdefault(host, Counter())[outcome or "none"] += number
    if len(total.hosts) > 2 * _MAX_HOSTS:
        _forget_rare_hosts(total)


def _forget_rare_hosts(total: Aggregates) -> None:
    by_size = sorted(total.hosts, key=lambda h: (-total.hosts[h].total(), h))
    for host in by_size[_MAX_HOSTS:]:
        total.hosts_forgotten += total.hosts.pop(host).total()


def _repeated(table: pa.Table) -> Iterator[pa.Array]:
    if "duplicate_of" in table.column_names:
        # 16 digits name a row among those of a run, and a million of them are 20 MB
        ids = pc.utf8_slice_codeunits(_texts(_flat(table.column("duplicate_of")).drop_null()), 0, 16)
        yield from ids.chunks


def _count_groups(total: Aggregates, repeated: list[pa.Array]) -> None:
    if not repeated:
        return
    counted = pc.value_counts(pa.chunked_array(repeated))
    total.duplicates = pc.sum(counted.field("counts")).as_py() or 0
    total.groups = len(counted)
    table = pa.table({"id": counted.field("values"), "n": counted.field("counts")})
    first = table.sort_by([("n", "descending"), ("id", "ascending")]).slice(0, 10)
    total.biggest = [(row["id"], row["n"] + 1) for row in first.to_pylist()]


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string())  # a table of few rows may have a column of nothing but nulls, without a type


def _short(text: str) -> str:
    return text if len(text) <= 200 else text[:199] + "…"


def is_ours(name: str) -> bool:
    """Whether an outcome was our own decision: to leave the picture alone."""
    return name in _OURS


_OURS = frozenset(
    str(o)
    for o in (
        Outcome.NO_URL, Outcome.BAD_URL, Outcome.REFUSED_SCHEME, Outcome.REFUSED_ADDRESS, Outcome.REFUSED_ROBOTS,
        Outcome.OPTED_OUT, Outcome.FORGOTTEN, Outcome.TOO_LARGE, Outcome.TOO_MANY_PIXELS, Outcome.WRONG_HASH,
    )
)  # fmt: skip
