"""Predictions tied to references: which rows there are, in which order, and what is refused."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pixmo.errors import BadSetting, BadSource, PixmoError
from pixmo.sources.columns import Columns
from pixmo.sources.frozen import FrozenRow, frozen_bytes
from pixmo.sources.judged import SCHEMA, JudgedSource, open_judged
from pixmo.sources.judged_thumbnail import thumbnail
from tests.sources.lists import FORMATS, write

URLS = [f"https://a.example/{i}.jpg" for i in range(12)]


def jsonl(path: Path, rows: Sequence[dict[str, Any]]) -> str:
    return write(path, "".join(json.dumps(r) + "\n" for r in rows))


def predictions(path: Path, urls: Sequence[str] = URLS, says: str = "A caption") -> str:
    return jsonl(path, [{"image_url": u, "prediction": f"{says} of {u}"} for u in urls])


def references(path: Path, urls: Sequence[str] = URLS) -> str:
    return jsonl(path, [{"image_url": u, "transcripts": [f"said of {u}"]} for u in urls])


def opened(
    folder: Path, *specs: str, refs: str | None = None, sample: int | None = None, **options: Any
) -> JudgedSource:
    found = [*specs] or [predictions(folder / "m.jsonl")]
    source, columns = open_judged(found, refs or references(folder / "refs.jsonl"), sample=sample, **options)
    assert columns == Columns(None, None, None, None)
    return source


def rows(source: JudgedSource, batch_rows: int = 8192) -> list[dict[str, Any]]:
    batches = list(source.batches(batch_rows))
    assert all(b.schema.equals(SCHEMA) and 0 < b.num_rows <= batch_rows for b in batches)
    return [row for b in batches for row in b.to_pylist()]


def test_a_row_is_a_picture_and_a_model(tmp_path: Path) -> None:
    """All models of a picture, in the order they were given, then the next picture."""
    b, a = predictions(tmp_path / "b.jsonl", says="B"), predictions(tmp_path / "a.jsonl", says="A")
    source = opened(tmp_path, b, f"first={a}")
    assert [(r["model"], r["caption"][0]) for r in rows(source)] == [("b", "B"), ("first", "A")] * 12
    assert (source.models, source.pictures, source.rows, source.key) == (["b", "first"], 12, 24, "image_url")
    one = rows(source)[0]
    assert one["picture"] == one["image_url"]
    assert one["transcripts"] == [f"said of {one['picture']}"]
    assert (one["given_statements"], one["given_categories"], one["given_text"], one["thumbnail"]) == (None,) * 4


@pytest.mark.parametrize("sample", [1, 5, 12, 100, None])
def test_pictures_are_drawn_as_ai2_draws_them(tmp_path: Path, sample: int | None) -> None:
    """Sorted by digest, shuffled by NumPy's old generator with the published seed, the first so many; all when there are fewer."""
    order = sorted(URLS, key=lambda u: hashlib.sha256(u.encode()).hexdigest())
    np.random.RandomState(12312).shuffle(order)
    assert [r["picture"] for r in rows(opened(tmp_path, sample=sample))] == order[:sample]


def test_the_order_of_files_does_not_matter(tmp_path: Path) -> None:
    """Another seed does."""
    turned = opened(
        tmp_path, predictions(tmp_path / "m.jsonl", URLS[::-1]), refs=references(tmp_path / "turned.jsonl", URLS[::-1])
    )
    source = opened(tmp_path)
    assert rows(source) == rows(turned)
    assert source.identity() == turned.identity()
    other = opened(tmp_path, seed=1)
    assert rows(source) != rows(other)
    assert source.identity() != other.identity()
    assert source.references_digest == other.references_digest


@pytest.mark.parametrize("batch_rows", [1, 7, 8192])
def test_batches_hold_the_same_rows(tmp_path: Path, batch_rows: int) -> None:
    """However many are asked for."""
    source = opened(tmp_path)
    assert rows(source, batch_rows) == rows(source)


def test_large_captions_come_in_small_batches(tmp_path: Path) -> None:
    """A megabyte each: no batch holds much more than 64 MB."""
    path = jsonl(tmp_path / "m.jsonl", [{"image_url": u, "prediction": "x" * 8 * 10**6} for u in URLS])
    assert [b.num_rows for b in opened(tmp_path, path).batches()] == [8, 4]


