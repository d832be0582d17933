"""The road among hosts of every habit: each reachable picture arrives, none is invented, each row says what happened."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pixmo.run.folder import Folder
from pixmo.run.job import Effort, Summary, run_recipe
from pixmo.run.maintain import status
from pixmo.run.runner import Works, shards_of
from pixmo.storage.store import Store
from tests.road.lists import ADDRESSES, LIMITED, Row, fill, road, troubles, write_list
from tests.server.trouble import TroubleServer

pytestmark = pytest.mark.slow


@pytest.fixture
def hosts() -> Iterator[TroubleServer]:
    """Nine hosts on loopback addresses."""
    with TroubleServer(addresses=ADDRESSES) as server:
        fill(server)
        yield server


def run(tmp_path: Path, hosts: TroubleServer, rows: list[Row], n_proc: int, **settings: object) -> Summary:
    recipe = road(write_list(tmp_path / "list.jsonl", rows), **settings)
    return run_recipe(recipe, tmp_path / "out", Effort(n_proc=n_proc, min_free_bytes=0, quiet=True))


def outcomes(out: Path) -> dict[str, tuple[str, str | None]]:
    """caption → (outcome, fetched_sha256), of all rows, selected or not."""
    folder = Folder(out)
    plan, side_files = folder.plan(), folder.side_files()
    shards = shards_of(plan, side_files)
    assert Works(side_files, Store(folder.store_path())).attach(folder.recipe(), shards)
    found = {}
    for shard in shards:
        import pyarrow as pa

        names = ("caption", "outcome", "fetched_sha256")
        table = shard.table(pa.schema([(n, pa.string()) for n in names]))
        columns = [table.column(n).to_pylist() for n in names]
        found |= {c: (o, s) for c, o, s in zip(*columns, strict=True)}
    return found


@pytest.mark.parametrize("n_proc", [1, 2, 8])
def test_every_row_ends_as_it_should(tmp_path: Path, hosts: TroubleServer, n_proc: int) -> None:
    """Among hosts of every habit each row has its right outcome and exactly the picture its URL serves."""
    rows = troubles(hosts)
    summary = run(tmp_path, hosts, rows, n_proc)
    found = outcomes(tmp_path / "out")
    wrong = {
        rows[i].url: (found[f"row {i}"][0], row.outcome)
        for i, row in enumerate(rows)
        if found[f"row {i}"][0] != row.outcome
    }
    assert wrong == {}
    assert summary.written == sum(r.outcome == "ok" for r in rows)
    table = pq.read_table(tmp_path / "out" / "data")
    served = {hashlib.sha256(data).hexdigest() for data in hosts.pictures.values()}
    for caption, image, sha in zip(
        *(table.column(n).to_pylist() for n in ("caption", "image", "fetched_sha256")), strict=True
    ):
        wanted = hosts.pictures[str(rows[int(caption.split()[1])].picture)]
        assert image["bytes"] == wanted
        assert sha == hashlib.sha256(wanted).hexdigest()
        assert sha in served
    assert sum(status(tmp_path / "out").outcomes.values()) == len(rows)


@pytest.mark.parametrize("n_proc", [1, 2, 8])
def test_the_rate_of_a_host_is_never_exceeded(tmp_path: Path, hosts: TroubleServer, n_proc: int) -> None:
    """With 20 requests per second configured, no host sees more than 21 in any second, whatever the number of processes."""
    rows = [
        Row(hosts.url(f"/p/{i % 40}.jpg?{i}", host), "ok", f"{i % 40}.jpg") for i in range(50) for host in ADDRESSES[:3]
    ]
    run(tmp_path, hosts, rows, n_proc, requests_per_s=20.0)
    times = defaultdict(list)
    for seen in hosts.log:
        times[seen.host].append(seen.at)
    assert len(hosts.log) == len(rows)
    for starts in times.values():
        for i, start in enumerate(starts):
            assert sum(start <= t < start + 1 for t in starts[i:]) <= 21  # one for the jitter of loopback


@pytest.mark.parametrize("n_proc", [1, 2, 8])
def test_after_429_the_host_is_left_alone(tmp_path: Path, hosts: TroubleServer, n_proc: int) -> None:
    """Between a 429 and the end of its Retry-After a host sees at most the requests that were already in flight."""
    rows = [Row(hosts.url(f"/limited:20:2/p/{i}.jpg", LIMITED), "ok", f"{i}.jpg") for i in range(40)]
    summary = run(tmp_path, hosts, rows, n_proc, per_host=4)
    assert summary.outcomes == {"ok": 40}
    starts = [seen.at for seen in hosts.log]
    gaps = [b - a for a, b in pairwise(starts)]
    assert any(gap > 1.8 for gap in gaps)
    first_refused = starts[20]  # the 21st within a second is the first to get a 429
    assert sum(first_refused < t < first_refused + 1.9 for t in starts) <= 3  # per_host - 1 others in flight


def test_the_second_run_asks_nothing(tmp_path: Path, hosts: TroubleServer) -> None:
    """A finished run asks no host again, and its files stay as they are."""
    rows = troubles(hosts)
    run(tmp_path, hosts, rows, 2)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out" / "data").iterdir()}
    asked = len(hosts.log)
    again = run(tmp_path, hosts, rows, 1)
    assert (len(hosts.log), again.asked, again.files_written) == (asked, 0, 0)
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out" / "data").iterdir()} == before


def test_equal_questions_are_asked_once(tmp_path: Path, hosts: TroubleServer) -> None:
    """Twenty rows with thirteen distinct URLs: thirteen requests."""
    rows = [Row(hosts.url(f"/p/{i % 13}.jpg"), "ok", f"{i % 13}.jpg") for i in range(20)]
    run(tmp_path, hosts, rows, 2)
    assert Counter(seen.path for seen in hosts.log).total() == 13
