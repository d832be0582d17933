"""Rows through real DataLoaders: each once, in an order that comes again, taken up where one stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from pixmo.dataset.load import load
from pixmo.dataset.rows import Rows
from pixmo.dataset.rows_chunk import Row
from pixmo.errors import BadSetting
from tests.dataset.sets import expected, finished, grouped

ROWS = 103
HOUSE = Path(__file__).parent.parent.parent
STYLES = pytest.mark.parametrize("map_style", [False, True], ids=["stream", "table"])
WORKERS = pytest.mark.parametrize("workers", [0, 2])


def number(row: Row) -> int:
    """A row's own number."""
    return int(row.id, 16)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """103 rows with pictures, in two files of row groups of six."""
    folder = tmp_path_factory.mktemp("set")
    return load(finished(folder, {"train": [grouped(0, 60, True), grouped(60, 43, True)]}, group_rows=6))


def samples(rows: Rows, map_style: bool, **settings: Any) -> Any:
    """A shuffled stream or table of numbers; windows of twenty rows."""
    told: dict[str, Any] = {"shuffle": True, "seed": 3, "buffer_rows": 20, "transform": number}
    return rows.to_torch(map_style=map_style, **(told | settings))


def batches(loader: Any) -> list[list[int]]:
    return [batch.tolist() for batch in loader]


def flat(lists: list[list[int]]) -> list[int]:
    return [n for one in lists for n in one]


@STYLES
@WORKERS
def test_an_epoch_gives_each_row_once(rows: Rows, map_style: bool, workers: int) -> None:
    """In batches of the size asked for; the next epoch in another order; the same seed gives the same epochs again."""
    loader = samples(rows, map_style).loader(batch_size=8, num_workers=workers)
    epochs = [batches(loader) for _ in range(3)]
    for epoch in epochs:
        assert [len(b) for b in epoch] == [8] * 12 + [7]
        assert sorted(flat(epoch)) == list(range(ROWS))
    assert epochs[0] != epochs[1] != epochs[2]
    assert len(loader) == 13
    again = samples(rows, map_style).loader(batch_size=8, num_workers=workers)
    again.set_epoch(1)
    assert batches(again) == epochs[1]


@STYLES
@WORKERS
@pytest.mark.parametrize("given", [0, 1, 6, 12, 13])
def test_a_loader_goes_on_where_another_stopped(rows: Rows, map_style: bool, workers: int, given: int) -> None:
    """Saved after any number of batches, the rest of the epoch follows to the batch, and the next epoch after it."""
    data = samples(rows, map_style)
    whole = data.loader(batch_size=8, num_workers=workers)
    first, second = batches(whole), batches(whole)
    stopped = data.loader(batch_size=8, num_workers=workers)
    begun = iter(stopped)
    before = [next(begun).tolist() for _ in range(given)]
    state = json.loads(json.dumps(stopped.state_dict()))
    del begun
    other = data.loader(batch_size=8, num_workers=workers)
    other.load_state_dict(state)
    assert other.state_dict() == state
    assert before + batches(other) == first
    assert batches(other) == second


def test_a_table_goes_on_with_other_workers(rows: Rows) -> None:
    """Its order does not depend on them; a stream's does, and a state of other workers is refused."""
    for map_style in (True, False):
        data = samples(rows, map_style)
        stopped = data.loader(batch_size=8, num_workers=2)
        begun = iter(stopped)
        before = [next(begun).tolist() for _ in range(5)]
        other = data.loader(batch_size=8, num_workers=0)
        if map_style:
            other.load_state_dict(stopped.state_dict())
            assert before + batches(other) == batches(data.loader(batch_size=8))
        else:
            with pytest.raises(BadSetting, match="num_workers=2, here it is 0"):
                other.load_state_dict(stopped.state_dict())
        del begun


