"""A set on the Hub, read through `datasets`: pinned to a commit, streamed, never kept twice, pictures never decoded."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import datasets
import huggingface_hub
import pyarrow as pa
from datasets.data_files import EmptyDatasetError
from huggingface_hub import errors as hub_errors

from pixmo.errors import BadSource, PixmoError, UnknownName
from pixmo.sources.place import one_line
from pixmo.sources.reader import sliced
from pixmo.sources.schemas import fitted, unified
from pixmo.sources.source import Expected, labelled

CONFIG = "config"
PICTURE_ROWS = 64
"""Rows asked of `datasets` at a time where they hold pictures."""


class Wanted(NamedTuple):
    """What of a set is read: several configs, or None for its own choice; one split, or None for all."""

    repo: str
    configs: tuple[str, ...] | None = None
    split: str | None = None
    revision: str | None = None


class _Piece(NamedTuple):
    config: str
    split: str
    rows: Any  # Any: a datasets.IterableDataset


class HubSource:
    """The rows of a Hub set: config by config, split by split, in the Hub's order.

    A set with one split that is `train` has no column `split`, so that a run may hold rows out. Where several configs are
    read, the column `config` says which one a row is from.
    """

    def __init__(self, wanted: Wanted, expected: Expected | None = None) -> None:
        self.name = wanted.repo
        with _at_the_border(wanted):
            told = huggingface_hub.HfApi().dataset_info(wanted.repo, revision=wanted.revision)
            self._sha: str = told.sha or wanted.revision or "main"
            self.licence: str | None = _licence(told)
            self._configs = _configs(wanted, self._sha)
            self._pieces = [p for c in self._configs for p in _pieces(wanted, c, self._sha)]
        found = tuple(dict.fromkeys(piece.split for piece in self._pieces))
        self.splits = () if found == ("train",) else found
        self.expected = _expected(self._pieces, expected)
        self._wanted = wanted
        self._schema: pa.Schema | None = None

    def __repr__(self) -> str:
        return f"HubSource({self.name!r}, {self._sha[:8]}, {len(self._pieces)} pieces)"

    def schema(self) -> pa.Schema:
        """The columns as the set's features say."""
        with _at_the_border(self._wanted):
            return labelled(self._with_config(self._bare()), self.splits)

    def identity(self) -> dict[str, Any]:  # Any: plain JSON
        """The set, its commit, configs and splits."""
        splits = sorted({piece.split for piece in self._pieces})
        return {"hub": self.name, "revision": self._sha, "configs": list(self._configs), "hub_splits": splits}

    def batches(self, batch_rows: int = 8192) -> Iterator[pa.RecordBatch]:
        """The rows in order."""
        bare = self._bare()
        for piece in self._pieces:
            with _at_the_border(self._wanted):
                for batch in _batches(piece.rows, batch_rows):
                    whole = self._with_config(fitted(batch, bare), piece.config)
                    yield labelled(whole, self.splits, piece.split)

    def _bare(self) -> pa.Schema:
        if self._schema is None:
            told = [(f"{self.name} {p.config}/{p.split}", _schema_of(p.rows), False) for p in self._pieces]
            self._schema = unified(told)
        return self._schema

    def _with_config(self, table: Any, config: str | None = None) -> Any:  # Any: a Schema or a RecordBatch
        if len(self._configs) < 2 or CONFIG in self._bare().names:
            return table
        if isinstance(table, pa.Schema):
            return pa.schema([*table, pa.field(CONFIG, pa.string())], table.metadata)
        column = pa.repeat(pa.scalar(config, pa.string()), table.num_rows)
        return pa.RecordBatch.from_arrays([*table.columns, column], schema=self._with_config(table.schema))


def _configs(wanted: Wanted, sha: str) -> tuple[str, ...]:
    known = datasets.get_dataset_config_names(wanted.repo, revision=sha)
    if wanted.configs is None:
        own = datasets.get_dataset_default_config_name(wanted.repo, revision=sha)
        if own is None and len(known) > 1:
            raise BadSource(f"{wanted.repo}: has the configs {', '.join(known)}; say which with --config")
        return (own or known[0],)
    for config in wanted.configs:
        if config not in known:
            raise UnknownName("config", config, known, wanted.repo)
    return wanted.configs


