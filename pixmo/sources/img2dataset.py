"""A folder that img2dataset wrote: `files`, `webdataset` or `parquet`, each shard with its metadata beside it or in it.

URLs are found through 16 bytes each in memory; a shard's own metadata is read when a picture of it is asked for, and the
last few are kept, since lists are read in the order they were downloaded in.
"""

from __future__ import annotations

import json
import logging
import re
import tarfile
from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pixmo.ids import digest
from pixmo.sources.reuse import Reused, has_hash, is_text

log = logging.getLogger(__name__)

HASHES = ("sha256", "md5", "sha512")
PICTURES = ("jpg", "jpeg", "png", "webp")
_SHARD = re.compile(r"(\d{5,})(?:\.parquet|\.tar)?")


class _Row(NamedTuple):
    url: str
    key: str
    hash_kind: str | None
    hash: str | None
    number: int  # within the shard's Parquet file


def shards_in(folder: Path) -> list[str]:
    """Names of the shards of a folder, sorted; empty when it is no img2dataset folder."""
    found: dict[str, set[str]] = {}
    for path in folder.iterdir():
        if match := _SHARD.fullmatch(path.name):
            found.setdefault(match[1], set()).add("folder" if path.is_dir() else path.suffix)
    told = {name: kinds for name, kinds in found.items() if kinds - {".tar"} or _tar_has_json(folder / f"{name}.tar")}
    return sorted(
        name for name, kinds in told.items() if ".parquet" not in kinds or _is_metadata(folder / f"{name}.parquet")
    )


