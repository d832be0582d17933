"""Something about a whole set that takes a while: made in the background when it is first asked for, once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import duckdb
import pyarrow as pa

from pixmo.errors import PixmoError
from pixmo.view.index import State

T = TypeVar("T")
OnRows = Callable[[int], None]
"""Hears how many rows are done."""


class Work(Generic[T]):
    """What `make` gives, and how far it is. Safe to use from several threads; a failure is tried again when it is asked for anew."""

    def __init__(self, make: Callable[[OnRows], T], rows: int) -> None:
        self._make, self._rows = make, rows
        self._lock = threading.Lock()
        self._state = State("none", 0, rows)
        self._made: T | None = None

    @property
    def state(self) -> State:
        """How far it is."""
        return self._state

    def begin(self, again: bool = False) -> T | None:
        """The result if it is there; else None, and it is being made. What failed is made once more if `again`."""
        with self._lock:
            if self._state.name == "none" or (again and self._state.name == "failed"):
                self._state = State("building", 0, self._rows)
                threading.Thread(target=self._work, name="view work", daemon=True).start()
            return self._made

    def _on_rows(self, done: int) -> None:
        self._state = State("building", min(done, self._rows), self._rows)

    def _work(self) -> None:
        try:
            self._made = self._make(self._on_rows)
            self._state = State("ready", self._rows, self._rows)
        except (PixmoError, OSError, duckdb.Error, pa.ArrowException, ValueError, MemoryError) as error:
            why = " ".join(str(error).split())[:300] or type(error).__name__
            self._state = State("failed", self._state.done, self._rows, why)
        finally:
            pa.default_memory_pool().release_unused()
            # a bug keeps its traceback, and the page does not wait for ever
            if self._state.name == "building":
                self._state = State("failed", self._state.done, self._rows, "see the terminal")