@STYLES
def test_a_state_of_other_rows_or_settings_is_refused(rows: Rows, map_style: bool) -> None:
    """It would mean other batches."""
    state = samples(rows, map_style).loader(batch_size=8).state_dict()
    others: list[tuple[Any, str]] = [
        (samples(rows[1:], map_style).loader(batch_size=8), "other rows"),
        (samples(rows, map_style, seed=4).loader(batch_size=8), "seed=3, here it is 4"),
        (samples(rows, map_style, rank=1, world_size=2).loader(batch_size=8), "rank=0"),
        (samples(rows, map_style).loader(batch_size=9), "batch_size=8"),
    ]
    for other, what in others:
        with pytest.raises(BadSetting, match=what):
            other.load_state_dict(state)


@STYLES
def test_workers_that_stay_see_each_epoch(rows: Rows, map_style: bool) -> None:
    """With persistent workers the epochs are those of workers that are started anew."""
    options: dict[str, Any] = {"batch_size": 8, "num_workers": 2}
    stay = samples(rows, map_style).loader(persistent_workers=True, **options)
    anew = samples(rows, map_style).loader(**options)
    for _ in range(3):
        assert batches(stay) == batches(anew)


@STYLES
def test_ranks_share_the_rows(rows: Rows, map_style: bool) -> None:
    """Three ranks with two workers each: every row once in all; padded, every rank takes equally many steps."""
    kept, padded = [], []
    for rank in range(3):
        for uneven, found in (("keep", kept), ("pad", padded)):
            data = samples(rows, map_style, rank=rank, world_size=3, uneven=uneven)
            found.append(flat(batches(data.loader(batch_size=8, num_workers=2))))
    assert sorted(flat(kept)) == list(range(ROWS))
    assert [len(f) for f in padded] == [35, 35, 35]
    assert set(flat(padded)) == set(range(ROWS))


@STYLES
def test_incomplete_batches_may_be_dropped(rows: Rows, map_style: bool) -> None:
    """Of all workers together only one batch is not whole, and that one is left out."""
    loader = samples(rows, map_style).loader(batch_size=8, num_workers=2, drop_last=True)
    assert [len(b) for b in batches(loader)] == [8] * 12
    assert len(loader) == 12


@WORKERS
def test_a_plain_dataloader_does(rows: Rows, workers: int) -> None:
    """A stream gives each row once through torch's own DataLoader, and another order after `set_epoch`."""
    stream = samples(rows, False)
    epochs = []
    for epoch in (0, 1, 0):
        stream.set_epoch(epoch)
        epochs.append(torch.cat(list(DataLoader(stream, batch_size=10, num_workers=workers))).tolist())
    assert [sorted(e) for e in epochs] == [list(range(ROWS))] * 3
    assert epochs[0] == epochs[2] != epochs[1]


def test_a_table_takes_any_sampler(rows: Rows) -> None:
    """Torch's own shuffling, and our sampler, which is kind to row groups."""
    table = samples(rows, True)
    assert sorted(torch.cat(list(DataLoader(table, batch_size=10, shuffle=True))).tolist()) == list(range(ROWS))
    sampler = table.sampler()
    sampler.set_epoch(1)
    assert (len(table), len(sampler), table[7]) == (ROWS, ROWS, 7)
    loader = samples(rows, True).loader(batch_size=10)
    loader.set_epoch(1)
    assert torch.cat(list(DataLoader(table, batch_size=10, sampler=sampler))).tolist() == flat(batches(loader))


def test_a_stream_goes_on_by_itself(rows: Rows) -> None:
    """Without workers its own state tells the row it is at."""
    whole = list(samples(rows, False))
    stopped = samples(rows, False)
    begun = iter(stopped)
    before = [next(begun) for _ in range(37)]
    state = json.loads(json.dumps(stopped.state_dict()))
    other = samples(rows, False)
    other.load_state_dict(state)
    assert other.state_dict() == state
    assert before + list(other) == whole
    assert list(other) == whole
    with pytest.raises(BadSetting, match="seed"):
        samples(rows, False, seed=9).load_state_dict(state)


@STYLES
@WORKERS
def test_without_a_transform_batches_are_lists_of_rows(rows: Rows, map_style: bool, workers: int) -> None:
    """Whole rows come back from workers: records, columns and pictures."""
    loader = rows.to_torch(map_style=map_style).loader(batch_size=50, num_workers=workers)
    found = sorted((row for batch in loader for row in batch), key=number)
    said = expected(grouped(0, ROWS))
    assert [row.records for row in found] == said
    assert [row.picture_bytes for row in found] == [row.picture_bytes for row in rows]


