"""The pictures of finished folders, lists and indexes, one row each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.cli.road import road
from pixmo.errors import BadFolder, BadSource, UnknownName
from pixmo.ids import digest
from pixmo.run.job import run_recipe
from pixmo.run.leaks_rows import Reader, opened, with_split
from pixmo.run.maintain import export
from pixmo.storage.holdout import SCHEMA, frozen, publish
from tests.run.leaks_folders import EFFORT, PICTURE, TRAIN, finished, listed, picture

URLS = [f"http://example.org/{n}.jpg" for n in range(6)]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished folder in two splits."""
    return finished(TRAIN, tmp_path_factory.mktemp("rows") / "out", splits=("validation=3",))


def rows(reader: Reader, **wanted: Any) -> list[dict[str, Any]]:
    return [row for batch in reader.batches(**wanted) for row in batch.to_pylist()]


def test_a_finished_folder(out: Path) -> None:
    """What its columns know of each picture; bytes only when asked."""
    told = {row["file"]: row for row in rows(opened(str(out)))}
    assert {name: row["fetched_sha256"] for name, row in told.items()} == {n: digest(d) for n, d in TRAIN.items()}
    assert all(row["phash"] and row["dhash"] and row["row_id"] for row in told.values())
    assert sorted(row["split"] for row in told.values()) == ["train"] * 5 + ["validation"] * 3
    assert "picture" not in told["same.png"]
    assert {row["file"]: row["picture"] for row in rows(opened(str(out)), pictures=True)} == TRAIN


def test_one_split(out: Path) -> None:
    """Behind the name, with a colon; one that is not there is told."""
    assert {row["split"] for row in rows(opened(f"{out}:validation"))} == {"validation"}
    with pytest.raises(UnknownName, match="validation"):
        opened(f"{out}:valid")


def test_rows_keep_their_numbers(out: Path) -> None:
    """However little is read: of a split, or only some rows."""
    every = {row["row"]: row["file"] for row in rows(opened(str(out)))}
    assert sorted(every) == list(range(len(TRAIN)))
    for wanted in ({0}, {2, 7}, {99}):
        some = rows(opened(str(out)), pictures=True, only=wanted)
        assert {row["row"]: row["file"] for row in some} == {n: every[n] for n in wanted & set(every)}
    validation = rows(opened(f"{out}:validation"))
    assert {row["row"]: row["file"] for row in validation}.items() <= every.items()


def test_the_same_folder_in_arrow(out: Path, tmp_path: Path) -> None:
    """Another format, the same pictures; tars are told how to become readable."""
    export(out, tmp_path / "arrow", "arrow")
    by_file = {row["file"]: row["picture"] for row in rows(opened(str(tmp_path / "arrow")), pictures=True)}
    assert by_file == TRAIN
    assert len(rows(opened(str(tmp_path / "arrow")), only={0, 1})) == 2
    export(out, tmp_path / "tars", "webdataset")
    with pytest.raises(BadSource, match="pixmo export"):
        opened(str(tmp_path / "tars"))


def test_rows_of_several_pictures(tmp_path: Path) -> None:
    """One by one, each with its place in the row; what holds for the row is repeated."""
    schema = pa.schema([("images", pa.list_(PICTURE)), ("caption", pa.string())])
    told = [["small.jpg", "same.png"], [], ["50.jpg"], None]
    several = [{"images": n and [picture(p, TRAIN) for p in n], "caption": "x"} for n in told]
    source = listed(tmp_path / "several.parquet", several, schema)
    places = [(0, 0, "small.jpg"), (0, 1, "same.png"), (2, 0, "50.jpg")]
    seen = rows(opened(str(source)), pictures=True)
    assert [(r["row"], r["at"], r["file"]) for r in seen] == places
    run_recipe(road(str(source), media="embedded", where=()), tmp_path / "out", EFFORT)
    again = rows(opened(str(tmp_path / "out")), pictures=True)
    assert sorted((r["at"], r["fetched_sha256"]) for r in again) == sorted(
        (at, digest(TRAIN[n])) for _, at, n in places
    )
    assert all(
        r["phash"] and r["picture"] == TRAIN[n] for r in again for n in TRAIN if digest(TRAIN[n]) == r["fetched_sha256"]
    )
    assert len({r["row_id"] for r in again}) == 2


