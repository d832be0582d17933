"""`pixmo check` as people and machines call it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.cli import run
from pixmo.records.arrow import batch_of
from pixmo.records.places import Orientation, Point, Unit
from pixmo.records.points import Points
from tests.hub import Hub


def written(path: Path, *places: tuple[float, float], label: str = "cat") -> str:
    """One record a place, each of a picture of its own."""
    told = [
        Points(
            image_url=f"https://example.org/{n}.jpg", label=label, points=(Point(x, y),), unit=Unit.PERCENT,
            orientation=Orientation.UPRIGHT,
        )
        for n, (x, y) in enumerate(places)
    ]  # fmt: skip
    pq.write_table(pa.Table.from_batches([batch_of(told, Points)]), path)
    return str(path)


def test_a_sound_set_ends_with_zero(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says that nothing is wrong."""
    assert run(["check", written(tmp_path / "a.parquet", (1.0, 2.0))]) == 0
    assert "1 row, 1 points records: nothing is wrong" in capsys.readouterr().out


def test_errors_end_with_one_and_warnings_only_when_strict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is for CI: errors, or with --strict anything."""
    bad = written(tmp_path / "bad.parquet", (1.0, 2.0), (900.0, 2.0))
    odd = written(tmp_path / "odd.parquet", (100.5, 2.0))
    assert run(["check", bad]) == 1
    told = capsys.readouterr().out
    assert "row 1 points[0]" in told
    assert "https://example.org/1.jpg" in told
    assert run(["check", odd]) == 0
    assert "0 errors, 1 warning" in capsys.readouterr().out
    assert run(["check", odd, "--strict"]) == 1
    assert run(["check", odd, "--strict", "--level", "error"]) == 0


def test_machines_read_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Counts and examples by rule; nothing else on stdout."""
    assert run(["check", written(tmp_path / "a.parquet", (900.0, 2.0)), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["record"], told["rows"], told["errors"], told["points"]["1"]) == ("points", 1, 1, 1)
    (rule,) = told["rules"]
    assert (rule["level"], rule["count"], rule["rows"], rule["examples"][0]["row"]) == ("error", 1, 1, 0)
    assert rule["meaning"]


def test_a_page_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And named; a folder that is not there is a wrong request before anything is read."""
    page = tmp_path / "page.html"
    data = written(tmp_path / "a.parquet", (900.0, 2.0))
    assert run(["check", data, "--page", str(page)]) == 1
    assert page.read_text().startswith("<!doctype html>")
    assert f"look at {page}" in capsys.readouterr().out
    assert run(["check", data, "--page", str(tmp_path / "no" / "page.html")]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_wrong_requests_end_with_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line that names the remedy."""
    (tmp_path / "a.csv").write_text("label,points\ncat,\n")
    assert run(["check", str(tmp_path / "a.csv")]) == 2
    assert "--as" in capsys.readouterr().err
    assert run(["check", str(tmp_path / "a.csv"), "--as", "points"]) == 2
    assert "unit" in capsys.readouterr().err
    assert run(["check", str(tmp_path / "nothing")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_what_a_terminal_would_obey_is_not_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Labels come from strangers."""
    run(["check", written(tmp_path / "a.parquet", (1.0, 2.0), label="\x1b]0;owned\x07\x1b[2J")])
    assert not set(capsys.readouterr().out) & {"\x1b", "\x07"}


@pytest.mark.slow
def test_the_command_looks_with_several_processes(tmp_path: Path) -> None:
    """The real command over more rows than one process is left alone with."""
    data = written(tmp_path / "a.parquet", *[(float(n % 100), 2.0) for n in range(40_000)], (900.0, 2.0))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pixmo", "check", data, "--n-proc", "2", "--json"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "")
    told = json.loads(done.stdout)
    assert (told["rows"], told["errors"], told["rules"][0]["examples"][0]["row"]) == (40_001, 1, 40_000)


@pytest.mark.slow
def test_a_set_of_the_catalog_is_checked_where_it_lies(tmp_path: Path) -> None:
    """Read from the Hub, typed as the catalog says: a count that is not that of the points is an error of that row."""
    places = [{"x": 1.0, "y": 2.0}]
    told = {
        "image_url": "https://example.org/1.jpg",
        "image_sha256": "0" * 64,
        "label": "cat",
        "points": places,
        "count": 1,
    }
    rows = [
        told | {"collection_method": "pointing"},
        told | {"count": 5, "label": "dog", "collection_method": "counting"},
    ]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    with Hub() as hub:
        hub.add("allenai/pixmo-points", {"data/train.parquet": out.getvalue()})
        done = subprocess.run(
            [sys.executable, "-m", "pixmo", "check", "points", "--json"], env=hub.env(tmp_path / "hf"),
            cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert (found["record"], found["rows"], found["errors"]) == ("points", 2, 1)
    assert found["rules"][0]["examples"][0]["path"] == "count"
