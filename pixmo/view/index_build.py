"""Building an index: the facts of all rows into a DuckDB file, their words into a SQLite file beside it, what pages show of both last."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.types as pt

from pixmo.errors import PixmoError
from pixmo.records.base import shapes
from pixmo.storage.export.meanings import COLUMNS
from pixmo.view.facts import Facts, Told
from pixmo.view.heat import CELLS
from pixmo.view.index_statistics import facets_of, statistics_of
from pixmo.view.query import Column, quoted, spread
from pixmo.view.source import Broken, DataSet

FACTS, WORDS = "facts.duckdb", "words.sqlite"
BATCH_ROWS = 1024
MEMORY = "48MB"  # of DuckDB: what does not fit is spilled beside the file
TABLE = "rows"
_MEANINGS = {
    "number": "the row's number, from 0",
    "id": "the row's id",
    "host": "the host of the picture's address",
    "points": "points in the row",
    "findings": "rules that the row breaks",
}


class Stopped(Exception):
    """The building was told to end."""


def build(data: DataSet, folder: Path, on_rows: Callable[[int], bool]) -> None:
    """Writes the files into a folder that is there and empty. `on_rows` gets the rows done; Stopped is raised when it gives False."""
    facts = Facts(data.rows.layout, data.rows.groups)
    heat = np.zeros((CELLS, CELLS), np.int64)
    with (
        closing(duckdb.connect(str(folder / FACTS), config=_config(folder))) as table,
        closing(_words(folder / WORDS)) as words,
    ):
        first = 0
        _add(table, facts.unread(0, 0))  # so that a set without rows has a table too
        for told in _told(data, facts):
            _add(table, told)
            texts = (spread(text) for text in told.texts.to_pylist())
            words.executemany("INSERT INTO words(rowid, text) VALUES (?, ?)", enumerate(texts, first))
            heat += told.heat
            first += told.table.num_rows
            if not on_rows(first):
                raise Stopped
        words.commit()
        columns = _columns(table, data)
        statistics = statistics_of(table, columns, heat.tolist())
        kept = {
            "columns": [asdict(c) for c in columns],
            "facets": [asdict(f) for f in facets_of(statistics)],
            "statistics": asdict(statistics),
        }
        (folder / "kept.json").write_text(json.dumps(kept), encoding="utf-8")


def _config(folder: Path) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "memory_limit": MEMORY,
        "threads": 1,
        "temp_directory": str(folder / "spill"),
        "preserve_insertion_order": True,
    }


def _words(path: Path) -> sqlite3.Connection:
    """An index of words that keeps no text."""
    made = sqlite3.connect(path, check_same_thread=False)
    made.executescript(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA page_size = 8192; PRAGMA cache_size = -8000;"
        "CREATE VIRTUAL TABLE words USING fts5(text, content='', columnsize=0, tokenize=\"unicode61 categories 'L* N* M* Co'\");"
    )
    return made


def _told(data: DataSet, facts: Facts) -> Iterator[Told]:
    """The facts of all rows, file by file; of a file that breaks, the rest of its rows are blank."""
    starts = data.rows.groups.starts
    ends = [int(starts[i + 1]) for i, (file, _) in enumerate(data.rows.groups.place)]
    files = [file for file, _ in data.rows.groups.place]
    done = 0
    for at, end in enumerate(ends):
        if at + 1 < len(files) and files[at + 1] == files[at]:
            continue  # row groups of one file follow each other
        try:
            for batch in data.rows[done:end].batches(BATCH_ROWS):
                told = facts.of(batch, done)
                done += batch.num_rows
                yield told
        except (PixmoError, pa.ArrowException, OSError) as error:
            data.found_broken(Broken(data.rows.groups.files[files[at]].path, " ".join(str(error).split())[:300]))
            while done < end:
                rows = min(BATCH_ROWS, end - done)
                yield facts.unread(done, rows)
                done += rows


def _add(table: duckdb.DuckDBPyConnection, told: Told) -> None:
    """The rows; a column that is new (the first file was broken) is null in those before."""
    have = {
        name
        for (name,) in table.execute(
            f"SELECT column_name FROM duckdb_columns() WHERE table_name = '{TABLE}'"
        ).fetchall()
    }
    batch = told.table.rename_columns(_distinct(told.table.column_names))
    if not have:
        fields = ", ".join(f"{quoted(f.name)} {_type(f.type)}" for f in batch.schema)
        table.execute(f"CREATE TABLE {TABLE} ({fields})")
    else:
        for new in (f for f in batch.schema if f.name not in have):
            table.execute(f"ALTER TABLE {TABLE} ADD COLUMN {quoted(new.name)} {_type(new.type)}")
    table.register("batch", batch)
    table.execute(f"INSERT INTO {TABLE} BY NAME SELECT * FROM batch")
    table.unregister("batch")


def _distinct(names: list[str]) -> list[str]:
    """Names that are not the same in small letters, as SQL reads them."""
    seen: set[str] = set()
    told = []
    for name in names:
        given, number = name.replace("\0", "") or "column", 2
        name = given
        while name.lower() in seen:
            name, number = f"{given}_{number}", number + 1
        seen.add(name.lower())
        told.append(name)
    return told


def _type(kind: pa.DataType) -> str:
    if pt.is_list(kind):
        return "VARCHAR[]"
    if pt.is_boolean(kind):
        return "BOOLEAN"
    return "BIGINT" if pt.is_integer(kind) else "DOUBLE" if pt.is_floating(kind) else "VARCHAR"


_KINDS = {"VARCHAR": "text", "VARCHAR[]": "texts", "BOOLEAN": "yes_no"}


def _columns(table: duckdb.DuckDBPyConnection, data: DataSet) -> list[Column]:
    """The columns there are, with what they mean where that is known."""
    told = table.execute(
        f"SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = '{TABLE}' ORDER BY column_index"
    ).fetchall()
    meanings = COLUMNS | ({s.name: s.about.doc for s in shapes(data.kind)} if data.kind else {}) | _MEANINGS
    return [Column(name, _KINDS.get(kind, "number"), _meaning(name, meanings)) for name, kind in told]


def _meaning(name: str, meanings: dict[str, str]) -> str:
    words = name.removesuffix("_words")
    return meanings.get(name, "") if words == name or name in meanings else f"words of {words}"
