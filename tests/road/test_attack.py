"""What hostile hosts, odd lists and interrupted disks must not do: end a run, lose a picture, bring one back."""

from __future__ import annotations

import json
import math
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.ids import digest
from pixmo.run.forget import forget
from pixmo.run.job import Effort, run_recipe
from pixmo.run.maintain import clean, retry, status
from pixmo.run.owners import Owners
from pixmo.run.recipe import Recipe, Step, load_stage
from pixmo.run.verify import verify
from pixmo.storage.pack_writer import PackWriter
from pixmo.storage.packs import Packs
from pixmo.storage.store import Store
from tests.road.lists import road
from tests.server.trouble import TroubleServer

pytestmark = pytest.mark.slow
QUIET = Effort(n_proc=1, min_free_bytes=0, quiet=True)


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


@pytest.mark.parametrize("kept", [20, 33, 41, 47])
def test_half_an_entry_of_an_index_names_no_picture(tmp_path: Path, kept: int) -> None:
    """A power cut may leave the first bytes of an entry and a hole behind: it used to be believed, with a wrong length."""
    writer = PackWriter(tmp_path, "w")
    data = [bytes([i]) * 70_000 for i in range(3)]
    places = [writer.put(d) for d in data]
    writer.close()
    (index,) = tmp_path.glob("*.idx")
    os.truncate(index, 2 * 48 + kept)
    os.truncate(index, 4 * 48)
    packs = Packs(tmp_path)
    # of the length's bytes only zeros are missing after 43: such an entry is whole
    wanted = [*places[:2], places[2] if kept > 43 else None]
    assert [packs.locate(digest(d)) for d in data] == wanted
    packs.close()


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


# lists that change


@pytest.fixture
def shrunk(tmp_path: Path, host: TroubleServer) -> tuple[Path, str]:
    """A folder whose list lost its first shard, so that all others have new numbers; and the URL of its one picture."""
    rows = [{"image_url": "", "caption": f"row {i}"} for i in range(7000)]
    rows[6500]["image_url"] = host.url("/unready:2/p/1.jpg")
    rows[6600]["image_url"] = host.url("/p/2.jpg")
    out = tmp_path / "out"
    run_recipe(road(listed(tmp_path / "list.jsonl", rows), retries=0), out, QUIET)
    shorter = road(listed(tmp_path / "list.jsonl", rows[4500:]), retries=0)
    run_recipe(shorter, out, QUIET, update=True)
    return out, rows[6600]["image_url"]


def test_a_shrunk_list_is_counted_and_retried_aright(shrunk: tuple[Path, str]) -> None:
    """After an update that moved the shards, status and retry read each shard's own work, not that of its number."""
    out, _ = shrunk
    assert status(out).outcomes == {"no_url": 2498, "ok": 1, "server_error": 1}
    retry(out, None, QUIET)
    assert retry(out, None, QUIET).outcomes == {"no_url": 2498, "ok": 2}
    assert retry(out, None, QUIET).asked == 0


def test_a_take_down_after_an_update_takes_down(shrunk: tuple[Path, str]) -> None:
    """The picture leaves the published files though its shard has another number than when it was fetched."""
    out, url = shrunk
    assert published(out).num_rows == 1
    assert forget(out, [url], QUIET).rows == 1
    assert published(out).num_rows == 0
    assert verify(out) == []


def test_status_tells_of_the_settings_last_run(tmp_path: Path, host: TroubleServer) -> None:
    """Work of other settings that lies in the folder too does not count, whichever is newer."""
    source, out = listed(tmp_path / "list.jsonl", pictures(host, 4)), tmp_path / "out"
    for limit, outcomes in ((2_000_000, {"ok": 4}), (100, {"too_large": 4}), (2_000_000, {"ok": 4})):
        run_recipe(road(source, max_bytes=limit), out, QUIET)
        assert status(out).outcomes == outcomes


def test_clean_keeps_the_work_of_an_unfinished_run(tmp_path: Path, host: TroubleServer) -> None:
    """Only what no shard of the recipe uses goes: a missing piece does not make all that comes after it rubbish."""
    source, out = listed(tmp_path / "list.jsonl", pictures(host, 4)), tmp_path / "out"
    run_recipe(road(source), out, QUIET)
    (lost,) = (out / ".pixmo/columns").glob("hash_image.*")
    lost.unlink()
    clean(out)
    left = {path.name.split(".")[0] for path in (out / ".pixmo/columns").iterdir()}
    assert {"rows", "download", "inspect_image"} <= left


@pytest.mark.parametrize("format", ["parquet", "arrow", "webdataset"])
def test_a_column_called_row_id_and_numbers_that_are_none(tmp_path: Path, host: TroubleServer, format: str) -> None:
    """The source's own row_id keeps its name beside ours; NaN and infinities are no obstacle to any format."""
    rows = [row | {"row_id": "theirs", "x": x} for row, x in zip(pictures(host, 2), (math.nan, -math.inf), strict=True)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "list.parquet")
    out = tmp_path / "out"
    recipe = replace(road(tmp_path / "list.parquet"), format=format)
    assert run_recipe(recipe, out, QUIET).written == 2
    assert (run_recipe(recipe, out, QUIET).files_written, verify(out)) == (0, [])
    if format == "parquet":
        assert published(out).column("row_id").to_pylist() == ["theirs"] * 2
        assert len(set(published(out).column("pixmo_row_id").to_pylist())) == 2
