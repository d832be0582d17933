"""Building the table of every picture: read batch by batch, then put into groups and counted in SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from pixmo.run.folder import Folder
from pixmo.run.runner import Works, shards_of
from pixmo.run.shard import Shard
from pixmo.run.world import http_key
from pixmo.storage.compact import prefix
from pixmo.storage.journal import read_lines_at
from pixmo.storage.store import Store
from pixmo.view.source import DataSet
from pixmo.view.work import OnRows

TEXT, NUMBER, YES_NO = pa.string(), pa.int64(), pa.bool_()
COLUMNS: dict[str, tuple[pa.DataType, tuple[str, ...]]] = {
    "split": (TEXT, ("split",)),
    "url": (TEXT, ("image_url", "url", "URL", "image_urls")),
    "sha256": (TEXT, ("fetched_sha256", "picture_sha256", "sha256", "image_sha256")),
    "width": (NUMBER, ("width", "image_width_px")),
    "height": (NUMBER, ("height", "image_height_px")),
    "bytes": (NUMBER, ("fetched_bytes",)),
    "format": (TEXT, ("format",)),
    "duplicate_of": (TEXT, ("duplicate_of",)),
    "duplicate_kind": (TEXT, ("duplicate_kind",)),
    "in_other_split": (YES_NO, ("in_other_split",)),
    "is_leak": (YES_NO, ("is_leak",)),
    "leak_kind": (TEXT, ("leak_kind",)),
    "leak_of": (TEXT, ("leak_of",)),
    "leak_set": (TEXT, ("leak_set",)),
    "outcome": (TEXT, ("outcome", "fetch_outcome", "image_outcome")),
    "detail": (TEXT, ("fetch_detail", "image_detail")),
    "status": (NUMBER, ("http_status",)),
}
"""What is told of a picture, and the columns that may tell it, the first that a set has; of outcomes and details the first that is set."""

_EITHER = ("outcome", "detail")
STRETCHES = 40  # of the answers in the order they came
_BATCH_ROWS = 8192
_BATCH_LINES = 20_000
_HOST = r"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?(\[[^\]/?#]*\]|[^/?#:@]*)"


def build(data: DataSet, file: Path, on_rows: OnRows) -> None:
    """Writes the table, the groups and the counts."""
    spill = {"memory_limit": "72MB", "threads": 1, "temp_directory": str(file.parent / "spill")}
    with closing(duckdb.connect(str(file), config=spill)) as table:  # type: ignore[arg-type]  # a dict of strings and numbers is one
        folder = _with_side_files(data)
        batches = _of_run(data, folder) if folder else _of_set(data)
        _load(table, batches, on_rows)
        if folder:
            _number(table, data)
        else:
            table.execute("CREATE TABLE told AS SELECT * FROM raw")
        _finish(table)
        _answers(table, folder)


def _with_side_files(data: DataSet) -> Folder | None:
    """The folder, where the run's columns are still there and its pictures were looked at or fetched."""
    if data.folder is None:
        return None
    folder = Folder(data.folder)
    return folder if folder.plan_path.is_file() and (folder.hidden / "run.toml").is_file() else None


def _of_set(data: DataSet) -> Iterator[pa.Table]:
    """The pictures of the rows of a set, batch by batch."""
    names, row_id = data.rows.layout.names, data.rows.layout.row_id
    wanted = {told: _present(candidates, names, bool(data.folder)) for told, (_, candidates) in COLUMNS.items()}
    read = list(dict.fromkeys([*([row_id] if row_id else []), *(n for found in wanted.values() for n in found)]))
    done = 0
    for batch in data.rows.batches(_BATCH_ROWS, read or list(names[:1])):
        rows = batch.num_rows
        numbers = np.arange(done, done + rows)
        beside = {
            "number": pa.array(numbers, pa.int32()),
            "row_id": batch.column(row_id) if row_id else pa.nulls(rows, TEXT),
        }
        yield _flat(beside | {told: _chosen(told, found, batch.column, rows) for told, found in wanted.items()}, rows)
        done += rows


def _present(candidates: Sequence[str], names: Sequence[str], is_ours: bool) -> list[str]:
    """The columns that tell it; ours have another name where the list had one of that name."""
    told = [n for c in candidates for n in ([f"pixmo_{c}", c] if is_ours else [c]) if n in names]
    return list(dict.fromkeys(told))


def _of_run(data: DataSet, folder: Folder) -> Iterator[pa.Table]:
    """The pictures of all rows of the list, shard by shard; rows of other splits than those looked at are passed over."""
    side_files = folder.side_files()
    shards = shards_of(folder.plan(), side_files)
    with closing(Store(folder.store_path(), looks_only=True)) as store:
        Works(side_files, store).attach_finished(folder.recipe(), shards)
    splits = pa.array(data.rows.splits, TEXT)
    for shard in shards:
        wanted = {told: _in_shard(shard, candidates) for told, (_, candidates) in COLUMNS.items()}
        read = list(dict.fromkeys(n for found in wanted.values() for n in found))
        table = shard.table(pa.schema([(n, pa.null()) for n in read])).combine_chunks()
        rows = len(table)

        def column(name: str, table: pa.Table = table) -> pa.Array:
            chunked = table.column(name)
            return chunked.chunk(0) if chunked.num_chunks else chunked.combine_chunks()

        beside = {
            "row_id": column("row_id"), "shard": pa.array([shard.number] * rows, pa.int32()), "place": pa.array(np.arange(rows), pa.int32()),
        }  # fmt: skip
        told = _flat(beside | {name: _chosen(name, found, column, rows) for name, found in wanted.items()}, rows)
        if len(splits) and wanted["split"]:
            told = told.filter(pc.is_in(told.column("split"), splits))
        yield told


