"""What a newcomer does to a folder, and what it must survive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pixmo.run.job import Effort, run_recipe
from pixmo.run.maintain import clean, verify
from tests.road.lists import ADDRESSES, Row, fill, road, write_list
from tests.server.trouble import TroubleServer

pytestmark = pytest.mark.slow
QUIET = Effort(n_proc=1, min_free_bytes=0, quiet=True)


@pytest.fixture
def host() -> Iterator[TroubleServer]:
    """A host with forty pictures."""
    with TroubleServer(addresses=ADDRESSES[:1]) as server:
        fill(server)
        yield server


def made(tmp_path: Path, host: TroubleServer, count: int = 6) -> Path:
    rows = [Row(host.url(f"/p/{i}.jpg"), "ok", f"{i}.jpg") for i in range(count)]
    run_recipe(road(write_list(tmp_path / "list.jsonl", rows)), tmp_path / "out", QUIET)
    return tmp_path / "out"


def pictures(out: Path) -> list[bytes]:
    return [row["bytes"] for row in pq.read_table(out / "data").column("image").to_pylist()]


def flip(path: Path, what: bytes) -> None:
    """Damages the middle of the one place where `what` stands in a file."""
    data = bytearray(path.read_bytes())
    at = data.index(what) + len(what) // 2
    data[at] ^= 0xFF
    path.write_bytes(data)


def test_a_picture_damaged_in_its_only_place_is_fetched_again(tmp_path: Path, host: TroubleServer) -> None:
    """With the packs cleaned away `data/` is the store: what is readable there is kept, what is not is asked for again."""
    out = made(tmp_path, host)
    clean(out, packs=True)
    (file,) = (out / "data").iterdir()
    flip(file, host.pictures["3.jpg"])
    host.log.clear()
    (problem,) = verify(out, repair=True, effort=QUIET)
    assert problem.repaired
    assert [seen.path for seen in host.log] == ["/p/3.jpg"]
    assert sorted(pictures(out)) == sorted(host.pictures[f"{i}.jpg"] for i in range(6))
    assert verify(out) == []


@pytest.mark.parametrize("left", [0, 4000])
def test_a_lost_file_is_fetched_again(tmp_path: Path, host: TroubleServer, left: int) -> None:
    """The same when the file is gone, or cut off where a reader finds nothing in it."""
    out = made(tmp_path, host)
    clean(out, packs=True)
    (file,) = (out / "data").iterdir()
    before = file.read_bytes()
    file.unlink() if left == 0 else file.write_bytes(before[:left])
    host.log.clear()
    assert all(p.repaired for p in verify(out, repair=True, effort=QUIET))
    assert len(host.log) == 6
    assert file.read_bytes() == before
    assert verify(out) == []