class Img2dataset:
    """Its pictures by URL."""

    def __init__(self, folder: Path, shards: list[str]) -> None:
        self._folder = folder
        self._shards = shards
        self._index: tuple[NDArray[np.uint64], NDArray[np.uint32]] | None = None
        self._rows: Callable[[int], dict[str, _Row]] = lru_cache(8)(self._read_rows)
        self._members: Callable[[int], dict[str, tuple[int, int]]] = lru_cache(8)(self._read_members)
        self._group: Callable[[int, int], pa.ChunkedArray] = lru_cache(2)(self._read_group)

    def __repr__(self) -> str:
        return f"Img2dataset({self._folder}, {len(self._shards)} shards)"

    def get(self, url: str, sha256: str | None) -> Reused | None:
        """The picture of a URL whose download succeeded. It is `original` when its bytes have the hash noted when they came."""
        for shard in self._shards_of(url):
            row = self._rows(shard).get(url)
            data = None if row is None else self._data(shard, row)
            if row is None or data is None or is_text(data):
                continue
            told = has_hash(data, row.hash_kind, row.hash) if row.hash_kind and row.hash else False
            if sha256 is not None:
                if row.hash_kind == "sha256" and row.hash and row.hash.lower() != sha256.lower():
                    continue  # the host gave it another picture than the list expects
                told = told or digest(data) == sha256.lower()
            return Reused(data, f"reused from {self._folder}" + ("" if told else ", re-encoded"), told)
        return None

    def _shards_of(self, url: str) -> list[int]:
        if self._index is None:
            self._index = self._read_index()
        keys, shards = self._index
        key = _key(url)
        return [int(s) for s in shards[np.searchsorted(keys, key) : np.searchsorted(keys, key, "right")]]

    def _read_index(self) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
        keys, shards = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint32)]
        for shard in range(len(self._shards)):
            found = np.array([_key(url) for url in self._read_rows(shard)], np.uint64)
            keys.append(found)
            shards.append(np.full(len(found), shard, np.uint32))
        together = np.concatenate(keys)
        order = np.argsort(together, kind="stable")
        return together[order], np.concatenate(shards)[order]

    def _read_rows(self, shard: int) -> dict[str, _Row]:
        """The successful rows of a shard by URL; of equal URLs the first."""
        rows: dict[str, _Row] = {}
        try:
            for number, told in enumerate(self._metadata(self._shards[shard])):
                if told.get("status") == "success" and isinstance(told.get("url"), str) and told.get("key") is not None:
                    kind = next((h for h in HASHES if told.get(h)), None)
                    row = _Row(told["url"], str(told["key"]), kind, told[kind] if kind else None, number)
                    rows.setdefault(row.url, row)
        except (OSError, ValueError, pa.ArrowException, tarfile.TarError) as error:
            log.warning("shard not reused folder=%s shard=%s reason=%s", self._folder, self._shards[shard], error)
        return rows

    def _metadata(self, name: str) -> Iterator[dict[str, Any]]:  # Any: column values
        table = self._folder / f"{name}.parquet"
        if table.is_file():
            with pq.ParquetFile(table) as file:
                columns = [c for c in ("url", "key", "status", *HASHES) if c in file.schema_arrow.names]
                for batch in file.iter_batches(columns=columns):
                    yield from batch.to_pylist()
        elif (self._folder / name).is_dir():
            for path in sorted((self._folder / name).glob("*.json")):
                yield json.loads(path.read_bytes())
        else:
            yield from _json_members(self._folder / f"{name}.tar")

    def _data(self, shard: int, row: _Row) -> bytes | None:
        """The picture's bytes, wherever the shard keeps them."""
        name = self._shards[shard]
        try:
            for suffix in PICTURES:
                path = self._folder / name / f"{row.key}.{suffix}"
                if path.is_file():
                    return path.read_bytes()
            if (tar := self._folder / f"{name}.tar").is_file():
                return self._from_tar(tar, shard, row.key)
            return self._from_parquet(shard, row.number)
        except (OSError, pa.ArrowException) as error:
            log.warning("picture not reused shard=%s key=%s reason=%s", name, row.key, error)
            return None

    def _from_tar(self, tar: Path, shard: int, key: str) -> bytes | None:
        where = next((m for s in PICTURES if (m := self._members(shard).get(f"{key}.{s}"))), None)
        if where is None:
            return None
        with tar.open("rb") as file:
            file.seek(where[0])
            data = file.read(where[1])
        return data if len(data) == where[1] else None

    def _read_members(self, shard: int) -> dict[str, tuple[int, int]]:
        found = {}
        try:
            with tarfile.open(self._folder / f"{self._shards[shard]}.tar", "r:") as tar:
                for member in tar:
                    if member.isreg():
                        found[member.name.removeprefix("./")] = (member.offset_data, member.size)
        except tarfile.TarError:  # cut off: what came before is there
            pass
        return found

    def _from_parquet(self, shard: int, number: int) -> bytes | None:
        with pq.ParquetFile(self._folder / f"{self._shards[shard]}.parquet") as file:
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                if number < rows:
                    break
                number -= rows
        value = self._group(shard, group)[number].as_py()
        return value if isinstance(value, bytes) else None

    def _read_group(self, shard: int, group: int) -> pa.ChunkedArray:
        with pq.ParquetFile(self._folder / f"{self._shards[shard]}.parquet") as file:
            columns = [c for c in PICTURES if c in file.schema_arrow.names]
            table = file.read_row_group(group, columns=columns)
        return table.column(0) if columns else pa.chunked_array([pa.nulls(table.num_rows)])


def _key(url: str) -> int:
    return int.from_bytes(blake2b(url.encode(errors="surrogatepass"), digest_size=8).digest(), "little")


def _is_metadata(path: Path) -> bool:
    try:
        return {"url", "key", "status"} <= set(pq.read_schema(path).names)
    except (OSError, pa.ArrowException):
        return True  # damaged, but named as a shard: read_rows says so


def _tar_has_json(path: Path) -> bool:
    return next(_json_members(path), None) is not None


def _json_members(path: Path) -> Iterator[dict[str, Any]]:  # Any: JSON values
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            if member.isreg() and member.name.endswith(".json") and (file := tar.extractfile(member)):
                yield json.load(file)