def _in_shard(shard: Shard, candidates: Sequence[str]) -> list[str]:
    """The columns of a shard that tell it; the address is the column that was fetched from."""
    return [n for n in candidates if shard.source_of(n) is not None]


def _chosen(told: str, found: Sequence[str], column: Callable[[str], pa.Array], rows: int) -> pa.Array:
    kind = COLUMNS[told][0]
    if not found:
        return pa.nulls(rows, kind)
    if told in _EITHER:
        columns = [_typed(column(name), kind) for name in found]
        same = [c for c in columns if c.type == columns[0].type]
        return pc.coalesce(*same) if not pt.is_list(columns[0].type) else columns[0]
    return _typed(column(found[0]), kind)


def _typed(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """The values as that type, in lists where they are in lists; nothing where they are of another kind."""
    if pt.is_list(column.type) or pt.is_large_list(column.type):
        inner = _typed(column.flatten(), kind)
        lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
        return pa.ListArray.from_arrays(pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32()), inner)
    if pt.is_string(kind) and (pt.is_string(column.type) or pt.is_large_string(column.type)):
        return sound(column)
    try:
        return column.cast(kind)
    except pa.ArrowException:
        return pa.nulls(len(column), kind)


def sound(column: pa.Array) -> pa.Array:
    """Texts that are UTF-8; where one is not, with \ufffd where it is broken."""
    try:
        column.validate(full=True)
        return column.cast(TEXT)
    except pa.ArrowException:
        raw = column.cast(pa.large_binary() if pt.is_large_string(column.type) else pa.binary()).to_pylist()
        return pa.array([None if v is None else v.decode("utf-8", "replace") for v in raw], TEXT)


def _flat(columns: Mapping[str, pa.Array], rows: int) -> pa.Table:
    """A row per picture: what stands in lists is taken apart, what does not is said of each. `key` is what `duplicate_of` calls it."""
    lists = [c for c in columns.values() if pt.is_list(c.type)]
    if not lists:
        told = {"picture": pa.array(np.zeros(rows), pa.int32()), **columns}
        return pa.table(told | {"key": columns["row_id"].cast(TEXT), "asked": _asked(columns["url"])})
    lengths = pc.list_value_length(lists[0]).to_numpy(zero_copy_only=False)
    starts = np.cumsum(lengths) - lengths
    parents = np.repeat(np.arange(rows), lengths)
    inside = np.arange(len(parents)) - np.repeat(starts, lengths)
    flat: dict[str, pa.Array] = {"picture": pa.array(inside, pa.int32())}
    for name, column in columns.items():
        if not pt.is_list(column.type):
            flat[name] = column.take(pa.array(parents))
        else:
            values = column.flatten()
            flat[name] = values if len(values) == len(parents) else pa.nulls(len(parents), values.type)
    ids = flat["row_id"].cast(TEXT)
    key = pc.binary_join_element_wise(ids, flat["picture"].cast(TEXT), "#")
    return pa.table(flat | {"key": key, "asked": _asked(flat["url"])})


def _asked(urls: pa.Array) -> pa.Array:
    """What the journal calls the question for each address, its first 64 bits."""
    return pa.array([None if u is None else int(prefix(http_key(u))) for u in urls.to_pylist()], pa.uint64())


_SCHEMA = ", ".join(
    f'"{name}" {({TEXT: "VARCHAR", NUMBER: "BIGINT", YES_NO: "BOOLEAN"})[kind]}' for name, (kind, _) in COLUMNS.items()
)


def _load(table: duckdb.DuckDBPyConnection, batches: Iterator[pa.Table], on_rows: OnRows) -> None:
    table.execute("CREATE SEQUENCE next_picture START 0 MINVALUE 0")
    table.execute(
        f"CREATE TABLE raw (n BIGINT DEFAULT nextval('next_picture'), number INTEGER, picture INTEGER, row_id VARCHAR, shard INTEGER, place INTEGER, "
        f"key VARCHAR, asked UBIGINT, {_SCHEMA})"
    )
    done = 0
    for batch in batches:
        table.register("batch", batch)
        table.execute("INSERT INTO raw BY NAME SELECT * FROM batch")
        table.unregister("batch")
        done += len(batch)
        on_rows(done)


