"""Records in another tool's format, and back: what the format can hold comes back exactly, the rest is told."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.dataset.convert.convert import convert
from pixmo.dataset.convert.formats import FORMATS
from pixmo.errors import PixmoError
from pixmo.records.arrow import batch_of, label_of, records_of
from pixmo.records.base import Record
from pixmo.records.caption import Caption
from pixmo.records.kinds import KINDS
from pixmo.records.places import Orientation, Point, Unit
from pixmo.records.points import Points

GOLDEN = Path(__file__).parents[2] / "golden" / "convert"
SUFFIX = {"cvat": "xml", "labelme": "d", "jsonl": "jsonl", "csv": "csv", "parquet": "parquet", "molmo": "jsonl"}
BOTH_WAYS = [name for name, told in FORMATS.items() if told.reader and told.writer]


def points(*places: tuple[float, float], name: str = "a.jpg", label: str = "cup", unit: Unit = Unit.PERCENT) -> Points:
    return Points(
        image_url=f"https://pictures.example/{name}", label=label, points=tuple(Point(*p) for p in places), count=len(places),
        unit=unit, orientation=Orientation.UPRIGHT, image_width_px=640, image_height_px=480,
    )  # fmt: skip


def written(records: list[Record], path: Path) -> Path:
    pq.write_table(pa.Table.from_batches([batch_of(records, type(records[0]))]), path)
    return path


def read(path: Path) -> list[Record]:
    table = pq.read_table(path)
    return list(records_of(table, KINDS[label_of(table.schema).record]))


def there_and_back(folder: Path, records: list[Record], name: str, **told: bool) -> tuple[list[Record], bool]:
    """The records after both ways, and whether both reports were empty."""
    out = folder / f"out.{SUFFIX.get(name, 'json')}"
    back = folder / "back.parquet"
    for old in (out, back):
        shutil.rmtree(old, ignore_errors=True) if old.is_dir() else old.unlink(missing_ok=True)
    there = convert(written(records, folder / "in.parquet"), out, name, **told)
    again = convert(
        out,
        back,
        "parquet",
        source_format=name,
        settings={"orientation": "upright"} if name in ("coco", "cvat") else {},
        **told,
    )
    return read(back), there.is_empty and again.is_empty


@pytest.mark.parametrize("name", ["parquet", "jsonl", "csv", "label-studio", "labelme", "fiftyone"])
@given(
    places=st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=5),
    label=st.sampled_from(["cup", "Café 椅子", 'a<b>&"c"']),
)
def test_points_come_back_exactly(tmp_path_factory, name, places, label):
    """To the last bit, with unit, orientation, size and count, and both reports are empty."""
    records = [points(*places, label=label), points(*places[:1], name="b.jpg")]
    back, is_empty = there_and_back(tmp_path_factory.mktemp("c"), records, name)
    assert is_empty
    assert back == records


@pytest.mark.parametrize("name", ["cvat", "coco"])
def test_points_keep_their_place_where_the_unit_is_the_tools(tmp_path, name):
    """CVAT and COCO know pixels only: percent comes back as pixels of the same place, and the report says so."""
    told = {"keypoints_lossy": True} if name == "coco" else {}
    (back, *more), is_empty = there_and_back(tmp_path, [points((10, 50), (99.9, 0.1))], name, **told)
    assert not is_empty
    assert not more
    assert back.unit is Unit.PIXELS
    assert [(p.x, p.y) for p in back.points] == [pytest.approx((64, 240)), pytest.approx((639.36, 0.48))]


def test_captions_come_back(tmp_path):
    """Through COCO's captions."""
    told = [
        Caption(image_url="a.jpg", caption="A cup.", transcripts=()),
        Caption(image_url="b.jpg", caption="Two.", transcripts=()),
    ]
    back, _ = there_and_back(tmp_path, told, "coco")
    assert [(c.image_url, c.caption) for c in back] == [("a.jpg", "A cup."), ("b.jpg", "Two.")]


@pytest.mark.parametrize("name", BOTH_WAYS)
def test_what_a_format_cannot_hold_is_a_loss_and_never_a_crash(tmp_path, name):
    """NaN, infinity, 10,000 points, control characters, no size, no picture: counted, and the other rows are there."""
    odd = [
        points((math.nan, 1)), points((math.inf, 2), name="b.jpg"), points(*((n / 100, 5.0) for n in range(10_000)), name="c.jpg"),
        points((1, 2), label="a\x00b\ud800" if name == "never" else "a\x00b", name="d.jpg"), points(name="e.jpg"),
        Points(label="x", points=(Point(5, 5),), unit=Unit.PIXELS, orientation=Orientation.STORED), points((3, 4), name="good.jpg"),
    ]  # fmt: skip
    out = tmp_path / f"out.{SUFFIX.get(name, 'json')}"
    report = convert(written(odd, tmp_path / "in.parquet"), out, name, keypoints_lossy=name == "coco")
    assert report.read == len(odd)
    again = convert(out, tmp_path / "back.parquet", "parquet", source_format=name, keypoints_lossy=name == "coco")
    assert any(
        getattr(r, "image_url", "") == "https://pictures.example/good.jpg" for r in read(tmp_path / "back.parquet")
    )
    assert again.written <= again.read
    lost = report.losses_file.read_text().splitlines() if report.losses_file else []
    assert len(lost) == report.losses.total()


