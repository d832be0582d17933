"""What differs between two versions of a set: rows that only one has, and rows that say something else.

Rows are put together by their ids, where both versions have such; those that are left by the picture's address and what the row is about
(label, question), equal ones first; those without an address by their whole content. Of two rows of equal key the first meets the first.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pixmo.dataset.load_groups import Numbers
from pixmo.ids import digest_of, short
from pixmo.records.row_keys import row_keys, value_keys
from pixmo.view.index_cache import claimed, prune
from pixmo.view.source import DataSet
from pixmo.view.work import OnRows

VERSION = 1
FILE = "differences.duckdb"
STATES = ("changed", "added", "gone")
MOST_COLUMNS = 63  # compared one by one: a bit each, the last bit for all others
OTHERS = "other columns"
ADDRESSES = ("image_url", "url", "URL", "image_urls", "fetched_sha256", "sha256", "image_sha256")
ABOUT = ("label", "name", "question", "config")
_IDS = ("row_id", "id")
_BATCH_ROWS = 4096


class Difference(NamedTuple):
    """A row that differs: its number in either version, None where it is not there, and the columns that say something else."""

    new: int | None
    old: int | None
    columns: tuple[str, ...]


class Differences:
    """What was found, opened for reading. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        told = json.loads((folder / "kept.json").read_text())
        self.counts: dict[str, int] = told["counts"]  # by state, and `same`
        self.columns: list[tuple[str, int]] = [(name, n) for name, n in told["columns"]]  # rows that differ in it
        self.missing: dict[str, list[str]] = told["missing"]  # columns that only `new` or only `old` has
        self.how: dict[str, int] = told["how"]  # rows put together by `id`, `key`, `content`
        self._names: list[str] = told["compared"]
        self._table = duckdb.connect(str(folder / FILE), read_only=True, config={"memory_limit": "32MB", "threads": 1})

    def find(self, state: str, column: str, offset: int, limit: int) -> tuple[int, list[Difference]]:
        """How many rows are in that state (and differ in that column), and some of them in their order."""
        with closing(self._table.cursor()) as cursor:
            if not column:
                where, values, total = "place >= ? AND place < ?", [offset, offset + limit], self.counts[state]
                rest = ""
            else:
                bit = 1 << self._names.index(column)
                where, values, total = "mask & ?::UBIGINT <> 0", [bit], dict(self.columns)[column]
                rest = f" LIMIT {limit:d} OFFSET {offset:d}"
            told = cursor.execute(
                f"SELECT new, old, mask FROM differences WHERE state = ? AND {where} ORDER BY place{rest}",
                [state, *values],
            ).fetchall()
        return total, [Difference(new, old, self._changed(mask)) for new, old, mask in told]

    def _changed(self, mask: int) -> tuple[str, ...]:
        return tuple(name for at, name in enumerate(self._names) if mask >> at & 1)


def differences(new: DataSet, old: DataSet, cache: Path, on_rows: OnRows) -> Differences:
    """What differs, found now unless it is kept. Raises PixmoError, OSError, duckdb.Error."""
    place = cache / f"{short(digest_of([new.digest, old.digest, len(new.rows), len(old.rows), VERSION]))}-differences"
    if not (place / "kept.json").is_file():
        with claimed(cache) as folder:
            told = _compare(new, old, folder, on_rows)
            (folder / "kept.json").write_text(json.dumps(told))
            shutil.rmtree(folder / "spill", ignore_errors=True)
            (folder / "keys.duckdb").unlink()
            with suppress(OSError):  # another viewer was faster
                os.rename(folder, place)
        prune(cache, place)
    with suppress(OSError):
        os.utime(place / "kept.json")
    return Differences(place)


def _compare(new: DataSet, old: DataSet, folder: Path, on_rows: OnRows) -> dict[str, Any]:  # Any: JSON
    compared, missing = _columns(new, old)
    names = [*compared[:MOST_COLUMNS], *([OTHERS] if len(compared) > MOST_COLUMNS else [])]
    config: dict[str, Any] = {"memory_limit": "64MB", "threads": 1, "temp_directory": str(folder / "spill")}
    with closing(duckdb.connect(str(folder / "keys.duckdb"), config=config)) as table:
        table.execute(f"ATTACH '{str(folder / FILE).replace(chr(39), chr(39) * 2)}' AS result")
        fields = ", ".join(f"h{n} UBIGINT" for n in range(len(names)))
        done = 0
        ids = _id_of(new, old)
        both = (set(new.rows.layout.names), set(old.rows.layout.names))
        known = [n for n in (*ADDRESSES, *ABOUT) if n in both[0] & both[1]]
        has_address = any(n in ADDRESSES for n in known)
        for side, data in (("new", new), ("old", old)):
            table.execute(
                f"CREATE TABLE {side}_rows (number INTEGER, id UBIGINT, key UBIGINT, content UBIGINT{', ' + fields if fields else ''})"
            )
            for batch in _hashed(data, ids, known if has_address else [], compared):
                table.register("batch", batch)
                table.execute(f"INSERT INTO {side}_rows SELECT * FROM batch")
                table.unregister("batch")
                done += len(batch)
                on_rows(done)
        how = _paired(table)
        return _written(table, names, how) | {"compared": names, "missing": missing}