def _number(table: duckdb.DuckDBPyConnection, data: DataSet) -> None:
    """Gives the rows of the list that are in the set their number there."""
    table.execute("CREATE TABLE published (number INTEGER, row_id VARCHAR)")
    done, row_id = 0, data.rows.layout.row_id
    if row_id:
        for batch in data.rows.batches(_BATCH_ROWS, [row_id]):
            numbers = pa.array(np.arange(done, done + batch.num_rows), pa.int32())
            table.register("batch", pa.table({"number": numbers, "row_id": batch.column(row_id)}))
            table.execute("INSERT INTO published SELECT * FROM batch")
            table.unregister("batch")
            done += batch.num_rows
    table.execute(
        "CREATE TABLE told AS SELECT raw.* REPLACE (published.number AS number) FROM raw LEFT JOIN published USING (row_id) ORDER BY n"
    )
    table.execute("DROP TABLE published")


def _finish(table: duckdb.DuckDBPyConnection) -> None:
    """Hosts, a row that shows the same bytes, groups, counts."""
    table.execute("DROP TABLE raw; DROP SEQUENCE next_picture")
    table.execute(
        "CREATE TABLE same AS SELECT hash(sha256) AS known, arg_min(number, n) AS shown, arg_min(picture, n) AS shown_picture FROM told "
        "WHERE sha256 IS NOT NULL AND number IS NOT NULL GROUP BY known"
    )
    table.execute(
        f"CREATE TABLE pictures AS SELECT told.*, coalesce(nullif(lower(regexp_extract(url, '{_HOST}', 1)), ''), '(none)') AS host, "
        "coalesce(number, shown) AS shown, CASE WHEN number IS NULL THEN shown_picture ELSE picture END AS shown_picture "
        "FROM told LEFT JOIN same ON known = hash(sha256) ORDER BY n"
    )
    table.execute("DROP TABLE told; DROP TABLE same")
    table.execute(
        "CREATE TABLE grouped AS "
        "SELECT 'look' AS way, hash(coalesce(duplicate_of, key)) AS head, n, duplicate_of IS NULL AS is_kept FROM pictures "
        "WHERE duplicate_of IS NOT NULL OR key IN (SELECT duplicate_of FROM pictures WHERE duplicate_of IS NOT NULL) "
        "UNION ALL SELECT 'bytes', hash(sha256), n, number IS NOT NULL FROM pictures WHERE sha256 IS NOT NULL "
        "UNION ALL SELECT 'address', hash(url), n, number IS NOT NULL FROM pictures WHERE url IS NOT NULL"
    )
    table.execute(
        "CREATE TABLE groups AS SELECT way, head, count(*) AS size, "
        "row_number() OVER (PARTITION BY way ORDER BY count(*) DESC, min(n)) - 1 AS g FROM grouped GROUP BY way, head HAVING count(*) > 1 ORDER BY way, g"
    )
    table.execute(
        "CREATE TABLE members AS SELECT way, g, n, is_kept, row_number() OVER (PARTITION BY way, g ORDER BY is_kept DESC, n) - 1 AS place "
        "FROM grouped JOIN groups USING (way, head) ORDER BY way, g, place"
    )
    table.execute("DROP TABLE grouped")
    table.execute("CREATE TABLE leaks AS SELECT n, leak_kind, leak_of, leak_set FROM pictures WHERE is_leak ORDER BY n")
    table.execute(
        "CREATE TABLE outcomes AS SELECT outcome, count(*) AS pictures, count(DISTINCT asked) AS asked FROM pictures GROUP BY outcome"
    )
    table.execute(
        "CREATE TABLE hosts AS SELECT host, outcome, count(*) AS pictures FROM pictures WHERE outcome IS NOT NULL GROUP BY ALL"
    )
    table.execute("CREATE TABLE failed AS SELECT n, outcome, host FROM pictures WHERE outcome <> 'ok' ORDER BY n")


def _answers(table: duckdb.DuckDBPyConnection, folder: Folder | None) -> None:
    """What the journal has about these pictures: outcomes by round, and in the order in which they were answered."""
    table.execute("CREATE TABLE lines (asked UBIGINT, round INTEGER, outcome VARCHAR, stretch INTEGER)")
    for file in sorted((folder.store_path() / "journal").glob("*.jsonl")) if folder else []:
        size = max(file.stat().st_size, 1)
        told = (
            (int(prefix(line["key"])), int(line.get("round", 0)), str(line["outcome"]), at * STRETCHES // size)
            for at, line in read_lines_at(file)
            if line.get("outcome") and not line.get("open")
        )
        while some := list(islice(told, _BATCH_LINES)):
            columns = zip(("asked", "round", "outcome", "stretch"), zip(*some, strict=True), strict=True)
            kinds = {"asked": pa.uint64()}
            table.register("batch", pa.table({name: pa.array(values, kinds.get(name)) for name, values in columns}))
            table.execute("INSERT INTO lines SELECT * FROM batch")
            table.unregister("batch")
    table.execute(
        "CREATE TABLE answers AS SELECT round, outcome, stretch, count(*) AS answers FROM lines "
        "WHERE asked IN (SELECT asked FROM pictures) GROUP BY ALL"
    )
    table.execute("DROP TABLE lines; ALTER TABLE pictures DROP COLUMN asked")