# what ties


@pytest.mark.parametrize(
    "column", ["image_url", "image_sha256", "picture_file", "image", "video_id", "video_url", "id"]
)
def test_the_usual_columns_tie(tmp_path: Path, column: str) -> None:
    """White space around values does not matter, numbers are as they are written."""
    mine = jsonl(tmp_path / "m.jsonl", [{column: " 7 ", "caption": "A cat."}])
    refs = jsonl(tmp_path / "refs.jsonl", [{column: 7, "transcripts": ["a cat"]}])
    source = opened(tmp_path, mine, refs=refs)
    assert (source.key, rows(source)[0]["picture"]) == (column, "7")


def test_the_first_column_whose_values_meet_ties(tmp_path: Path) -> None:
    """Addresses differ here, digests do not; another column is taken when it is asked for."""
    mine = jsonl(tmp_path / "m.jsonl", [{"image_url": "a", "image_sha256": "b", "own": "c", "caption": "A cat."}])
    refs = jsonl(
        tmp_path / "refs.jsonl", [{"image_url": "x", "image_sha256": "b", "own": "c", "transcripts": ["a cat"]}]
    )
    source = opened(tmp_path, mine, refs=refs)
    assert (source.key, rows(source)[0]["picture"], rows(source)[0]["image_url"]) == ("image_sha256", "b", "x")
    assert rows(opened(tmp_path, mine, refs=refs, key="own"))[0]["picture"] == "c"


def test_texts_are_tied_by_the_names_of_pictures(tmp_path: Path) -> None:
    """Without the pictures' suffixes, with their folders."""
    refs = jsonl(tmp_path / "refs.jsonl", [{"picture_file": f, "transcripts": ["x"]} for f in ("cat.jpg", "a/cat.jpg")])
    write(tmp_path / "m/cat.txt", "A cat.")
    write(tmp_path / "m/a/cat.caption", "Another cat.")
    found = {r["picture"]: r["caption"] for r in rows(opened(tmp_path, str(tmp_path / "m"), refs=refs))}
    assert found == {"cat.jpg": "A cat.", "a/cat.jpg": "Another cat."}


def test_a_text_named_after_two_pictures_is_refused(tmp_path: Path) -> None:
    """cat.txt may be of cat.jpg or of cat.png."""
    refs = jsonl(tmp_path / "refs.jsonl", [{"picture_file": f, "transcripts": ["x"]} for f in ("cat.jpg", "cat.png")])
    write(tmp_path / "m/cat.txt", "A cat.")
    with pytest.raises(BadSource, match=r"'cat' is named after two pictures, cat\.jpg and cat\.png"):
        opened(tmp_path, str(tmp_path / "m"), refs=refs)


def test_all_models_are_tied_by_one_column(tmp_path: Path) -> None:
    """The first that ties each of them."""
    refs = jsonl(tmp_path / "refs.jsonl", [{"image_url": "u", "id": "1", "transcripts": ["x"]}])
    both = jsonl(tmp_path / "both.jsonl", [{"image_url": "u", "id": "1", "caption": "A"}])
    only = jsonl(tmp_path / "only.jsonl", [{"id": "1", "caption": "B"}])
    assert opened(tmp_path, both, only, refs=refs).key == "id"


@pytest.mark.parametrize(
    ("mine", "options", "told"),
    [
        (
            {"name": "u"},
            {},
            "no column ties its captions .* it has name, caption; the references have image_url, transcripts",
        ),
        ({"image_url": "v"}, {}, r"both have image_url, but no value is the same \(image_url: 'v' here, 'u' there\)"),
        ({"image_url": "u"}, {"key": "own"}, "refs.jsonl: has no column 'own'"),
        ({"name": "u"}, {"key": "image_url"}, "m.jsonl: has no column 'image_url'"),
    ],
)
def test_what_cannot_be_tied_is_told(tmp_path: Path, mine: dict[str, str], options: dict[str, str], told: str) -> None:
    """With the columns that are there."""
    refs = jsonl(tmp_path / "refs.jsonl", [{"image_url": "u", "transcripts": ["x"]}])
    with pytest.raises(BadSource, match=told):
        opened(tmp_path, jsonl(tmp_path / "m.jsonl", [mine | {"caption": "A"}]), refs=refs, **options)


