"""Rows that are not in the set, as far as the run still has them: their texts and pictures."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pixmo.dataset.rows_chunk import values_of
from pixmo.errors import PixmoError
from pixmo.run.folder import Folder
from pixmo.run.plan import Plan, rows_file
from pixmo.storage.packs import Packs
from pixmo.storage.sidecar import SideFiles
from pixmo.storage.store import TOMBSTONES
from pixmo.view.card import TITLES
from pixmo.view.source import DataSet
from pixmo.view.thumbs import Served, small

_SOURCE = "source:"  # before columns of the list that have the name of one of ours
_WANTED = frozenset((*TITLES, "transcripts", "annotations"))


class LeftOut:
    """The run's rows and pictures, looked up where they lie; of a set that no run made, nothing. Used by many threads."""

    def __init__(self, data: DataSet) -> None:
        self._folder = Folder(data.folder) if data.folder is not None else None
        self._lock = threading.Lock()

    def text(self, shard: int, at: int) -> str:
        """What the list says in a row; nothing where the run's files are gone."""
        with suppress(PixmoError, OSError, pa.ArrowException, IndexError, AssertionError), self._lock:
            if self._folder is None:
                return ""
            plan, side_files = self._plan
            path = rows_file(plan.shards[shard], side_files).path
            names = [n for n in pq.read_schema(path).names if n.removeprefix(_SOURCE) in _WANTED]
            table = pq.read_table(path, columns=names, use_threads=False).slice(at, 1).combine_chunks()
            return text_in({name.removeprefix(_SOURCE): values_of(table.column(name).chunk(0))[0] for name in names})
        return ""

    def picture(self, sha256: str) -> Served | None:
        """A picture, small; None where it is gone, or was taken down."""
        if self._folder is None:
            return None
        with suppress(PixmoError, OSError, ValueError), self._lock:
            buried = self._packs.folder.parent / TOMBSTONES
            if buried.is_file() and sha256 in buried.read_text().split():
                return None
            data = self._packs.get(sha256)
            return small(data) if data is not None else None
        return None

    @cached_property
    def _plan(self) -> tuple[Plan, SideFiles]:
        assert self._folder is not None
        return self._folder.plan(), self._folder.side_files()

    @cached_property
    def _packs(self) -> Packs:
        assert self._folder is not None
        return Packs(self._folder.store_path() / "packs")


def text_in(columns: Mapping[str, Any]) -> str:  # Any: column values
    """The first text of a row; of several annotations all of theirs."""
    for name in (*TITLES, "transcripts"):
        value = columns.get(name)
        if isinstance(value, list):
            value = "\n".join(one for one in value[:50] if isinstance(one, str))
        if isinstance(value, str) and value.strip():
            return value
    inner = columns.get("annotations")
    texts = [text_in(one) for one in inner[:50] if isinstance(one, dict)] if isinstance(inner, list) else []
    return "\n".join(filter(None, texts))
