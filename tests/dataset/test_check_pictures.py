"""What a record says of its picture, held against real pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pixmo.dataset.check import check
from pixmo.dataset.check_pictures import RULES, against
from pixmo.dataset.check_source import Said, opened
from pixmo.records.arrow import batch_of
from pixmo.records.base import Record
from pixmo.records.caption import Caption
from pixmo.records.image_set import ImageSetPoints, PointedAcross
from pixmo.records.places import Mask, Orientation, Point, Unit
from pixmo.records.points import Points
from pixmo.records.rules import RULES as RECORD_RULES
from pixmo.storage.export.features import PICTURE
from tests.pictures import exif_rotated, png, truncated

WIDE = png(1, (40, 20))


def points(*places: tuple[float, float], **others: Any) -> Points:
    told: dict[str, Any] = {"label": "cat", "unit": Unit.PIXELS, "orientation": Orientation.STORED}
    return Points(points=tuple(Point(x, y) for x, y in places), **(told | others))


def rules(record: Record, *pictures: bytes | None) -> list[tuple[str, str]]:
    return [(f.rule, f.path) for f in against(record, pictures, {})]


def test_a_record_that_fits_its_picture() -> None:
    """Its digest, its size, points to the very edge, masks of its size."""
    mask = Mask(20, 40, (0, 800))
    told = {"image_sha256": hashlib.sha256(WIDE).hexdigest(), "image_width_px": 40, "image_height_px": 20}
    assert rules(points((0.0, 0.0), (40.0, 20.0), masks=(mask, mask), **told), WIDE) == []


def test_what_does_not_fit_is_told() -> None:
    """Another digest, another size, a mask of another size, a point outside: each with the value."""
    record = points(
        (39.0, 3.0),
        (41.0, 3.0),
        image_sha256="0" * 64,
        image_width_px=20,
        image_height_px=40,
        masks=(Mask(40, 20, (800,)),),
    )
    assert rules(record, WIDE) == [
        ("picture_differs", "picture"), ("size_differs", "image_width_px"), ("point_outside_picture", "points[1]"),
        ("mask_not_of_picture", "masks[0]"),
    ]  # fmt: skip


def test_percent_says_nothing_of_pixels() -> None:
    """Points of other units are not held against the size."""
    assert rules(points((90.0, 90.0), unit=Unit.PERCENT), WIDE) == []


def test_pictures_that_are_missing_or_broken() -> None:
    """No picture, no bytes, bytes that do not decode whole."""
    caption = Caption(caption="a", transcripts=())
    assert rules(caption) == [("picture_missing", "picture")]
    assert rules(caption, None) == [("picture_missing", "picture")]
    assert rules(caption, truncated(WIDE)) == [("picture_broken", "picture")]
    assert rules(caption, b"<html>") == [("picture_broken", "picture")]


def test_the_way_up_decides_which_side_is_which() -> None:
    """Of a picture that its EXIF data turn: upright its sides are exchanged; where nobody knows either way will do."""
    turned = exif_rotated(6, (40, 20))
    for way, bad in ((Orientation.UPRIGHT, (39.0, 3.0)), (Orientation.STORED, (3.0, 39.0))):
        assert rules(points(bad, bad[::-1], orientation=way), turned) == [("point_outside_picture", "points[0]")]
    assert rules(points((39.0, 3.0), (3.0, 39.0), orientation=Orientation.UNKNOWN), turned) == []


def test_each_picture_of_several_has_its_own_points() -> None:
    """The second picture is smaller; its digest is the second."""
    small = png(2, (10, 10))
    places: Sequence[Any] = ((Point(30.0, 3.0),), (Point(30.0, 3.0),))
    label = PointedAcross(label="a", points=tuple(places))
    told = ImageSetPoints(
        image_sha256s=(hashlib.sha256(WIDE).hexdigest(), "0" * 64), labels=(label,), unit=Unit.PIXELS,
        orientation=Orientation.UNKNOWN,
    )  # fmt: skip
    assert rules(told, WIDE, small) == [
        ("picture_differs", "pictures[1]"),
        ("point_outside_picture", "labels[0].points[1][0]"),
    ]
    assert rules(told, WIDE, None)[0] == ("picture_missing", "pictures[1]")


def test_a_set_is_held_against_its_pictures(tmp_path: Path) -> None:
    """Row by row, told with the meaning of each rule; the pictures are not looked at unless asked."""
    told = [points((39.0, 3.0)), points((41.0, 3.0)), points()]
    table = pa.Table.from_batches([batch_of(told, Points)])
    files = [
        {"bytes": WIDE, "path": None},
        {"bytes": WIDE, "path": "/etc/hostname"},
        {"bytes": None, "path": "/etc/hostname"},
    ]
    pq.write_table(table.append_column("image", pa.array(files, PICTURE)), tmp_path / "a.parquet")
    found = check(opened(str(tmp_path / "a.parquet"), Said(), pictures=True))
    ours = {r.rule: ([e.row for e in r.examples], r.meaning) for r in found.rules if r.rule in RULES}
    assert ours == {
        "point_outside_picture": ([1], RULES["point_outside_picture"]),
        "picture_missing": ([2], RULES["picture_missing"]),
    }
    assert not {r.rule for r in check(opened(str(tmp_path / "a.parquet"), Said())).rules} & set(RULES)


def test_no_rule_of_pictures_is_called_as_one_of_records() -> None:
    """Counts of the two would else be added up."""
    assert not set(RULES) & set(RECORD_RULES)
