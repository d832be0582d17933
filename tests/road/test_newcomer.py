"""What a newcomer does to a folder, and what it must survive."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pixmo.cli import run
from pixmo.run.job import Effort, run_recipe
from pixmo.run.maintain import clean
from pixmo.run.verify import verify
from tests.road.lists import Row, road, write_list
from tests.server.trouble import TroubleServer

pytestmark = pytest.mark.slow
QUIET = Effort(n_proc=1, min_free_bytes=0, quiet=True)


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
    problems = verify(out, repair=True, effort=QUIET)
    assert problems
    assert all(p.repaired for p in problems)
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


def test_a_set_on_a_read_only_disk_can_be_checked_and_exported(tmp_path: Path, host: TroubleServer) -> None:
    """verify and export write nothing into the folder they read; what does is refused in one line."""
    out = made(tmp_path, host)
    for path in (out, *out.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)
    assert without_write(tmp_path, "verify", "out").stdout == "out: every byte is as the manifest says\n"
    assert without_write(tmp_path, "export", "out", "tars", "--format", "webdataset", "--quiet").returncode == 0
    assert list((tmp_path / "tars" / "data").glob("*.tar"))
    refused = without_write(tmp_path, "retry", "out")
    assert refused.returncode == 2
    assert refused.stderr.startswith("pixmo: out/.pixmo: may not be written")
    (tmp_path / "shut").mkdir(mode=0o555)
    refused = without_write(tmp_path, "export", "out", "shut/tars", "--format", "webdataset")
    assert refused.stderr.startswith("pixmo: shut/tars: may not be written")


def without_write(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """The command where modes of files count, also for root."""
    bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    argv = [*bound, sys.executable, "-m", "pixmo", *command]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, env=environment)


def test_pictures_are_called_pictures(
    tmp_path: Path, host: TroubleServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a row has several, outcomes are of pictures and say so."""
    monkeypatch.chdir(tmp_path)
    rows = [{"image_urls": [host.url("/p/1.jpg"), host.url("/p/2.jpg"), host.url("/status:500")]}]
    Path("list.jsonl").write_text(json.dumps(rows[0]) + "\n")
    assert run(["download", "list.jsonl", "out", "--quiet", "--allow-host", "127.0.0.1", "--retries", "0"]) == 3
    assert run(["status", "out"]) == 0
    told = capsys.readouterr().out
    assert "of its pictures\n  ok            2\n" in told
    assert told.count("1 picture may end otherwise if asked again") == 2
    assert "outcomes of pictures\n" in told
    assert "load_dataset" not in told  # no row was published: datasets would refuse to load none


def test_a_dry_run_counts_what_would_be_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows whose URL names no host of the web cost nothing."""
    monkeypatch.chdir(tmp_path)
    Path("list.csv").write_text("url,n\nhttp://a.example/1.jpg,1\nnot a url,2\nfile:///etc/passwd,3\nhttp:///x,4\n,5\n")
    assert run(["download", "list.csv", "out", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "list.csv: 5 rows, into out\n" in told
    assert "1 picture on 1 host, about 250 kB" in told
    assert "1 pictures of a.example at" in told


def test_long_hosts_leave_room(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One absurd name in a list does not push all counts off the screen."""
    monkeypatch.chdir(tmp_path)
    Path("list.csv").write_text(f"url,n\nhttp://{'x' * 300}.com/,1\nhttp://10.0.0.1/,2\n")
    assert run(["download", "list.csv", "out", "--quiet"]) == 0
    capsys.readouterr()
    assert run(["status", "out"]) == 0
    assert max(len(line) for line in capsys.readouterr().out.splitlines()) < 100


def test_words_for_the_wrong_place(
    tmp_path: Path, host: TroubleServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An URL to forget that no row has is said to be none; a list that was left elsewhere is asked for."""
    monkeypatch.chdir(tmp_path)
    Path("list.txt").write_text(host.url("/p/1.jpg") + "\n")
    assert run(["download", "list.txt", "out", "--quiet", "--allow-host", "127.0.0.1"]) == 0
    assert run(["forget", "out", "http://a.example/typo.jpg", "--quiet"]) == 0
    assert "1 URL and 0 files forgotten, 0 rows touched: the list has no such row" in capsys.readouterr().out
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert run(["update", "../out", "--quiet"]) == 2
    assert "list.txt: no such file or folder; say where the list is: pixmo update ../out" in capsys.readouterr().err
