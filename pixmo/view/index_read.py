"""Asking an index: which rows answer, in which order. Nothing is ever written."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import OrderedDict
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from pixmo.errors import BadSetting
from pixmo.view.index_build import FACTS, MEMORY, WORDS
from pixmo.view.query import Column, Query, known_column, match, quoted, where
from pixmo.view.sql import numbers_of

KEPT_SORTS = 6  # orders of columns, 4 bytes a row each
_KEPT = "kept.json"

Numbers = NDArray[np.int32]


class Reader:
    """An index that is there. `kept` is what was counted when it was built."""

    def __init__(self, folder: Path, rows: int, spill: Path) -> None:
        self._rows, self._path = rows, folder / FACTS
        self.kept: dict[str, Any] = json.loads((folder / _KEPT).read_text(encoding="utf-8"))  # Any: JSON
        self.columns = [Column(**one) for one in self.kept["columns"]]
        try:
            self._facts = _opened(self._path, spill)
            self._words = sqlite3.connect(
                f"{(folder / WORDS).absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
            )
            self._words.execute("PRAGMA cache_size = -4000")
        except (duckdb.Error, sqlite3.Error) as error:
            raise OSError(str(error)) from error
        self._sorts: OrderedDict[tuple[str, bool], Numbers] = OrderedDict()
        self._kept_lock = threading.Lock()
        self._lock = threading.Lock()  # of the words: one connection of SQLite serves one thread at a time

    def close(self) -> None:
        """Lets go of the files."""
        self._facts.close()
        self._words.close()

    def order(self, query: Query) -> Numbers:
        """The numbers of the rows that answer, in the order asked for. Raises BadSetting or UnknownName."""
        condition, values = where(query, self.columns)
        asked = self._asked(query.sql) if query.sql else None
        mask = self._matching(query.search) if query.search else None
        if asked is not None and not query.sort and not query.filters:
            order = asked
        else:
            order = self._sorted(query, condition, values)
            if asked is not None:
                among = np.zeros(self._rows, bool)
                among[asked] = True
                order = order[among[order]] if query.sort else asked[_among(order, self._rows)[asked]]
        return order if mask is None else order[mask[order]]

    def mask_of_ids(self, ids: list[str]) -> NDArray[np.bool_]:
        """Which rows have one of these ids."""
        with closing(self._facts.cursor()) as cursor:
            sql = "SELECT number::INTEGER AS n FROM rows WHERE id IN (SELECT unnest(?::VARCHAR[]))"
            found = cursor.execute(sql, [ids]).fetchnumpy()["n"]
        return _among(np.asarray(found, np.int32), self._rows)

    def _sorted(self, query: Query, condition: str, values: list[Any]) -> Numbers:  # Any: parameters of SQL
        every = self._by(query.sort, query.descending) if query.sort else np.arange(self._rows, dtype=np.int32)
        if not query.filters:
            return every
        with closing(self._facts.cursor()) as cursor:
            found = cursor.execute(f"SELECT number::INTEGER AS n FROM rows WHERE {condition}", values).fetchnumpy()["n"]
        return every[_among(np.asarray(found, np.int32), self._rows)[every]]

    def _by(self, sort: str, descending: bool) -> Numbers:
        """All rows in the order of a column, kept: whatever is filtered next is only picked from it."""
        name = known_column(sort, self.columns).name
        with self._kept_lock:
            if (name, descending) in self._sorts:
                self._sorts.move_to_end((name, descending))
                return self._sorts[name, descending]
        way = "DESC" if descending else "ASC"
        with closing(self._facts.cursor()) as cursor:
            found = cursor.execute(
                f"SELECT number::INTEGER AS n FROM rows ORDER BY {quoted(name)} {way} NULLS LAST, number"
            )
            order = np.asarray(found.fetchnumpy()["n"], np.int32)
        with self._kept_lock:
            self._sorts[name, descending] = order
            while len(self._sorts) > KEPT_SORTS:
                self._sorts.popitem(last=False)
        return order

    def _matching(self, search: str) -> NDArray[np.bool_]:
        told = match(search)
        mask = np.zeros(self._rows, bool)
        if not told:
            return ~mask
        try:
            with self._lock:
                # as one text: a million Python tuples would take ten times as long
                (found,) = self._words.execute(
                    "SELECT group_concat(rowid) FROM words WHERE words MATCH ?", [told]
                ).fetchone()
            if found is not None:
                mask[np.fromstring(found, np.int64, sep=",")] = True
        except sqlite3.Error as error:
            raise BadSetting(f"search {search[:80]!r}: {error}") from None
        return mask

    def _asked(self, sql: str) -> Numbers:
        """The rows that SQL tells, each where it is told first."""
        numbers = numbers_of(self._path, sql, self._rows)
        numbers = numbers[(numbers >= 0) & (numbers < self._rows)]
        first = np.sort(np.unique(numbers, return_index=True)[1])
        return numbers[first]


def _opened(path: Path, spill: Path) -> duckdb.DuckDBPyConnection:
    """A connection that changes nothing; what does not fit into memory goes to `spill`."""
    return duckdb.connect(
        str(path),
        read_only=True,
        config={
            "memory_limit": MEMORY,
            "threads": 2,
            "temp_directory": str(spill / ".spill"),
            "max_temp_directory_size": "2GB",
        },
    )


def _among(order: Numbers, rows: int) -> NDArray[np.bool_]:
    mask = np.zeros(rows, bool)
    mask[order] = True
    return mask