def _pieces(wanted: Wanted, config: str, sha: str) -> list[_Piece]:
    loaded = datasets.load_dataset(wanted.repo, config, revision=sha, streaming=True)
    if wanted.split is not None and wanted.split not in loaded:
        raise UnknownName("split", wanted.split, map(str, loaded), f"{wanted.repo} {config}")
    return [_Piece(config, str(s), _plain(d)) for s, d in loaded.items() if wanted.split in (None, str(s))]


def _plain(rows: Any) -> Any:  # Any: a datasets.IterableDataset
    """The rows as Arrow, pictures as they are stored."""
    for name, feature in (rows.features or {}).items():
        if _has_pictures(feature):
            rows = rows.cast_column(name, _undecoded(feature))
    return rows.with_format("arrow")


def _has_pictures(feature: Any) -> bool:  # Any: a feature, or a list or dict of them
    if isinstance(feature, dict):
        return any(_has_pictures(f) for f in feature.values())
    if isinstance(feature, list):
        return _has_pictures(feature[0])
    return isinstance(feature, datasets.Image) or _has_pictures(getattr(feature, "feature", {}))


def _undecoded(feature: Any) -> Any:  # Any: as above
    """The feature with its pictures left as bytes, also those inside lists."""
    if isinstance(feature, dict):
        return {name: _undecoded(f) for name, f in feature.items()}
    if isinstance(feature, list):
        return [_undecoded(feature[0])]
    if isinstance(feature, datasets.Image):
        return datasets.Image(decode=False)
    if _has_pictures(feature):
        feature = copy.copy(feature)
        feature.feature = _undecoded(feature.feature)
    return feature


def _schema_of(rows: Any) -> pa.Schema:  # Any: a datasets.IterableDataset
    """The columns its features say; for a set that says none, those of its first rows."""
    if rows.features is not None:
        return rows.features.arrow_schema
    first = next(iter(rows.iter(1000)), None)
    return pa.schema([]) if first is None else first.schema


def _batches(rows: Any, batch_rows: int) -> Iterator[pa.RecordBatch]:  # Any: a datasets.IterableDataset
    pictures = _has_pictures(rows.features or {})
    for table in rows.iter(min(PICTURE_ROWS, batch_rows) if pictures else batch_rows):
        for batch in table.combine_chunks().to_batches():
            yield from sliced(batch, batch_rows)


def _expected(pieces: Sequence[_Piece], known: Expected | None) -> Expected | None:
    """What the catalog knows, with the rows the set itself tells of, where its card does."""
    told = [(piece.rows.info.splits or {}).get(piece.split) for piece in pieces]
    if not told or any(t is None or not t.num_examples for t in told):
        return known
    return (known or Expected())._replace(rows=sum(t.num_examples for t in told if t is not None))


def _licence(told: Any) -> str | None:  # Any: a DatasetInfo
    """The licence of this very revision: sets have changed theirs."""
    licence = (told.card_data or {}).get("license") if told.card_data is not None else None
    return ", ".join(licence) if isinstance(licence, list) else licence


_TOLD: Sequence[tuple[type[BaseException], str]] = (
    (hub_errors.GatedRepoError, "is gated: accept its terms on the Hub, then set HF_TOKEN"),
    (
        hub_errors.RepositoryNotFoundError,
        "no such data set on the Hub, and no such file here (for a private set, set HF_TOKEN)",
    ),
    (hub_errors.RevisionNotFoundError, "has no revision {revision!r}"),
    (hub_errors.OfflineModeIsEnabled, "the Hub may not be asked: HF_HUB_OFFLINE is set"),
    (datasets.exceptions.DatasetNotFoundError, "no such data set on the Hub, or it cannot be reached"),
    (EmptyDatasetError, "holds no files that `datasets` can read"),
    (datasets.exceptions.DataFilesNotFoundError, "holds no files that `datasets` can read"),
)


@contextlib.contextmanager
def _at_the_border(wanted: Wanted) -> Iterator[None]:
    """Turns what the Hub's clients raise into a BadSource."""
    try:
        yield
    except (PixmoError, AssertionError, AttributeError, NameError):  # ours, and bugs
        raise
    except Exception as error:  # the border to two libraries and the network under them
        known = next((text for kind, text in _TOLD if isinstance(error, kind)), None)
        what = known or f"cannot be read from the Hub: {type(error).__name__}: {one_line(str(error))}"
        raise BadSource(f"{wanted.repo}: {what.format(revision=wanted.revision)}") from error