# what is missing, and what is there twice


def test_missing_predictions_are_counted_and_named(tmp_path: Path) -> None:
    """How many of how many, and the first five."""
    mine = predictions(tmp_path / "m.jsonl", URLS[:5])
    with pytest.raises(BadSource, match=r"7 of 12 predictions are missing: (https://\S+, ){5}…; --allow-missing"):
        opened(tmp_path, mine)
    source = opened(tmp_path, mine, allow_missing=True)
    assert (source.missing, source.pictures, source.rows, len(source.missing_first)) == (7, 12, 5, 5)
    assert {r["picture"] for r in rows(source)} == set(URLS[:5])


def test_only_pictures_of_the_sample_can_be_missing(tmp_path: Path) -> None:
    """Predictions of the sample are enough; of several models each one's gaps are named."""
    drawn = [r["picture"] for r in rows(opened(tmp_path, sample=4))]
    assert opened(tmp_path, predictions(tmp_path / "m.jsonl", drawn), sample=4).missing == 0
    part, whole = predictions(tmp_path / "part.jsonl", drawn[1:]), predictions(tmp_path / "m.jsonl")
    source = opened(tmp_path, whole, part, sample=4, allow_missing=True)
    assert (source.missing_first, source.rows) == ([f"part: {drawn[0]}"], 7)
    nothing = predictions(tmp_path / "none.jsonl", [u for u in URLS if u not in drawn])
    with pytest.raises(BadSource, match="no picture of the sample has a prediction"):
        opened(tmp_path, nothing, sample=4, allow_missing=True)


def test_predictions_of_other_pictures_are_counted(tmp_path: Path) -> None:
    """And of no picture at all."""
    mine = jsonl(tmp_path / "m.jsonl", [{"image_url": u, "caption": "A"} for u in [*URLS, "other", None]])
    source = opened(tmp_path, mine)
    assert (source.extra, source.rows) == (2, 12)


def test_equal_predictions_count_once_and_contradictions_are_refused(tmp_path: Path) -> None:
    """Equal as they are scored: the mark at the end does not matter."""
    said = [{"image_url": u, "prediction": "A cat."} for u in URLS]
    again = {"image_url": URLS[3], "prediction": " A cat.<|endoftext|>"}
    source = opened(tmp_path, jsonl(tmp_path / "m.jsonl", [*said, again]))
    assert (source.duplicates, source.rows) == (1, 12)
    with pytest.raises(BadSource, match=r"m\.jsonl: has two captions for https://a\.example/3\.jpg"):
        opened(tmp_path, jsonl(tmp_path / "m.jsonl", [*said, again | {"prediction": "A dog."}]))


def test_a_null_prediction_is_an_empty_caption(tmp_path: Path) -> None:
    """And counted; an empty one is not null."""
    mine = jsonl(
        tmp_path / "m.jsonl", [{"image_url": u, "prediction": None if i < 2 else ""} for i, u in enumerate(URLS)]
    )
    source = opened(tmp_path, mine)
    assert source.nulls == 2
    assert {r["caption"] for r in rows(source)} == {""}


def test_references_of_one_picture_are_joined(tmp_path: Path) -> None:
    """Their transcripts in order, equal ones once."""
    said = [["one", "two"], ["two", "three"], []]
    refs = jsonl(tmp_path / "refs.jsonl", [{"image_url": "u", "transcripts": t} for t in said])
    source = opened(tmp_path, jsonl(tmp_path / "m.jsonl", [{"image_url": "u", "caption": "A"}]), refs=refs)
    assert rows(source)[0]["transcripts"] == ["one", "two", "three"]
    assert (source.reference_duplicates, source.pictures) == (2, 1)


def test_pictures_nobody_spoke_of_are_counted(tmp_path: Path) -> None:
    """Blank transcripts say nothing; the rows are there."""
    said = [[], [" ", ""], ["a cat"]]
    refs = jsonl(
        tmp_path / "refs.jsonl", [{"image_url": u, "transcripts": t} for u, t in zip(URLS[:3], said, strict=True)]
    )
    source = opened(tmp_path, refs=refs)
    assert (source.without_transcripts, source.rows) == (2, 3)


