"""All sets in one go, against a stand-in of the Hub and the demo's web host; and the estimate before it."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.catalog.load import entry, expand
from pixmo.cli import run
from pixmo.cli.demo import web_host
from pixmo.cli.estimate import Need, Pace, lines, told_hours
from pixmo.stages.download import Download
from tests.hub import Hub


def parquet(**columns) -> bytes:
    """A small Parquet file."""
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


@pytest.mark.slow
def test_a_set_that_fails_does_not_stop_the_others(tmp_path):
    """Four sets of the Hub are there: each gets its folder and shares one store; the others are named; exit 2."""
    with Hub() as hub, web_host() as rows:
        good = [row.url for row in rows if row.kind == "a good picture"]
        hub.add(
            "allenai/pixmo-count",
            {"data/train.parquet": parquet(image_url=good, count=list(range(len(good))))}
            | {
                f"data/{split}.parquet": parquet(image_url=["https://pictures.example/held"], count=[1])
                for split in ("validation", "test")
            },
        )
        hub.add(
            "allenai/pixmo-points-eval",
            {"data/test.parquet": parquet(image_url=["http://127.0.0.1/gone"], label=["x"])},
        )
        hub.add("allenai/pixmo-points", {"data/train.parquet": parquet(image_url=good[:3], label=["a", "b", "c"])})
        hub.add("allenai/pixmo-clocks", {"data/train.parquet": parquet(hour=[1, 2], watchface_name=["x", "y"])})
        done = subprocess.run(
            [sys.executable, "-m", "pixmo", "download", "-o", str(tmp_path / "home"), "--allow-host", "127.0.0.0/8",
             "--n-proc", "1", "--json", "--requests-per-s", "0", "--min-free-disk", "1MB"],
            env=hub.env(tmp_path / "hf"), capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
    told = json.loads(done.stdout)
    assert done.returncode == 2
    assert {name: s["written"] for name, s in told["sets"].items()} == {
        "count": 12, "points": 3, "clocks": 2, "points-eval": 0,
    }  # fmt: skip
    assert set(told["failed"]) == set(expand("pixmo")) - set(told["sets"])
    asked = {name: s["asked"] for name, s in told["sets"].items()}
    assert (
        asked["points"] + asked["count"] == 12 + 1
    )  # the pictures both have were asked once; one is held out, of no host
    assert "pixmo: cap: allenai/pixmo-cap" in done.stderr
    assert list((tmp_path / "home" / "store" / "packs").glob("*.pack"))
    assert not (tmp_path / "home" / "count" / ".pixmo" / "packs").exists()


def test_what_it_takes_is_told_first(capsys, tmp_path, monkeypatch):
    """Every set with rows and pictures, and the arithmetic behind the hours; nothing is made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIXMO_HOME", "big")
    assert run(["download", "--dry-run", "--n-proc", "3"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("all of PixMo into big")
    for name in expand("pixmo"):
        assert f"{entry(name).rows:,}" in next(line for line in out.splitlines() if line.split()[0] == name)
    assert "192 in flight, 2 s each" in out
    assert list(tmp_path.iterdir()) == []


def test_all_sets_as_recipes(capsys):
    """One recipe after the other, each with the folder it would go to."""
    assert run(["download", "--as-recipe", "-o", "home", "--max-pixels", "5"]) == 0
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line.startswith("# into")] == [
        f"# into home/{name}" for name in expand("pixmo")
    ]
    assert 'use = "unpack_pictures"' in out


def test_several_sets_in_one_folder_are_refused(capsys):
    """A group is many folders."""
    assert run(["download", "pixmo", "a", "b"]) == 2
    assert "one by one" in capsys.readouterr().err


def test_hours_are_plain_arithmetic():
    """Pictures times seconds over pictures in flight; bytes over the line; the busiest host over its rate."""
    pace = Pace.of(Download(concurrency=50, requests_per_s=10, max_mbit=80), processes=2)
    need = Need(rows=100, pictures=36_000, bytes=36 * 10**9, busiest=("a.example", 36_000), hosts=1)
    assert sorted(pace.hours(need).values()) == [0.2, 1.0, 1.0]
    assert lines(need, pace.hours(need))[0] == "36,000 pictures on 1 host, about 36 GB, about 60 min"


@pytest.mark.parametrize(
    ("hours", "said"), [(0.001, "a minute"), (0.5, "30 min"), (1.4, "84 min"), (3.14, "3.1 h"), (31.4, "31 h")]
)
def test_a_guess_is_told_as_one(hours, said):
    """No false precision."""
    assert told_hours(hours) == said
