"""The indexes of the catalog's evaluation sets: built once from the Hub, then as they are."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.catalog.load import entry
from pixmo.errors import BadSetting, BadSource, UnknownName
from pixmo.run.holdouts import DEFAULT, ready
from pixmo.storage.holdout import SCHEMA, frozen, load, publish
from tests.hub import Hub

CODE = """
import sys
from pathlib import Path
from pixmo.errors import PixmoError
from pixmo.run.holdouts import ready
try:
    print(*ready(sys.argv[2:], Path(sys.argv[1])), sep="\\n")
except PixmoError as error:
    print(error)
    sys.exit(2)
"""


def parquet(*numbers: int, **more: Any) -> bytes:
    """Rows of a set with URLs and digests."""
    out = io.BytesIO()
    shas = [hashlib.sha256(b"%d" % n).hexdigest() for n in numbers]
    urls = [f"http://example.org/{n}.jpg" for n in numbers]
    pq.write_table(pa.table({"image_url": urls, "image_sha256": shas, "label": ["x"] * len(urls), **more}), out)
    return out.getvalue()


def eval_rows(*numbers: int) -> bytes:
    """With points and masks, as points-eval has them."""
    points = pa.array([[{"x": 1.0, "y": 2.0}]] * len(numbers))
    masks = pa.array([[[[True, False], [False, True]]]] * len(numbers))
    return parquet(*numbers, points=points, masks=masks)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as running:
        running.add("allenai/pixmo-points-eval", {"data/test.parquet": eval_rows(1, 2, 2)})
        splits = {"train": (10, 11, 12), "validation": (20,), "test": (30, 31)}
        running.add("allenai/pixmo-count", {f"data/{name}.parquet": parquet(*rows) for name, rows in splits.items()})
        yield running


def run_ready(hub: Hub, home: Path, *names: str, offline: bool = False) -> tuple[int, str]:
    """`ready` in a process that takes the stand-in for the Hub: its exit code and what it printed."""
    env = hub.env(home / "hf") | ({"HF_HUB_OFFLINE": "1"} if offline else {})
    command = [sys.executable, "-c", CODE, str(home), *names]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode in (0, 2), done.stderr
    return done.returncode, done.stdout.strip()


@pytest.mark.slow
def test_built_once_then_frozen(hub: Hub, tmp_path: Path) -> None:
    """Of the split asked for, with the list's commit; the Hub's next revision changes nothing, nor is it asked again."""
    code, told = run_ready(hub, tmp_path, *DEFAULT)
    assert code == 0
    paths = [Path(line) for line in told.splitlines()]
    folder = tmp_path / "holdouts"
    assert paths == [folder / f"{n}.holdout" for n in ("points-eval", "count-validation", "count-test")]
    held = [load(path) for path in paths]
    assert [(h.name, len(h), h.origin.source) for h in held] == [
        ("points-eval", 2, "allenai/pixmo-points-eval"),
        ("count:validation", 1, "allenai/pixmo-count"),
        ("count:test", 2, "allenai/pixmo-count"),
    ]
    assert held[1].counts() == {"url": 1, "sha256": 1, "near": 0, "mirrored": 0}
    assert held[1].titles().to_pylist() == ["http://example.org/20.jpg"]
    assert len(held[0].origin.revision or "") == 40
    hub.add("allenai/pixmo-points-eval", {"data/test.parquet": eval_rows(1, 2, 3)})
    asked = len(hub.log)
    assert run_ready(hub, tmp_path, *DEFAULT) == (0, told)
    assert len(hub.log) == asked
    assert [load(path).digest for path in paths] == [h.digest for h in held]


@pytest.mark.slow
def test_they_are_what_training_data_are_compared_with(hub: Hub, tmp_path: Path) -> None:
    """`pixmo leaks TRAIN` alone: of a list, and of a set of the catalog, of which `train` is compared."""
    (tmp_path / "mine.csv").write_text(
        "url\nhttps://example.org/31.jpg\nhttp://example.org/12.jpg\nhttp://example.org/2.jpg\n"
    )
    env = hub.env(tmp_path / "hf") | {"PIXMO_HOME": str(tmp_path)}
    told = []
    for train in ("mine.csv", "count", "count:test"):
        command = [sys.executable, "-m", "pixmo", "leaks", train, "--json"]
        done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
        found = json.loads(done.stdout)
        told.append((done.returncode, found["pictures"], {s["name"]: s["found"] for s in found["sets"]}))
    assert told == [
        (1, 3, {"points-eval": 1, "count:validation": 0, "count:test": 1}),
        (0, 3, {"points-eval": 0, "count:validation": 0, "count:test": 0}),
        (1, 2, {"points-eval": 0, "count:validation": 0, "count:test": 2}),
    ]


def test_a_set_that_cannot_be_had(hub: Hub, tmp_path: Path) -> None:
    """Told with the way out; nothing half-made is left."""
    code, told = run_ready(hub, tmp_path, "points-eval", offline=True)
    assert code == 2
    assert "points-eval cannot be had" in told
    assert "--against none" in told
    assert not list(tmp_path.rglob("*.holdout*"))


def index(path: Path, name: str) -> Path:
    publish(frozen(name, [pa.RecordBatch.from_pylist([{"image_url": "http://h/a"}], schema=SCHEMA)], "x"), path)
    return path


def test_files_are_taken_as_they_are(tmp_path: Path) -> None:
    """An index of one's own, wherever it lies; one that was changed is not."""
    path = index(tmp_path / "mine.holdout", "mine")
    assert ready([str(path)], tmp_path) == [path]
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(BadSource, match=r"mine\.holdout"):
        ready([str(path)], tmp_path)


def test_an_index_at_home_is_used_without_the_hub(tmp_path: Path) -> None:
    """Such as one built of pictures, with looks, and put there; but not one of another set."""
    index(tmp_path / "holdouts" / "count-test.holdout", "count:test")
    assert ready(["count:test"], tmp_path) == [tmp_path / "holdouts" / "count-test.holdout"]
    index(tmp_path / "holdouts" / "points-eval.holdout", "count:test")
    with pytest.raises(BadSource, match="count:test"):
        ready(["points-eval"], tmp_path)


@pytest.mark.parametrize(
    ("name", "error", "told"),
    [
        ("point-eval", UnknownName, "points-eval"),
        ("count:tests", UnknownName, "test"),
        ("clocks", BadSetting, "build-index"),
        ("docs", BadSetting, "build-index"),
        ("mine.holdout", BadSource, "no such index"),
        ("a/b", BadSource, "no such index"),
        (".", BadSource, "build-index"),
    ],
)
def test_names_that_stand_for_nothing(tmp_path: Path, name: str, error: type[Exception], told: str) -> None:
    """Each with what was probably meant, or what makes an index."""
    with pytest.raises(error, match=told):
        ready([name], tmp_path)


def test_the_defaults_are_in_the_catalog() -> None:
    """Sets and splits that exist."""
    for name in DEFAULT:
        base, _, split = name.partition(":")
        assert not split or split in entry(base).splits