def _columns(new: DataSet, old: DataSet) -> tuple[list[str], dict[str, list[str]]]:
    """The columns that both have, and those that one has. Ids are no content."""
    ours, theirs = (
        [n for n in data.rows.layout.names if n not in (data.rows.layout.row_id, *_IDS)] for data in (new, old)
    )
    return [n for n in ours if n in theirs], {
        "new": [n for n in ours if n not in theirs],
        "old": [n for n in theirs if n not in ours],
    }


def _id_of(new: DataSet, old: DataSet) -> str | None:
    """The column of ids of both."""
    return next((n for n in _IDS if n in new.rows.layout.names and n in old.rows.layout.names), None)


def _hashed(data: DataSet, ids: str | None, known: Sequence[str], compared: Sequence[str]) -> Iterator[pa.Table]:
    """64 bits of each value; they compare within this process only."""
    read = list(dict.fromkeys([*([ids] if ids else []), *known, *compared])) or list(data.rows.layout.names[:1])
    done = 0
    for batch in data.rows.batches(_BATCH_ROWS, read):
        rows = batch.num_rows
        keys = {name: value_keys(batch.column(name)) for name in read}
        each = [keys[name] for name in compared[:MOST_COLUMNS]]
        if len(compared) > MOST_COLUMNS:
            each.append(row_keys([keys[name] for name in compared[MOST_COLUMNS:]], rows))
        numbers: Numbers = np.arange(done, done + rows)
        told = {
            "number": pa.array(numbers, pa.int32()),
            "id": _array(keys[ids], batch.column(ids)) if ids else pa.nulls(rows, pa.uint64()),
            "key": pa.array(row_keys([keys[n] for n in known], rows)) if known else pa.nulls(rows, pa.uint64()),
            "content": pa.array(row_keys(each, rows)),
        }
        yield pa.table(told | {f"h{n}": pa.array(one) for n, one in enumerate(each)})
        done += rows


def _array(keys: NDArray[np.uint64], column: pa.Array) -> pa.Array:
    return pa.array(keys, mask=column.is_null().to_numpy(zero_copy_only=False))


def _paired(table: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Puts rows together, the surest way first; each row once."""
    table.execute("CREATE TABLE pairs (new INTEGER, old INTEGER)")
    how = {}
    ways = {"id": ("id",), "content": ("coalesce(key, 0)", "content"), "key": ("key",)}
    for name, by in ways.items():
        parts = []
        for side in ("new", "old"):
            left = f"FROM {side}_rows r WHERE {by[0]} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM pairs WHERE pairs.{side} = r.number)"
            keys = ", ".join(f"{key} AS k{n}" for n, key in enumerate(by))
            parts.append(
                f"(SELECT number, {keys}, row_number() OVER (PARTITION BY {', '.join(by)} ORDER BY number) AS nth {left})"
            )
        using = ", ".join(["nth", *(f"k{n}" for n in range(len(by)))])
        before = _number(table, "SELECT count(*) FROM pairs")
        table.execute(
            f"INSERT INTO pairs SELECT a.number, b.number FROM {parts[0]} a JOIN {parts[1]} b USING ({using})"
        )
        how[name] = _number(table, "SELECT count(*) FROM pairs") - before
    return how


def _written(
    table: duckdb.DuckDBPyConnection, names: Sequence[str], how: dict[str, int]
) -> dict[str, Any]:  # Any: JSON
    """The rows that differ, numbered within their state, and the counts."""
    bits = (
        " | ".join(
            f"CASE WHEN n.h{at} <> o.h{at} THEN {1 << at}::UBIGINT ELSE 0::UBIGINT END" for at in range(len(names))
        )
        or "0::UBIGINT"
    )
    table.execute(
        "CREATE TABLE result.differences AS SELECT *, row_number() OVER (PARTITION BY state ORDER BY coalesce(new, old)) - 1 AS place FROM ("
        f"SELECT 'changed' AS state, p.new, p.old, {bits} AS mask FROM pairs p JOIN new_rows n ON n.number = p.new JOIN old_rows o ON o.number = p.old "
        "WHERE n.content <> o.content "
        "UNION ALL SELECT 'added', number, NULL, 0 FROM new_rows r WHERE NOT EXISTS (SELECT 1 FROM pairs WHERE pairs.new = r.number) "
        "UNION ALL SELECT 'gone', NULL, number, 0 FROM old_rows r WHERE NOT EXISTS (SELECT 1 FROM pairs WHERE pairs.old = r.number)) ORDER BY state, place"
    )
    counts = dict.fromkeys(STATES, 0) | dict(
        table.execute("SELECT state, count(*) FROM result.differences GROUP BY state").fetchall()
    )
    counts["same"] = _number(table, "SELECT count(*) FROM pairs") - counts["changed"]
    columns = [
        (name, _number(table, f"SELECT count(*) FROM result.differences WHERE mask & {1 << at}::UBIGINT <> 0"))
        for at, name in enumerate(names)
    ]
    return {"counts": counts, "columns": sorted(((c, n) for c, n in columns if n), key=lambda one: -one[1]), "how": how}


def _number(table: duckdb.DuckDBPyConnection, sql: str) -> int:
    found = table.execute(sql).fetchone()
    return int(found[0]) if found else 0
