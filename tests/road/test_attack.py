"""What hostile hosts, odd lists and interrupted disks must not do: end a run, lose a picture, bring one back."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.run.job import Effort, run_recipe
from pixmo.run.maintain import verify
from pixmo.run.owners import Owners
from pixmo.run.recipe import Recipe, Step, load_stage
from pixmo.storage.store import Store
from tests.road.lists import ADDRESSES, fill, road
from tests.server.trouble import TroubleServer

pytestmark = pytest.mark.slow
QUIET = Effort(n_proc=1, min_free_bytes=0, quiet=True)


@pytest.fixture
def host() -> Iterator[TroubleServer]:
    """One host with forty pictures."""
    with TroubleServer(addresses=ADDRESSES[:1]) as server:
        fill(server)
        yield server


def listed(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def pictures(host: TroubleServer, count: int) -> list[dict[str, Any]]:
    return [{"image_url": host.url(f"/p/{i}.jpg"), "caption": f"row {i}"} for i in range(count)]


def published(out: Path) -> pa.Table:
    return pq.read_table(out / "data")


# hosts


@pytest.fixture
def odd_headers() -> Iterator[str]:
    """A host whose headers are no UTF-8; its URL."""

    def serve() -> None:
        while True:
            try:
                peer, _ = sock.accept()
            except OSError:
                return
            with peer:
                peer.recv(65_536)
                peer.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\xff\xfe\r\nX-Robots-Tag: x\xff, noai\r\nContent-Length: 0\r\n"
                    b"Connection: close\r\n\r\n"
                )

    with socket.create_server(("127.0.0.1", 0)) as sock:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{sock.getsockname()[1]}/a.jpg"
        sock.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def test_headers_that_are_no_unicode_end_no_run(tmp_path: Path, odd_headers: str) -> None:
    """Bytes of a header that are no UTF-8 are replaced in the row; they used to end the whole run."""
    source = listed(tmp_path / "list.jsonl", [{"image_url": odd_headers}])
    assert run_recipe(road(source), tmp_path / "out", QUIET).outcomes == {"opted_out": 1}
    (side,) = (tmp_path / "out/.pixmo/columns").glob("download.*")
    assert pq.read_table(side).column("content_type").to_pylist() == ["image/jpeg\ufffd\ufffd"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://bücher.de/1", "http://xn--bcher-kva.de/2"),
        ("http://a。example.com/1", "http://example.com/2"),
        ("http://[0:0:0:0:0:0:0:1]/1", "http://[::1]/2"),
        ("http://example.com\\@evil.org/1", "http://example.com/2"),
    ],
)
async def test_all_spellings_of_a_host_have_one_owner(tmp_path: Path, one: str, other: str) -> None:
    """Whichever way a list spells a host, its questions go to the process that owns it, so that its limits hold."""
    owners = Owners(997, {}, Store(tmp_path), 0, lambda *answer: None)
    assert owners._number_of(one) == owners._number_of(other)
    await owners.close()


def test_the_longest_chain_of_redirects_is_a_policy(tmp_path: Path, host: TroubleServer) -> None:
    """A larger limit asks again what was given up too early; a smaller one refuses what came over too many hops, unasked."""
    source = listed(tmp_path / "list.jsonl", [{"image_url": host.url("/redirect:4/p/1.jpg")}])
    for limit, outcome in ((2, "bad_redirect"), (8, "ok"), (3, "bad_redirect"), (4, "ok")):
        asked = len(host.log)
        assert run_recipe(road(source, max_redirects=limit), tmp_path / "out", QUIET).outcomes == {outcome: 1}
        assert (len(host.log) > asked) == (limit in (2, 8))


# disks


def test_no_side_file_outlives_the_bytes_it_names(
    tmp_path: Path, host: TroubleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The packs are on the disk before the side file that names their pictures: a power cut used to lose them for good."""
    events: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noting_fsync(fd: int) -> None:
        events.append(Path(os.readlink(f"/proc/self/fd/{fd}")).suffix)
        fsync(fd)

    def noting_replace(source: Path, target: Path) -> None:
        events.append(Path(target).name.split(".")[0])
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(os, "replace", noting_replace)
    run_recipe(road(listed(tmp_path / "list.jsonl", pictures(host, 3))), tmp_path / "out", QUIET)
    before = events[: events.index("download")]
    assert {".pack", ".idx"} <= set(before)


def test_lost_bytes_are_noticed_and_fetched_again(tmp_path: Path, host: TroubleServer) -> None:
    """When packs lost their end, verify names the pictures and repair fetches just those; the files are the same."""
    source = listed(tmp_path / "list.jsonl", pictures(host, 10))
    out = tmp_path / "out"
    run_recipe(road(source), out, QUIET)
    wanted = published(out)
    shutil.rmtree(out / "data")
    for pack in (out / ".pixmo/packs").glob("*.pack"):
        os.truncate(pack, pack.stat().st_size * 2 // 3)
    lost = [p for p in verify(out) if p.what.startswith("picture ")]
    assert 0 < len(lost) < 10
    host.log.clear()
    assert all(p.repaired for p in verify(out, repair=True, effort=QUIET))
    assert (len(host.log), published(out).equals(wanted), verify(out)) == (len(lost), True, [])


def test_lost_bytes_of_embedded_pictures_come_from_the_source(tmp_path: Path, host: TroubleServer) -> None:
    """Pictures that came inside the list are read from it again when the store lost them."""
    rows = [{"image": {"bytes": host.pictures[f"{i}.jpg"], "path": f"{i}.jpg"}, "q": i} for i in range(5)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "list.parquet")
    steps = (Step("unpack_pictures", load_stage("unpack_pictures", {})), *road(tmp_path).steps[1:])
    recipe, out = Recipe("mine", steps, input=str(tmp_path / "list.parquet")), tmp_path / "out"
    run_recipe(recipe, out, QUIET)
    wanted = published(out)
    shutil.rmtree(out / "data")
    shutil.rmtree(out / ".pixmo/packs")
    assert all(p.repaired for p in verify(out, repair=True, effort=QUIET))
    assert (published(out).equals(wanted), verify(out)) == (True, [])