@pytest.mark.parametrize("options", [{"sample": 0}, {"sample": None, "seed": -1}, {"sample": None, "seed": 2**32}])
def test_numbers_out_of_range_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    """By the name of their option."""
    with pytest.raises(BadSetting, match=r"^--(sample 0|seed)"):
        opened(tmp_path, **options)


# the references' other forms


def test_a_frozen_file_gives_the_sample_it_was_frozen_from(tmp_path: Path) -> None:
    """The same pictures in the same order, with the statements; by whatever column the predictions are tied."""
    mine = jsonl(tmp_path / "m.jsonl", [{"id": u, "caption": "A cat."} for u in URLS])
    refs = jsonl(tmp_path / "refs.jsonl", [{"id": u, "transcripts": ["a cat"]} for u in URLS])
    before = rows(opened(tmp_path, mine, refs=refs, sample=5))
    kept = [FrozenRow(r["picture"], r["image_url"], ("A cat.",), None, tuple(r["transcripts"])) for r in before]
    frozen = write(tmp_path / "references.jsonl", frozen_bytes(kept, "j", "p"))
    after = opened(tmp_path, mine, refs=frozen)
    assert {r["picture"] for r in rows(after)} == {r["picture"] for r in before}
    assert all(r["given_statements"] == ["A cat."] for r in rows(after))
    assert after.extra == 7


def test_ai2s_files_from_end_to_end(tmp_path: Path) -> None:
    """Predictions and references in Ai2's layout; statements come as one text and as lines."""
    write(
        tmp_path / "eval/final-data.json",
        json.dumps([{"image": u, "transcripts": [{"whisperTranscript": "a cat"}]} for u in URLS]),
    )
    for u in URLS:
        told = {"canonical_statements": f"1. A cat.\n2. {u}\n"}
        write(
            tmp_path / "eval/mturk-eval-statements" / f"{hashlib.sha256(u.encode()).hexdigest()}.json", json.dumps(told)
        )
    mine = write(
        tmp_path / "ck1/predictions.json",
        json.dumps([{"image_url": u, "prediction": "A cat.<|endoftext|>"} for u in URLS]),
    )
    source = opened(tmp_path, mine, refs=str(tmp_path / "eval"), sample=3)
    for row in rows(source):
        assert (row["model"], row["caption"], row["transcripts"]) == ("ck1", "A cat.", ["a cat"])
        assert row["given_text"] == f"1. A cat.\n2. {row['picture']}\n"
        assert row["given_statements"] == ["A cat.", row["picture"]]


def test_videos_are_judged_by_the_human_caption(tmp_path: Path) -> None:
    """It is the one transcript; statements and categories come along."""
    mine = jsonl(tmp_path / "m.jsonl", [{"video_id": "v", "caption": "A dog."}])
    refs = jsonl(
        tmp_path / "refs.jsonl",
        [{"video_id": "v", "caption": "Dogs.", "statements": ["A dog."], "categories": ["Object"]}],
    )
    row = rows(opened(tmp_path, mine, refs=refs, kind="video"))[0]
    assert (row["transcripts"], row["given_statements"], row["given_categories"]) == (["Dogs."], ["A dog."], ["Object"])


# thumbnails


def jpeg(width: int, height: int, shade: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (shade, 99, 0)).save(out, "JPEG")
    return out.getvalue()


def with_pictures(path: Path) -> str:
    pictures = [{"bytes": jpeg(400 + i, 200, 20 * i), "path": f"{i}.jpg"} for i in range(len(URLS))]
    pictures[3]["bytes"] = b"\xff\xd8\xff broken"
    pictures[4]["bytes"] = None
    table = pa.table({"image_url": URLS, "image": pictures, "transcripts": [["x"]] * len(URLS)})
    return write(path, FORMATS["parquet"](table, row_group_size=5))


def test_pictures_in_the_references_give_thumbnails(tmp_path: Path) -> None:
    """Each row its own, at most 192 px; a broken picture and a missing one give none; the same bytes every time."""
    source = opened(tmp_path, refs=with_pictures(tmp_path / "refs.parquet"))
    found = {URLS.index(r["picture"]): r["thumbnail"] for r in rows(source)}
    assert [i for i in range(12) if found[i] is None] == [3, 4]
    for i, data in found.items():
        if data is not None:
            small = Image.open(io.BytesIO(data))
            red = small.convert("RGB").getpixel((5, 5))
            assert (small.format, max(small.size)) == ("JPEG", 192)
            assert isinstance(red, tuple)
            assert abs(red[0] - 20 * i) < 8
    assert rows(source) == rows(opened(tmp_path, refs=with_pictures(tmp_path / "refs.parquet")))