def golden(tmp_path: Path, name: str, source: str) -> tuple[list[Record], dict[str, int]]:
    given = GOLDEN / source
    if name == "labelme":
        (tmp_path / "d").mkdir()
        shutil.copy(given, tmp_path / "d" / source)
        given = tmp_path / "d"
    report = convert(given, tmp_path / "out.parquet", "parquet", source_format=name)
    return read(tmp_path / "out.parquet"), dict(report.losses)


def test_label_studio_as_it_exports(tmp_path):
    """Keypoints as percent, to the last digit; boxes and skipped tasks are losses."""
    (record,), losses = golden(tmp_path, "label-studio", "label_studio.json")
    assert (record.unit, record.label, record.image_url) == (Unit.PERCENT, "cup", "https://pictures.example/a.jpg")
    assert record.points == (Point(12.345678901234567, 50.0), Point(99.9, 0.1))
    assert (record.image_width_px, record.image_height_px) == (640, 480)
    assert losses["unsupported"] == 1
    assert losses["cancelled"] == 1


@pytest.mark.parametrize(("name", "source"), [("cvat", "cvat.xml"), ("labelme", "labelme.json")])
def test_pixels_as_tools_write_them(tmp_path, name, source):
    """CVAT's and LabelMe's points are pixels of the size beside them; boxes are losses; paths stay text."""
    (record, *_), losses = golden(tmp_path, name, source)
    assert (record.unit, record.label) == (Unit.PIXELS, "cup")
    assert record.points == (Point(64.0, 240.0), Point(320.5, 1.25))
    assert (record.image_width_px, record.image_height_px) == (640, 480)
    assert losses["unsupported"] == 1


def test_coco_as_published(tmp_path):
    """Each caption a record; one of no image is a loss."""
    records, losses = golden(tmp_path, "coco", "coco.json")
    assert [r.caption[:7] for r in records] == ["Closeup", "A meal "]
    assert sum(losses.values()) >= 1


def test_fiftyone_as_exported(tmp_path):
    """Keypoints of the unit square."""
    (record,), _ = golden(tmp_path, "fiftyone", "fiftyone.json")
    assert (record.unit, record.points) == (Unit.UNIT_SQUARE, (Point(0.1, 0.5), Point(0.5, 0.25)))


def refusal_of(path: Path, name: str) -> str | None:
    """Why a file is refused; None where it is read, and has nothing in it."""
    try:
        report = convert(path, path.with_name("out.parquet"), "parquet", source_format=name)
    except PixmoError as error:
        return str(error)
    return None if report.written == 0 else "it was taken for something"


BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;">]><annotations><version>1.1</version><image name="&y;"/></annotations>'
OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotations><image name="&x;"/></annotations>'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cvat", BOMB), ("cvat", OUTSIDE), ("cvat", b"<annotations><image"), ("cvat", b"<html></html>"), ("cvat", b""),
        ("label-studio", b"[1, 2"), ("label-studio", b'{"a": 1}'), ("label-studio", b"["  * 100_000), ("label-studio", b"\xff\xfe"),
        ("coco", b"[]"), ("coco", b"not json"), ("fiftyone", b'"text"'), ("fiftyone", b'{"samples": 3}'),
        ("csv", b"\x00\x01"), ("jsonl", b"{"), ("parquet", b"PAR1"),
    ],
    ids=lambda v: v if isinstance(v, str) else None,
)  # fmt: skip
def test_what_is_not_the_format_is_told_in_one_line(tmp_path, name, content):
    """Bombs, entities that name files, cut files, other things by that name: refused with the file named; nothing is left behind."""
    path = tmp_path / "given"
    path.write_bytes(content)
    told = refusal_of(path, name)
    assert told is None or ("given" in told and "\n" not in told)
    assert told is None or not (tmp_path / "out.parquet").exists()
    assert "root:" not in "".join(p.read_text(errors="replace") for p in tmp_path.iterdir() if p != path)


def test_mixed_types_inside_are_losses(tmp_path):
    """A number where text should be, a list where a number should: the item is a loss, the next is read."""
    tasks = json.loads((GOLDEN / "label_studio.json").read_text())
    broken = [{"data": {"image": 5}, "annotations": []}, {"data": "x", "annotations": {}}, 7, None]
    odd = json.loads(json.dumps(tasks[0]))
    odd["annotations"][0]["result"][0]["value"]["x"] = ["1"]
    (tmp_path / "in.json").write_text(json.dumps([*broken, odd, tasks[0]]))
    report = convert(tmp_path / "in.json", tmp_path / "out.parquet", "parquet", source_format="label-studio")
    assert report.losses["unreadable"] + report.losses["no_picture"] >= 5
    assert any(len(r.points) == 2 for r in read(tmp_path / "out.parquet"))
