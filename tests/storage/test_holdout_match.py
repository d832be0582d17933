"""Recognising held-out pictures: by URL, digest, look and mirrored look."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, ImageOps

from pixmo.ids import digest
from pixmo.image.decode import look
from pixmo.image.mirror import mirrored_hashes
from pixmo.image.phash import hashes
from pixmo.storage.holdout import SCHEMA, frozen
from pixmo.storage.holdout_match import KINDS, Matcher
from tests import pictures
from tests.pictures import encode, near_copies, photo

EVAL = [photo(seed) for seed in range(8)]


def seen(image: Image.Image, url: str | None = None, **options: Any) -> dict[str, Any]:
    """What is known of a picture file."""
    data = encode(image, **options)
    shown = look(data).image
    assert shown is not None
    straight, turned = hashes(shown), mirrored_hashes(shown)
    assert straight is not None
    assert turned is not None
    return {
        "image_url": url, "fetched_sha256": digest(data), "phash": straight.phash, "dhash": straight.dhash,
        "mirrored_phash": turned.phash, "mirrored_dhash": turned.dhash,
    }  # fmt: skip


def matcher(*rows: dict[str, Any], radius: int = 4) -> Matcher:
    return Matcher(frozen("eval", [pa.RecordBatch.from_pylist(list(rows), schema=SCHEMA)], "here"), radius)


def kinds(of: Matcher, *rows: dict[str, Any]) -> list[str | None]:
    """How each row is recognised."""
    batch = pa.RecordBatch.from_pylist(list(rows), schema=SCHEMA)
    found = of.find(batch)
    assert ((found.kind < 0) == (found.entry < 0)).all()
    return [None if kind < 0 else KINDS[kind] for kind in found.kind.tolist()]


WHOLE = matcher(*(seen(image, f"http://eval.org/{n}.jpg", format="PNG") for n, image in enumerate(EVAL)))


def test_by_url() -> None:
    """As the canonical form says, whatever else is known."""
    assert kinds(WHOLE, {"image_url": "https://EVAL.org:443/3.jpg#x"}, {"image_url": "http://eval.org/99.jpg"}) == [
        "url",
        None,
    ]


def test_by_digest() -> None:
    """Of the bytes that came or of those the list promises, on either side, in any case."""
    sha, other = "ab" * 32, "cd" * 32
    of = matcher({"image_sha256": sha.upper(), "fetched_sha256": other})
    rows = [
        {"fetched_sha256": sha},
        {"image_sha256": sha.upper()},
        {"fetched_sha256": other},
        {"image_sha256": "ef" * 32},
    ]
    assert kinds(of, *rows) == ["sha256", "sha256", "sha256", None]


@pytest.mark.parametrize("copy", ["re-encoded", "smaller"])
@pytest.mark.parametrize(
    "options", [{"quality": 60}, {"format": "PNG"}, {"format": "WEBP"}], ids=["jpeg", "png", "webp"]
)
def test_copies_look_the_same(copy: str, options: dict[str, Any]) -> None:
    """Smaller, re-encoded, in another format: near; turned left to right as well: mirrored."""
    copies = [near_copies(image)[copy] for image in EVAL]
    found = [kinds(WHOLE, seen(c, **options), seen(ImageOps.mirror(c), **options)) for c in copies]
    assert found == [["near", "mirrored"]] * len(EVAL)


def test_other_pictures_are_left_alone() -> None:
    """None of sixty others, nor their mirror images."""
    others = [photo(seed) for seed in range(100, 160)]
    rows = [seen(image, quality=80) for image in others] + [
        seen(ImageOps.mirror(image), quality=80) for image in others
    ]
    assert set(kinds(WHOLE, *rows)) == {None}


def test_it_says_which_picture() -> None:
    """The entry, so that the two can be shown side by side."""
    turned = seen(ImageOps.mirror(EVAL[5]), quality=70)
    found = WHOLE.find(pa.RecordBatch.from_pylist([turned], schema=SCHEMA))
    assert WHOLE.held.titles()[int(found.entry[0])].as_py() == "http://eval.org/5.jpg"


def test_blank_pictures_are_nobodys_copies() -> None:
    """A white page in an evaluation set does not mark every white picture of the training set, nor gradients each other."""
    blank = [pictures.flat(255, (50, 50)), pictures.flat(0, (80, 60)), Image.linear_gradient("L")]
    of = matcher(*(seen(image, format="PNG") for image in blank))
    again = [pictures.flat(254, (64, 64)), pictures.flat(1, (60, 80)), Image.linear_gradient("L").resize((99, 99))]
    assert kinds(of, *(seen(image, quality=90) for image in again)) == [None] * 3
    assert kinds(of, seen(blank[0], format="PNG")) == ["sha256"]


def test_the_plainest_way_is_told() -> None:
    """URL before bytes before look before mirror image."""
    row = seen(EVAL[2], "http://eval.org/2.jpg", format="PNG")
    assert kinds(WHOLE, row, row | {"image_url": None}) == ["url", "sha256"]
    assert kinds(WHOLE, row | {"image_url": None, "fetched_sha256": None}) == ["near"]


def test_a_smaller_radius_finds_less() -> None:
    """Radius 0 takes equal hashes only."""
    row = {"phash": "0f1e2d3c4b5a6978", "dhash": "1" * 16}
    near = row | {"phash": "0f1e2d3c4b5a6979"}
    assert kinds(matcher(row, radius=0), row, near) == ["near", None]
    assert kinds(matcher(row, radius=1), row, near) == ["near", "near"]


def test_odd_values_are_no_hashes() -> None:
    """Of other tools, or broken: they match nothing and break nothing, on either side."""
    odd = [
        {"phash": p, "dhash": d}
        for p, d in (("", ""), ("xyz", "1"), ("f" * 64, "f" * 64), ("é" * 16, "1" * 16), (None, "1" * 16))
    ]
    blank: dict[str, Any] = {"image_url": "", "image_sha256": "", "fetched_sha256": ""}
    assert kinds(matcher(*odd, {"image_url": "http://h/a"}), *odd, blank, {}) == [None] * 7


def test_an_empty_index_and_no_rows() -> None:
    """Nothing is found, nothing breaks."""
    assert kinds(matcher(), seen(EVAL[0])) == [None]
    assert kinds(WHOLE) == []


def test_columns_may_be_absent() -> None:
    """A list that knows URLs only."""
    found = WHOLE.find(pa.record_batch({"image_url": ["http://eval.org/1.jpg", None]}))
    assert found.entry.tolist() == [1, -1]
    assert found.kind.dtype == np.int8