@pytest.mark.parametrize(
    ("mode", "size", "small"),
    [
        ("RGB", (1600, 1200), (192, 144)),
        ("L", (40, 20), (40, 20)),
        ("P", (900, 30), (192, 6)),
        ("RGBA", (2, 2000), (1, 192)),
    ],
)
def test_thumbnails_keep_the_shape_of_pictures(mode: str, size: tuple[int, int], small: tuple[int, int]) -> None:
    """Of any mode; small pictures are not made larger."""
    out = io.BytesIO()
    Image.new(mode, size).save(out, "PNG")
    data = thumbnail(out.getvalue())
    assert data is not None
    assert Image.open(io.BytesIO(data)).size == small
    assert thumbnail(out.getvalue()) == data


def test_thumbnails_stand_upright() -> None:
    """As the camera said they should be shown."""
    turned = Image.Exif()
    turned[0x0112] = 6
    out = io.BytesIO()
    Image.new("RGB", (1600, 800)).save(out, "JPEG", exif=turned)
    data = thumbnail(out.getvalue())
    assert data is not None
    assert Image.open(io.BytesIO(data)).size == (96, 192)


# hostile content, identity


def test_hostile_text_comes_through_as_it_is(tmp_path: Path) -> None:
    """In captions, transcripts and the names of pictures."""
    said = ["\x00\x1b[2J", "\u202eabc", "<script>", "1. Stated", "x" * 10**6, "\u2028\ufeff"]
    mine = jsonl(tmp_path / "m.jsonl", [{"id": f"<b>{i}\u202e", "caption": "_" + s + "_"} for i, s in enumerate(said)])
    refs = jsonl(tmp_path / "refs.jsonl", [{"id": f"<b>{i}\u202e", "transcripts": [s]} for i, s in enumerate(said)])
    found = {r["picture"]: (r["caption"], r["transcripts"]) for r in rows(opened(tmp_path, mine, refs=refs))}
    assert found == {f"<b>{i}\u202e": (f"_{s}_", [s]) for i, s in enumerate(said)}


@pytest.mark.parametrize("changed", ["caption", "transcript", "model", "picture"])
def test_the_identity_changes_with_the_content(tmp_path: Path, changed: str) -> None:
    """And not with the place of the files."""
    urls = [*URLS[:-1], "another"] if changed == "picture" else URLS
    mine = predictions(tmp_path / "x/m.jsonl", urls, "Another" if changed == "caption" else "A caption")
    refs = references(tmp_path / "x/refs.jsonl", urls)
    if changed == "transcript":
        refs = jsonl(tmp_path / "x/refs.jsonl", [{"image_url": u, "transcripts": ["other"]} for u in urls])
    other = opened(tmp_path, f"{'other' if changed == 'model' else 'm'}={mine}", refs=refs)
    source = opened(tmp_path)
    assert source.identity() != other.identity()
    assert (source.references_digest != other.references_digest) == (changed in ("transcript", "picture"))
    copied = opened(tmp_path, predictions(tmp_path / "y/m.jsonl"), refs=references(tmp_path / "y/refs.jsonl"))
    assert source.identity() == copied.identity()


def test_changed_pictures_change_the_identity(tmp_path: Path) -> None:
    """Thumbnails are of them."""
    refs = with_pictures(tmp_path / "refs.parquet")
    before = opened(tmp_path, refs=refs).identity()
    again = pq.read_table(refs)
    write(
        Path(refs),
        FORMATS["parquet"](again.set_column(1, "image", again.column("image").take(list(range(11, -1, -1))))),
    )
    assert opened(tmp_path, refs=refs).identity() != before


def test_no_predictions_are_refused(tmp_path: Path) -> None:
    """As a wrong request."""
    with pytest.raises(PixmoError, match="no predictions given"):
        open_judged([], references(tmp_path / "refs.jsonl"), sample=None)
