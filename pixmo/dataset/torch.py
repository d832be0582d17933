"""Rows for torch: a stream or a table of samples, shuffled, dealt out to ranks and workers, taken up again where one stopped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler, get_worker_info

from pixmo.dataset.rows import Rows
from pixmo.dataset.rows_ahead import ahead
from pixmo.dataset.rows_chunk import Row
from pixmo.dataset.torch_order import Order, Places, Sharding, dealt, worker_part
from pixmo.errors import BadSetting
from pixmo.ids import digest_of, short

Transform = Callable[[Row], Any]  # Any: a sample of the user's own


def to_torch(rows: Rows, sharding: Sharding, transform: Transform | None, map_style: bool) -> RowStream | RowTable:
    """A stream of samples, or a table of them."""
    return (RowTable if map_style else RowStream)(rows, sharding, transform)


class _Samples:
    """What stream and table have in common: the rows, their order, and what is made of a row."""

    def __init__(self, rows: Rows, sharding: Sharding, transform: Transform | None) -> None:
        self.rows, self.sharding, self.transform = rows, sharding, transform
        self._order = Order(*rows.blocks(), sharding)

    @property
    def part(self) -> tuple[int, int]:
        """The rank's part of the order."""
        return self.sharding.part(self._order.rows)

    def samples(self, rows: Iterator[Row]) -> Iterator[Any]:  # Any: samples
        """Rows, or what `transform` makes of each."""
        return rows if self.transform is None else map(self.transform, rows)

    def loader(self, batch_size: int = 1, num_workers: int = 0, **options: Any) -> Loader:  # Any: DataLoader's options
        """A DataLoader over it whose place can be saved and taken up again; epochs follow each other by themselves.

        Without a transform a batch is a list of rows, else what torch collates; `options` are DataLoader's own.
        """
        return Loader(self, batch_size, num_workers, **options)

    def identity(self) -> dict[str, Any]:  # Any: plain JSON
        """What the order depends on: a place saved under one identity means nothing under another."""
        files = [[os.path.basename(f.path), f.rows] for f in self.rows.groups.files]
        span = self.rows.span
        how = self.sharding
        return {
            "rows": short(digest_of([files, [span.start, span.stop, span.step]])), "shuffle": how.shuffle, "seed": how.seed,
            "rank": how.rank, "world_size": how.world_size, "uneven": how.uneven, "buffer_rows": how.buffer_rows,
        }  # fmt: skip


class RowStream(_Samples, IterableDataset[Any]):  # Any: samples
    """Samples in the order of an epoch, this rank's and worker's own.

    For a DataLoader of any number of workers: together they give each row of the rank once. `set_epoch` chooses the order of the
    next pass. `state_dict` tells how far this very object has come, for use without workers; `loader` counts with workers too.
    """

    def __init__(self, rows: Rows, sharding: Sharding, transform: Transform | None) -> None:
        super().__init__(rows, sharding, transform)
        self.epoch = 0
        self._done = self._begin = 0

    def __len__(self) -> int:
        start, stop = self.part
        return stop - start

    def __iter__(self) -> Iterator[Any]:  # Any: samples
        info = get_worker_info()
        part = worker_part(len(self), info.id, info.num_workers) if info else (0, len(self))
        self._done, self._begin = self._begin, 0
        for sample in self.walk(self.epoch, *part, self._done):
            self._done += 1
            yield sample
        self._done = 0

    def walk(self, epoch: int, start: int, stop: int, skip: int = 0) -> Iterator[Any]:  # Any: samples
        """The samples of a stretch of the rank's part, without the first `skip`: those are not read."""
        first = self.part[0]
        windows = self._order.walk(epoch, first + start, first + stop, skip)
        return self.samples(row for window in ahead(_read(self.rows, windows), 1) for row in window)

    def set_epoch(self, epoch: int) -> None:
        """The next pass is in the order of this epoch."""
        self.epoch, self._begin = epoch, 0

    def state_dict(self) -> dict[str, Any]:  # Any: plain JSON
        """How far the pass has come."""
        return {"epoch": self.epoch, "rows": self._done or self._begin, "of": self.identity()}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # Any: plain JSON
        """The next pass goes on behind the row that was given last. Raises BadSetting for a state of other rows or settings."""
        _check(state["of"], self.identity())
        self.epoch, self._begin, self._done = state["epoch"], state["rows"], 0


class RowTable(_Samples, Dataset[Any]):  # Any: samples
    """Samples by number, for DataLoader and samplers of any kind; `sampler` gives this rank's order, kind to row groups."""

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> Any:  # Any: a sample
        row = self.rows[place]
        return row if self.transform is None else self.transform(row)

    def __getitems__(self, places: Sequence[int]) -> list[Any]:  # Any: samples
        return list(self.samples(iter(self.rows.take(places, pictures=True))))

    def sampler(self) -> RowSampler:
        """The places of this rank's rows, in the order of an epoch."""
        return RowSampler(self._order, self.part)


class RowSampler(Sampler[int]):
    """Places of rows for `DataLoader(table, sampler=…)`; `set_epoch` chooses the order."""

    def __init__(self, order: Order, part: tuple[int, int]) -> None:
        self._order, self._part = order, part
        self.epoch = 0

    def __len__(self) -> int:
        return self._part[1] - self._part[0]

    def __iter__(self) -> Iterator[int]:
        for window in self.places(self.epoch):
            yield from window.tolist()

    def places(self, epoch: int, skip: int = 0) -> Iterator[Places]:
        """The places of an epoch, window by window, without the first `skip`."""
        return self._order.walk(epoch, *self._part, skip)

    def set_epoch(self, epoch: int) -> None:
        """The next pass is in the order of this epoch."""
        self.epoch = epoch