def picture_and_count(row: Row) -> dict[str, Any]:
    """A sample as a trainer wants it."""
    return {"pixels": torch.from_numpy(np.array(row.picture().convert("RGB"))), "points": len(row.records)}


@STYLES
def test_samples_are_collated_by_torch(rows: Rows, map_style: bool) -> None:
    """Pictures decoded in the workers arrive as one tensor."""
    loader = rows.to_torch(map_style=map_style, transform=picture_and_count).loader(batch_size=10, num_workers=2)
    batch = next(iter(loader))
    assert batch["pixels"].shape == (10, 16, 24, 3)
    assert batch["points"].tolist() == [n % 5 for n in range(10)]


def test_every_third_row_backwards(rows: Rows) -> None:
    """Any slice can be shuffled and shared."""
    for map_style in (False, True):
        found = flat(batches(samples(rows[90:3:-3], map_style).loader(batch_size=7, num_workers=2)))
        assert sorted(found) == list(range(6, 91, 3))


def test_options_that_would_change_the_order_are_refused(rows: Rows) -> None:
    """The order is to_torch's."""
    with pytest.raises(BadSetting, match="shuffle"):
        samples(rows, False).loader(shuffle=True)
    with pytest.raises(BadSetting, match="batch_size 0"):
        samples(rows, False).loader(batch_size=0)
    with pytest.raises(BadSetting, match="rank 1"):
        rows.to_torch(rank=1)


TRAINER = """
import json, os, signal, sys
from pixmo.dataset.load import load

def number(row):
    return int(row.id, 16)

folder, style, workers, die_after = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
loader = load(folder).to_torch(map_style=style == "table", shuffle=True, seed=1, buffer_rows=20, transform=number).loader(8, workers)
if os.path.exists("state.json"):
    loader.load_state_dict(json.load(open("state.json")))
for _ in range(2 - loader.epoch):
    for step, batch in enumerate(loader):
        with open("seen.txt", "a") as seen:
            print(*batch.tolist(), file=seen)
        with open("state.tmp", "w") as state:
            json.dump(loader.state_dict(), state)
        os.replace("state.tmp", "state.json")
        if step + 1 == die_after:
            os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("style", "workers"), [("stream", 0), ("stream", 2), ("table", 2)])
def test_a_killed_trainer_goes_on_in_a_new_process(tmp_path: Path, style: str, workers: int) -> None:
    """Killed twice, in two epochs, it sees the batches of a trainer that was not, each once."""
    folder = finished(tmp_path / "set", {"train": [grouped(0, ROWS)]}, group_rows=6)
    seen = []
    for name, deaths in (("whole", [0]), ("killed", [5, 9, 4, 0])):
        place = tmp_path / name
        place.mkdir()
        for death in deaths:
            done = subprocess.run(
                [sys.executable, "-W", "error", "-c", TRAINER, str(folder), style, str(workers), str(death)],
                cwd=place, env=os.environ | {"PYTHONPATH": str(HOUSE)}, stdout=subprocess.DEVNULL, check=False, timeout=120,
            )  # fmt: skip
            assert done.returncode == (-signal.SIGKILL if death else 0)
        seen.append((place / "seen.txt").read_text())
    assert seen[0] == seen[1]


def test_without_torch_the_extra_is_named(tmp_path: Path) -> None:
    """One line with the command that installs it."""
    folder = finished(tmp_path / "set", {"train": [grouped(0, 2)]})
    code = """
import sys
sys.modules["torch"] = None
from pixmo.dataset.load import load
from pixmo.errors import MissingExtra
try:
    load(sys.argv[1]).to_torch()
except MissingExtra as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], env=os.environ | {"PYTHONPATH": str(HOUSE)}, capture_output=True,
        text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stdout == "to_torch needs an extra: pip install 'pixmo[molmo]'\n", done.stderr
