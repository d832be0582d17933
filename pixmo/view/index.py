"""The facts and words of a whole set, built in the background when first asked for and kept in a folder named by the set's digest."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pixmo.errors import BadSetting, BadSource, PixmoError
from pixmo.ids import digest_of, short
from pixmo.view.facts import FLAGGED
from pixmo.view.flags import Flags
from pixmo.view.index_build import Stopped, build
from pixmo.view.index_cache import claimed, prune
from pixmo.view.index_read import Reader
from pixmo.view.index_statistics import Facet, NumberColumn, Statistics, TextColumn
from pixmo.view.query import Column, Query, yes_no
from pixmo.view.source import DataSet

VERSION = 2
KEPT_ORDERS = 8  # answers kept, 4 bytes a row each

Numbers = NDArray[np.int32]


class State(NamedTuple):
    """`name` is none, building, ready or failed; `why` of a failure in one line."""

    name: str
    done: int = 0
    rows: int = 0
    why: str = ""


class Found(NamedTuple):
    """How many rows answer, and the numbers of those on the page."""

    total: int
    numbers: list[int]


class Index:
    """The index of one set, shared by all viewers of it through its folder. Safe to use from several threads."""

    def __init__(self, data: DataSet, folder: Path, flags: Flags | None = None) -> None:
        told = [data.digest, data.kind.KIND if data.kind else None, len(data.rows), str(data.rows.schema), VERSION]
        self._data, self._cache, self._flags = data, folder, flags
        self.path = folder / short(digest_of(told))
        self._rows = len(data.rows)
        self._state = State("none", 0, self._rows)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._reader: Reader | None = None
        self._stop = threading.Event()
        self._why = ""
        self._orders: OrderedDict[Query, Numbers] = OrderedDict()

    @property
    def state(self) -> State:
        """How far it is."""
        return self._state

    def begin(self) -> None:
        """Opens the index, or starts building it in a thread; does nothing when that was done. A failed one is tried again."""
        with self._lock:
            if self._thread is not None and self._state.name in ("building", "ready"):
                return
            self._stop.clear()
            self._state = State("building", 0, self._rows)
            self._thread = threading.Thread(target=self._work, name="index", daemon=True)
            self._thread.start()

    def wait(self, timeout_s: float | None = None) -> State:
        """Waits until it is built, for as long as that takes or the time given."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._state

    def close(self) -> None:
        """Ends building and lets go of the files."""
        self._stop.set()
        self.wait()
        if self._reader is not None:
            self._reader.close()
        self._reader, self._state = None, State("none", 0, self._rows)
        self._thread = None

    def find(self, query: Query, offset: int, limit: int) -> Found:
        """The rows that answer from `offset` on. Raises BadSetting or UnknownName for what cannot be asked, or before it is ready."""
        if not query.needs_index and query.seed is None:
            return Found(self._rows, list(range(self._rows)[offset : offset + limit]))
        order = self._order(query)
        return Found(len(order), order[offset : offset + limit].tolist())

    def around(self, query: Query, number: int) -> tuple[int | None, int | None]:
        """The rows before and after a row in the order of a query; None at its ends, and for a row that does not answer."""
        if not query.needs_index and query.seed is None:
            return number - 1 if 0 < number < self._rows else None, number + 1 if 0 <= number < self._rows - 1 else None
        order = self._order(query)
        at = np.flatnonzero(order == number)
        if not len(at):
            return None, None
        place = int(at[0])
        return int(order[place - 1]) if place else None, int(order[place + 1]) if place + 1 < len(order) else None

    def facets(self) -> list[Facet]:
        """The columns as filters show them."""
        return [Facet(**f | {"values": _pairs(f["values"])}) for f in self._ready().kept["facets"]]

    def statistics(self) -> Statistics:
        """The facts over all rows."""
        told = self._ready().kept["statistics"]
        numbers = [NumberColumn(**n | {"bins": _pairs(n["bins"])}) for n in told["numbers"]]
        texts = [TextColumn(**t | {"values": _pairs(t["values"])}) for t in told["texts"]]
        return Statistics(told["rows"], numbers, texts, told["heat"])

    def columns(self) -> list[Column]:
        """What can be filtered and sorted by."""
        return self._ready().columns

    def _ready(self) -> Reader:
        reader = self._reader
        if reader is None:
            raise BadSetting("the rows are still being counted; ask again when that is done")
        return reader

    def _order(self, query: Query) -> Numbers:
        """The rows that answer. What is marked may change at any time: it is looked up anew, all else is kept."""
        asked = [f for f in query.filters if f.column == FLAGGED]
        order = self._kept_order(replace(query, filters=tuple(f for f in query.filters if f.column != FLAGGED)))
        if asked:
            marked = self._ready().mask_of_ids([flag.id for flag in self._flags.all()] if self._flags else [])
            for one in asked:
                order = order[marked[order] == (yes_no(one) == (one.op == "="))]
        return order

    def _kept_order(self, query: Query) -> Numbers:
        with self._lock:
            if query in self._orders:
                self._orders.move_to_end(query)
                return self._orders[query]
        order = self._ready().order(query) if query.needs_index else np.arange(self._rows, dtype=np.int32)
        if query.seed is not None:
            order = shuffled(order, query.seed, self._rows)
        with self._lock:
            self._orders[query] = order
            while len(self._orders) > KEPT_ORDERS:
                self._orders.popitem(last=False)
        return order

    def _work(self) -> None:
        try:
            if not self._opened():
                self._build()
                if not self._opened():
                    raise OSError(f"{self.path} cannot be opened: {self._why}")
        except Stopped:
            self._state = State("none", 0, self._rows)
        except (PixmoError, OSError, duckdb.Error, sqlite3.Error, pa.ArrowException, ValueError, MemoryError) as error:
            why = " ".join(str(error).split())[:300] or type(error).__name__
            self._state = State("failed", self._state.done, self._rows, why)
        finally:  # a bug keeps its traceback, and the page does not wait for ever
            if self._state.name == "building":
                self._state = State("failed", self._state.done, self._rows, "see the terminal")

    def _build(self) -> None:
        with claimed(self._cache) as folder:
            build(self._data, folder, self._on_rows)
            if self._data.has_changed(0):
                raise BadSource("its files changed meanwhile; start pixmo view again")
            shutil.rmtree(folder / "spill", ignore_errors=True)
            with suppress(OSError):  # another viewer was faster: its index is as good
                os.rename(folder, self.path)
        prune(self._cache, self.path)

    def _on_rows(self, done: int) -> bool:
        self._state = State("building", done, self._rows)
        return not self._stop.is_set()

    def _opened(self) -> bool:
        if not (self.path / "kept.json").is_file():
            return False
        try:
            self._reader = Reader(self.path, self._rows, self._cache)
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._why = str(error)
            shutil.rmtree(self.path, ignore_errors=True)  # damaged: built anew
            return False
        with suppress(OSError):
            os.utime(self.path)
        self._state = State("ready", self._rows, self._rows)
        return True


def shuffled(order: Numbers, seed: int, rows: int) -> Numbers:
    """The rows in the order of a seed: the same rows keep their order among each other whatever else is filtered."""
    every: Numbers = np.random.default_rng(seed).permutation(np.arange(rows, dtype=np.int32))
    among = np.zeros(rows, bool)
    among[order] = True
    return every[among[every]]


def _pairs(told: list[Any]) -> list[tuple[Any, int]]:  # Any: a value or an edge, from JSON
    return [(one, number) for one, number in told]
