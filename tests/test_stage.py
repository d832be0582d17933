"""What a stage is made of: its columns from annotations, its fingerprint from what changes the rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import pyarrow as pa
import pytest

from pixmo.ask import Outcome
from pixmo.stage import (
    Picture,
    RowStage,
    Stage,
    arrow_type,
    effort,
    fingerprint,
    is_effort,
    meaning,
    settings_of,
)
from tests.pictures import jpeg


class Length(NamedTuple):
    words: int
    is_short: bool
    first: str | None


@dataclass(frozen=True)
class CheckLength(RowStage):
    """Mark captions with few words."""

    minimum: int = meaning(3, "words a caption needs")
    workers: int = effort(2)
    version = 1

    def row(self, caption: str, note: str | None) -> Length:
        words = caption.split()
        return Length(len(words), len(words) < self.minimum, note)


class Size(NamedTuple):
    size: int


@dataclass(frozen=True)
class Measure(RowStage):
    """Say how many bytes a picture has."""

    def row(self, picture: Picture, caption: str) -> Size:
        return Size(len(picture.data) + len(caption))


def batch(captions: Sequence[str | None], notes: Sequence[str | None]) -> pa.RecordBatch:
    return pa.record_batch({"caption": pa.array(captions, pa.string()), "note": pa.array(notes, pa.string())})


def test_columns_come_from_the_annotations() -> None:
    """Parameters are what it needs, the NamedTuple's fields are what it adds."""
    stage = CheckLength()
    assert isinstance(stage, Stage)
    assert stage.needs == pa.schema([("caption", pa.string()), ("note", pa.string())])
    assert stage.adds == pa.schema([("words", pa.int64()), ("is_short", pa.bool_()), ("first", pa.string())])
    assert (CheckLength.takes_picture(), Measure.takes_picture()) == (False, True)
    assert Measure.parameter_columns() == (None, "caption")
    assert Measure.needs_names() == ("caption",)


def test_a_row_stage_runs_over_a_batch() -> None:
    """One row out per row in; a null where one is required gives a row of nulls, where it is allowed it is passed on."""
    out = CheckLength()(batch(["a b c", None, "d"], [None, "x", "y"]))
    assert out.to_pylist() == [
        {"words": 3, "is_short": False, "first": None},
        {"words": None, "is_short": None, "first": None},
        {"words": 1, "is_short": True, "first": "y"},
    ]


def test_an_empty_batch_gives_an_empty_batch() -> None:
    """With the columns it would have had."""
    out = CheckLength()(batch([], []))
    assert (out.num_rows, out.schema) == (0, CheckLength().adds)


def test_meaning_is_in_the_fingerprint_and_effort_is_not() -> None:
    """Trying harder renames no work; another threshold does."""
    assert fingerprint(CheckLength(workers=9)) == fingerprint(CheckLength())
    assert fingerprint(CheckLength(minimum=4)) != fingerprint(CheckLength())


def test_a_new_version_is_another_stage() -> None:
    """Raised when the meaning of the output changes."""
    before = fingerprint(CheckLength())

    class Newer(CheckLength):
        version = 2

    Newer.__qualname__ = CheckLength.__qualname__
    assert fingerprint(Newer()) != before


def test_a_fingerprint_is_the_digest_of_what_the_stage_is() -> None:
    """Spelled out, because every name of finished work hangs on it: class, version, and the settings that are meaning."""
    name = f"{CheckLength.__module__}:CheckLength"
    spelled = f'{{"settings":{{"minimum":3}},"stage":"{name}","version":1}}'
    assert fingerprint(CheckLength()) == hashlib.sha256(spelled.encode()).hexdigest()


def test_settings_know_what_they_are() -> None:
    """By name, with the help that becomes their option's."""
    assert settings_of(CheckLength(minimum=5)) == {"minimum": 5, "workers": 2}
    assert {f.name: is_effort(f) for f in fields(CheckLength)} == {"minimum": False, "workers": True}
    assert fields(CheckLength)[0].metadata["help"] == "words a caption needs"


def test_a_mutable_default_is_refused() -> None:
    """Settings are part of a fingerprint and must not change."""
    with pytest.raises(TypeError, match="tuple"):
        meaning([])


@pytest.mark.parametrize(
    ("hint", "kind"),
    [
        (str, pa.string()), (int, pa.int64()), (float, pa.float64()), (bool, pa.bool_()), (bytes, pa.binary()),
        (Outcome, pa.string()), (tuple[int, ...], pa.list_(pa.int64())), (list[tuple[str, ...]], pa.list_(pa.list_(pa.string()))),
    ],
)  # fmt: skip
def test_annotations_have_arrow_types(hint: object, kind: pa.DataType) -> None:
    """Plain values and lists of them."""
    assert arrow_type(hint) == kind


@pytest.mark.parametrize("hint", [dict, object, set[int], complex])
def test_other_annotations_have_none(hint: object) -> None:
    """Told when the stage is written, not after a night."""
    with pytest.raises(TypeError, match="no Arrow type"):
        arrow_type(hint)


def test_neighbouring_stages_share_one_decode() -> None:
    """The same limit gives the very same look, and `any_look` takes what is there."""
    picture = Picture(jpeg(size=(8, 8)), "sha")
    look = picture.look(10_000)
    assert picture.look(10_000) is look
    assert picture.any_look is look
    assert Picture(jpeg(size=(8, 8))).any_look.image is not None