class Loader:
    """A DataLoader that knows its place: batches given count, those that workers made in advance do not.

    Each `iter` is an epoch, the next one after the last, in an order of its own. `state_dict` may be asked for at any time;
    after `load_state_dict` the next `iter` gives the very batches that would have followed, in this process or another.
    """

    def __init__(
        self, samples: _Samples, batch_size: int = 1, num_workers: int = 0, **options: Any
    ) -> None:  # Any: DataLoader's options
        if batch_size < 1:
            raise BadSetting(f"batch_size {batch_size}: give 1 or more")
        for name in {"sampler", "batch_sampler", "shuffle", "in_order"} & set(options):
            raise BadSetting(f"{name}: the order is that of to_torch(shuffle=…, seed=…)")
        if samples.transform is None:
            options.setdefault("collate_fn", list)
        self.epoch = self._done = self._begin = 0
        self._batch_size, self._workers = batch_size, num_workers
        self._whole = bool(options.pop("drop_last", False))
        self._samples = samples
        # shared with the workers, who may outlive an epoch: the epoch, and how many batches of it were given before
        self._place = torch.zeros(2, dtype=torch.int64)
        self._place.share_memory_()  # type: ignore[no-untyped-call]
        options |= {"num_workers": num_workers}
        if isinstance(samples, RowTable):
            batches = _Batches(samples.sampler(), self._place, batch_size, self._whole)
            self._loader: DataLoader[Any] = DataLoader(samples, batch_sampler=batches, **options)
        else:
            assert isinstance(samples, RowStream)
            served = _Served(samples, self._place, batch_size, self._whole)
            self._loader = DataLoader(served, batch_size=batch_size, **options)

    def __len__(self) -> int:
        """Batches of an epoch."""
        start, stop = self._samples.part
        return (stop - start) // self._batch_size if self._whole else -(-(stop - start) // self._batch_size)

    def __iter__(self) -> Iterator[Any]:  # Any: batches
        self._done, self._begin = self._begin, 0
        self._place[0], self._place[1] = self.epoch, self._done
        for batch in self._loader:
            self._done += 1
            yield batch
        self.epoch, self._done = self.epoch + 1, 0

    def set_epoch(self, epoch: int) -> None:
        """The next pass is this epoch, from its beginning."""
        self.epoch, self._done, self._begin = epoch, 0, 0

    def state_dict(self) -> dict[str, Any]:  # Any: plain JSON
        """The epoch, and how many of its batches were given."""
        return {"epoch": self.epoch, "batches": self._done or self._begin, "of": self._identity()}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # Any: plain JSON
        """The next `iter` goes on behind the batch that was given last. Raises BadSetting for a state of other rows or settings."""
        _check(state["of"], self._identity())
        self.epoch, self._begin, self._done = state["epoch"], state["batches"], 0

    def _identity(self) -> dict[str, Any]:  # Any: plain JSON
        how = {"batch_size": self._batch_size, "drop_last": self._whole}
        # of a stream each worker has rows of its own: with other workers the rows come in another order
        workers = {} if isinstance(self._samples, RowTable) else {"num_workers": self._workers}
        return self._samples.identity() | how | workers


class _Served(IterableDataset[Any]):  # Any: samples
    """The stream as one worker of a Loader gives it: whole batches, beginning where the Loader says."""

    def __init__(self, stream: RowStream, place: torch.Tensor, batch_size: int, whole: bool) -> None:
        self._stream, self._place, self._batch_size, self._whole = stream, place, batch_size, whole

    def __iter__(self) -> Iterator[Any]:  # Any: samples
        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        epoch, delivered = self._place.tolist()
        size = self._batch_size
        rows = len(self._stream) // size * size if self._whole else len(self._stream)
        parts = [worker_part(rows, w, workers, size) for w in range(workers)]
        done, turn = dealt([-(-(stop - start) // size) for start, stop in parts], delivered)
        role = turn[worker]  # the DataLoader begins with worker 0: it plays whoever's turn it is
        yield from self._stream.walk(epoch, *parts[role], done[role] * size)


class _Batches(Sampler[list[int]]):
    """The batches of places of a Loader's epoch."""

    def __init__(self, sampler: RowSampler, place: torch.Tensor, batch_size: int, whole: bool) -> None:
        self._sampler, self._place, self._batch_size, self._whole = sampler, place, batch_size, whole

    def __iter__(self) -> Iterator[list[int]]:
        epoch, delivered = self._place.tolist()
        batch: list[int] = []
        for window in self._sampler.places(epoch, delivered * self._batch_size):
            for place in window.tolist():
                batch.append(place)
                if len(batch) == self._batch_size:
                    yield batch
                    batch = []
        if batch and not self._whole:
            yield batch


def _read(rows: Rows, windows: Iterator[Places]) -> Iterator[Iterator[Row]]:
    """The rows of each window; a window is read when it is asked for."""
    return (rows.window(window) for window in windows)


def _check(told: dict[str, Any], here: dict[str, Any]) -> None:  # Any: plain JSON
    for name in here:
        if told.get(name) != here[name]:
            what = "other rows" if name == "rows" else f"{name}={told.get(name)!r}, here it is {here[name]!r}"
            raise BadSetting(f"load_state_dict: the state was saved with {what}; go on with the same settings")
