"""The demo, as anyone would run it."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from pixmo.ask import Outcome
from pixmo.cli.demo import make_room, web_host
from pixmo.cli.demo_cases import cases, laid_out
from pixmo.cli.demo_pictures import bomb, drawn, encoded, rotated
from pixmo.errors import BadFolder


@pytest.mark.slow
def test_the_demo_comes_out_as_expected_in_under_a_minute(tmp_path):
    """Exit 0 says that every row had its outcome; it leaves a data set that the real reader loads, and a report."""
    done = subprocess.run(
        [sys.executable, "-m", "pixmo", "demo", str(tmp_path / "demo")],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not as expected" not in done.stdout
    assert f"$ pixmo download {tmp_path}/demo/urls.csv {tmp_path}/demo/pictures --allow-host" in done.stdout
    assert "1 exact and 1 near duplicates" in done.stdout
    assert (tmp_path / "demo/pictures/report.html").is_file()
    load = "import sys, datasets; print(len(datasets.load_dataset(sys.argv[1], split='train')))"
    kept = sum(len(case.pages) + len(case.urls) for case in cases() if case.outcome == "ok")
    loaded = subprocess.run(
        [sys.executable, "-c", load, str(tmp_path / "demo/pictures")],
        capture_output=True, text=True, check=True, timeout=60, env={"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert loaded.stdout.strip() == str(kept)


def test_the_host_ends_with_whoever_started_it():
    """It serves while the block lasts and is gone after it."""
    with web_host() as rows:
        address = urlsplit(rows[0].url)
        with urlopen(rows[0].url) as answer:
            assert answer.read() == encoded(drawn(0), quality=85)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port), timeout=5)


def test_each_kind_of_row_is_told_apart():
    """Kinds have names of their own, outcomes that exist, and URLs that nobody shares."""
    _, rows = laid_out(lambda number: f"http://127.0.0.{number}:80")
    assert len({case.kind for case in cases()}) == len(cases())
    assert {row.outcome for row in rows} <= set(Outcome)
    assert len({row.url for row in rows}) == len(rows)


def test_pictures_are_what_they_are_said_to_be():
    """The same seed draws the same; rotation is in the EXIF; the bomb is small and claims much."""
    import io

    from PIL import Image

    assert encoded(drawn(3)) == encoded(drawn(3)) != encoded(drawn(4))
    assert Image.open(io.BytesIO(rotated(1, "WEBP"))).getexif()[0x0112] == 6
    small = bomb()
    assert len(small) < 100
    assert int.from_bytes(small[16:20], "big") == 30_000


def test_a_folder_that_no_demo_made_is_left_alone(tmp_path):
    """Also a file; an earlier demo's folder is emptied."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "thesis.tex").write_text("years of work")
    for taken in (tmp_path / "theirs", tmp_path / "theirs" / "thesis.tex"):
        with pytest.raises(BadFolder, match="nothing was touched"):
            make_room(taken)
    assert (tmp_path / "theirs" / "thesis.tex").read_text() == "years of work"
    old = tmp_path / "old"
    old.mkdir()
    for name in ("urls.csv", "expected.json", "leftover"):
        (old / name).touch()
    make_room(old)
    assert list(old.iterdir()) == []
    assert Path(old).is_dir()