def test_lists_of_urls(tmp_path: Path) -> None:
    """Any list that a download takes: one URL a row, or several with their digests."""
    (tmp_path / "one.csv").write_text("url,image_sha256\n" + "".join(f"{u},{'ab' * 32}\n" for u in URLS))
    assert [(r["image_url"], r["image_sha256"]) for r in rows(opened(str(tmp_path / "one.csv")))] == [
        (u, "ab" * 32) for u in URLS
    ]
    lines = [
        {"image_urls": URLS[:2], "image_sha256s": ["ab" * 32]},
        {"image_urls": URLS[2:], "image_sha256s": ["cd" * 32] * 4},
    ]
    (tmp_path / "many.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    told = rows(opened(str(tmp_path / "many.jsonl")))
    assert [(r["row"], r["image_url"]) for r in told] == [(int(n > 1), u) for n, u in enumerate(URLS)]


def test_digests_of_another_number_than_pictures_are_nobodys(tmp_path: Path) -> None:
    """Which picture a digest belongs to is not guessed."""
    schema = pa.schema([("image_urls", pa.list_(pa.string())), ("image_sha256s", pa.list_(pa.string()))])
    path = listed(tmp_path / "x.parquet", [{"image_urls": URLS[:2], "image_sha256s": ["ab" * 32]}], schema)
    assert [r["image_sha256"] for r in rows(opened(str(path)))] == [None, None]


def test_an_index(tmp_path: Path) -> None:
    """Its entries, as a list."""
    told = [
        {"image_url": URLS[0], "split": "test"},
        {"fetched_sha256": "ab" * 32, "phash": "0f" * 8, "dhash": "1" * 16},
    ]
    publish(frozen("x", [pa.RecordBatch.from_pylist(told, schema=SCHEMA)], "y"), tmp_path / "x.holdout")
    found = [{k: r[k] for k in SCHEMA.names if r.get(k)} for r in rows(opened(str(tmp_path / "x.holdout")))]
    assert found == told
    with pytest.raises(BadSource, match="build-index"):
        opened(str(tmp_path / "y.holdout"))


def test_columns_of_a_source_that_are_called_as_ours(tmp_path: Path) -> None:
    """A list with a `phash` of its own, of whatever kind: published beside ours, and ours is read."""
    schema = pa.schema([("image", PICTURE), ("phash", pa.string()), ("row_id", pa.string())])
    source = listed(
        tmp_path / "s.parquet", [{"image": picture("50.jpg", TRAIN), "phash": "theirs", "row_id": "1"}], schema
    )
    (listed_row,) = rows(opened(str(source)))
    assert listed_row["phash"] is None, "who knows how it was computed"
    run_recipe(road(str(source), media="embedded"), tmp_path / "out", EFFORT)
    (row,) = rows(opened(str(tmp_path / "out")))
    assert len(row["phash"]) == 16
    assert row["row_id"] != "1"


def test_odd_columns_are_nothing_to_be_recognised_by(tmp_path: Path) -> None:
    """Dictionaries and large lists are read as far as they say something; texts that are no UTF-8 are refused."""
    broken = pa.array([b"http://example.org/a.jpg"] * 3000 + [b"http://example.org/\xff.jpg", None], pa.binary())
    pq.write_table(pa.table({"url": broken.view(pa.string())}), tmp_path / "b.parquet")
    with pytest.raises(BadSource, match="Invalid UTF8"):
        rows(opened(str(tmp_path / "b.parquet")))
    coded = pa.array([URLS[:2], None, [URLS[0]]], pa.large_list(pa.string()))
    table = pa.table({"image_urls": coded, "image_sha256": pa.array(["ab" * 32, None, "x"]).dictionary_encode()})
    pq.write_table(table, tmp_path / "d.parquet")
    told = rows(opened(str(tmp_path / "d.parquet")))
    assert [(r["row"], r["at"], r["image_url"]) for r in told] == [(0, 0, URLS[0]), (0, 1, URLS[1]), (2, 0, URLS[0])]


def test_a_damaged_folder_is_told(tmp_path: Path) -> None:
    """With the command that mends it."""
    out = finished({"a.jpg": TRAIN["50.jpg"]}, tmp_path / "out")
    (data,) = (out / "data").glob("*.parquet")
    data.write_bytes(data.read_bytes()[:-20])
    with pytest.raises(BadFolder, match="verify --repair"):
        rows(opened(str(out)))
    data.unlink()
    with pytest.raises(BadFolder, match="verify --repair"):
        opened(str(out))


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("points", ("points", None)),
        ("points:train", ("points", "train")),
        ("owner/name:test", ("owner/name", "test")),
        ("here.csv:x", ("here.csv", "x")),
        ("a:b.csv", ("a:b.csv", None)),
        ("s3://bucket/list.csv", ("s3://bucket/list.csv", None)),
        ("https://h:80/list.csv", ("https://h:80/list.csv", None)),
        ("gone.csv:x", ("gone.csv:x", None)),
        (":x", (":x", None)),
        ("points:", ("points:", None)),
    ],
)
def test_what_is_a_split(beside: Path, spec: str, told: tuple[str, str | None]) -> None:
    """Behind a set or something that is here; a colon in a path or an address is theirs."""
    for name in ("here.csv", "a:b.csv"):
        (beside / name).write_text("url\n")
    assert with_split(spec) == told
