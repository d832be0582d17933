"""Sets of the catalogue come as typed rows, one per picture, and leave out what is held out."""

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

from pixmo.records.arrow import Label, label_of, records_of
from pixmo.records.points import Points
from tests.hub import Hub
from tests.pictures import png
from tests.road.lists import ADDRESSES
from tests.server.trouble import TroubleServer

pytestmark = pytest.mark.slow
POINTS = pa.schema(
    [
        ("image_url", pa.string()),
        ("image_sha256", pa.string()),
        ("points", pa.list_(pa.struct([("x", pa.float64()), ("y", pa.float64())]))),
        ("count", pa.int64()),
        ("label", pa.string()),
        ("collection_method", pa.string()),
    ]
)


def parquet(rows: list[dict[str, Any]], schema: pa.Schema | None = None) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), out)
    return out.getvalue()


class Place:
    """A web host, a Hub and a folder, and the command that works between them."""

    def __init__(self, host: TroubleServer, hub: Hub, folder: Path) -> None:
        self.host, self.hub, self.folder = host, hub, folder

    def url(self, name: str) -> str:
        return self.host.url(f"/p/{name}")

    def sha(self, name: str) -> str:
        return hashlib.sha256(self.host.pictures[name]).hexdigest()

    def row(self, name: str, label: str, *points: tuple[float, float]) -> dict[str, Any]:
        told = [{"x": x, "y": y} for x, y in points]
        return {
            "image_url": self.url(name), "image_sha256": self.sha(name), "points": told, "count": len(told), "label": label,
            "collection_method": "pointing",
        }  # fmt: skip

    def pixmo(self, *arguments: str, code: int = 0, fetches: bool = True) -> str:
        works = [
            "--n-proc",
            "1",
            "--min-free-disk",
            "1MB",
            "--quiet",
            *(["--allow-host", "127.0.0.0/8"] if fetches else []),
        ]
        told = [*arguments, *(works if arguments[0] == "download" else [])]
        env = self.hub.env(self.folder / "hf") | {"PIXMO_HOME": str(self.folder / "home")}
        done = subprocess.run(
            [sys.executable, "-m", "pixmo", *told], cwd=self.folder, env=env, capture_output=True, text=True, check=False,
            timeout=120,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    def data(self, out: str) -> pa.Table:
        return pq.read_table(self.folder / out / "data")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with TroubleServer(addresses=ADDRESSES[:2]) as host, Hub() as hub:
        for seed in range(6):
            host.pictures[f"{seed}.png"] = png(seed, (64, 48))
        here = Place(host, hub, tmp_path)
        rows = [
            here.row("0.png", "cat", (10.0, 20.5), (-0.25, 100.0)),
            here.row("1.png", "dog"),
            here.row("0.png", "Dog ", (50.0, 50.0)),
            here.row("2.png", "cup", (1.0, 2.0)),
            here.row("0.png", "tree", (5.0, 6.0)),
        ]
        hub.add("allenai/pixmo-points", {"data/train.parquet": parquet(rows, POINTS)})
        held_out = [here.row("2.png", "cup", (1.0, 2.0)) | {"masks": [[[True, False]]]}]
        hub.add("allenai/pixmo-points-eval", {"data/test.parquet": parquet(held_out)})
        counts = [{"image_url": here.url("5.png"), "image_sha256": here.sha("5.png"), "count": 2, "label": "x"}]
        splits = {f"data/{split}.parquet": parquet(counts) for split in ("train", "validation", "test")}
        hub.add("allenai/pixmo-count", splits)
        yield here


def test_points_come_one_row_per_picture_with_all_annotations(place: Place) -> None:
    """Grouped, typed, unit and orientation beside each list of points, in the order of the source; the file says what it holds."""
    place.pixmo("download", "points", "out")
    table = place.data("out")
    assert label_of(pq.read_schema(next((place.folder / "out" / "data").glob("*.parquet")))) == Label("points", True)
    by_url = {row["image_url"]: row for row in table.to_pylist()}
    assert set(by_url) == {place.url("0.png"), place.url("1.png")}
    first = by_url[place.url("0.png")]
    assert [a["label"] for a in first["annotations"]] == ["cat", "Dog ", "tree"]
    assert first["annotations"][0]["points"] == [{"x": 10.0, "y": 20.5}, {"x": -0.25, "y": 100.0}]
    assert {(a["unit"], a["collection_method"]) for a in first["annotations"]} == {("percent", "pointing")}
    assert by_url[place.url("1.png")]["annotations"][0]["points"] == []
    assert first["image"]["bytes"] == place.host.pictures["0.png"]
    card = (place.folder / "out" / "README.md").read_text()
    assert "all annotations of the picture" in card
    assert "license: " in card or "licence" in card.lower()


def test_what_is_held_out_leaves_by_a_counted_clause(place: Place) -> None:
    """A picture of points-eval is no training row by default; it is marked and kept when asked; nothing asks for it in silence."""
    place.pixmo("download", "points", "out")
    manifest = json.loads((place.folder / "out" / "manifest.json").read_text())
    assert manifest["counts"]["left"]["not is_leak"] == 1
    assert "not is_leak" in (place.folder / "out" / "README.md").read_text()
    place.pixmo("download", "points", "kept", "--keep-leaks")
    kept = {row["image_url"]: row for row in place.data("kept").to_pylist()}
    assert kept[place.url("2.png")]["is_leak"] is True
    assert kept[place.url("2.png")]["leak_set"] == "points-eval"
    assert kept[place.url("0.png")]["is_leak"] is False
    place.pixmo("download", "points", "all", "--against", "none")
    assert "is_leak" not in place.data("all").column_names


def test_ungrouped_rows_are_those_of_the_list(place: Place) -> None:
    """`--ungrouped` gives one row per annotation, in order, each a record."""
    place.pixmo("download", "points", "out", "--ungrouped", "--keep-leaks")
    table = place.data("out")
    assert table.column("label").to_pylist() == ["cat", "dog", "Dog ", "cup", "tree"]
    records = list(records_of(table, Points))
    assert [len(r.points) for r in records] == [2, 0, 1, 1, 1]
    assert len(place.host.asked("/p/0.png")) == 1


def test_sets_share_pictures(place: Place) -> None:
    """A picture that two sets want is fetched once where they share a store."""
    rows = [{"image_url": place.url("0.png"), "caption": "a picture", "transcripts": ["well, a picture"]}]
    place.hub.add("allenai/pixmo-cap", {"data/train.parquet": parquet(rows)})
    place.pixmo("download", "points", "out")
    place.pixmo("download", "cap", "captions")
    assert place.data("captions").column("caption").to_pylist() == ["a picture"]
    assert len(place.host.asked("/p/0.png")) == 1


def test_a_list_of_ones_own_is_typed_on_request(place: Place) -> None:
    """`--as points` wants a unit, and says so; with one, rows are records and can be grouped."""
    rows = [place.row("0.png", "cat", (1.0, 2.0)), place.row("0.png", "dog", (3.0, 4.0))]
    renamed = [{("what" if k == "label" else k): v for k, v in row.items()} for row in rows]
    (place.folder / "mine.parquet").write_bytes(parquet(renamed))
    assert "unit" in place.pixmo("download", "mine.parquet", "out", "--as", "points", code=2)
    own = ["--as", "points", "--unit", "percent", "--field", "label=what", "--grouped"]
    place.pixmo("download", "mine.parquet", "out", *own)
    (row,) = place.data("out").to_pylist()
    assert [a["label"] for a in row["annotations"]] == ["cat", "dog"]


def test_a_finished_run_of_typed_rows_does_nothing_again(place: Place) -> None:
    """The same command again writes no file; the index that was used lies in the folder, so retry and export need no Hub."""
    place.pixmo("download", "points", "out")
    before = {p: p.stat().st_mtime_ns for p in (place.folder / "out").rglob("*") if p.is_file() and p.name != "lock"}
    place.pixmo("download", "points", "out")
    assert {p: p.stat().st_mtime_ns for p in before} == before
    place.pixmo("export", "out", "again", "--format", "arrow")
    assert (place.folder / "again" / "manifest.json").is_file()


@pytest.mark.parametrize("name", ["cap-pictures", "points", "qa"])
def test_the_recipes_that_ship_run(place: Place, name: str) -> None:
    """Each, copied and run on a few rows: only the address of our own host has to be allowed."""
    said = {"caption": "a picture of something", "transcripts": ["well"]}
    place.hub.add("allenai/pixmo-cap", {"data/t.parquet": parquet([said | {"image_url": place.url("0.png")}] * 3)})
    asked = {"image_url": place.url("1.png"), "image_sha256": place.sha("1.png"), "question": "what?", "answer": "this"}
    place.hub.add("allenai/pixmo-ask-model-anything", {"data/t.parquet": parquet([asked] * 2)})
    place.pixmo("init", name)
    recipe = place.folder / f"{name}.toml"
    told = recipe.read_text().replace('splits = ["validation=2048"]', "splits = []")
    recipe.write_text(told.replace('use = "download"', 'use = "download"\nallow_hosts = ["127.0.0.0/8"]'))
    place.pixmo("run", str(recipe), "out", "--limit", "20", "--n-proc", "1", "--min-free-disk", "1MB", "--quiet")
    assert place.data("out").num_rows == {"cap-pictures": 1, "points": 2, "qa": 1}[name]


def test_rows_of_several_pictures_are_typed_too(place: Place) -> None:
    """Lists of URLs: every picture of a row is fetched; a row with a held-out picture among them is left out."""
    asked = {"question": ["which is larger?"], "answer": ["the second"]}
    rows = [
        {"image_urls": [place.url(n) for n in names], "image_sha256s": [place.sha(n) for n in names], "qa_pairs": asked}
        for names in (["0.png", "1.png"], ["1.png", "2.png"])
    ]
    place.hub.add("allenai/Molmo2-MultiImageQA", {"data/train.parquet": parquet(rows)})
    place.pixmo("download", "multi-image-qa", "out")
    (row,) = place.data("out").to_pylist()
    assert [picture["bytes"] for picture in row["images"]] == [place.host.pictures[n] for n in ("0.png", "1.png")]
    assert row["questions"] == [{"question": "which is larger?", "answer": "the second", "explanation": None}]


def test_lists_of_embedded_pictures_need_no_network(place: Place) -> None:
    """Pictures come out of the rows, one that does not decode says so in its row's outcomes, and nothing is asked of any host."""
    good = [{"bytes": place.host.pictures[f"{n}.png"], "path": f"{n}.png"} for n in (3, 4)]
    broken = {"bytes": b"\x89PNG\r\n\x1a\n nothing", "path": "x.png"}
    qa = {"question": ["q"], "explanation": ["e"], "answer": ["a"]}
    rows = [
        {"id": "one", "images": good, "qa_pairs": qa, "metadata": {"num_images": 2}},
        {"id": "two", "images": [good[0], broken], "qa_pairs": qa, "metadata": {"num_images": 2}},
    ]
    readme = b"---\nconfigs:\n- config_name: chart\n  data_files: chart/*.parquet\n---\n"
    place.hub.add("allenai/Molmo2-SynMultiImageQA", {"README.md": readme, "chart/train.parquet": parquet(rows)})
    place.pixmo("download", "syn-multi-image-qa", "out", "--config", "chart", fetches=False)
    (row,) = place.data("out").to_pylist()
    assert (row["set_id"], row["metadata"]) == ("one", {"num_images": 2})
    assert [picture["bytes"] for picture in row["images"]] == [picture["bytes"] for picture in good]
    assert row["questions"] == [{"question": "q", "answer": "a", "explanation": "e"}]
    told = json.loads((place.folder / "out" / "manifest.json").read_text())["counts"]["outcome"]
    assert told == {"broken_image": 1, "ok": 3}
    assert place.host.log == []
