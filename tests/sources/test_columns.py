"""The columns that matter are found by what is in them, or given."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from pixmo.errors import BadSource, UnknownName
from pixmo.sources.open import Columns, open_source
from tests.sources.lists import parquet, write

URLS = ["https://a.org/1.jpg", "http://a.org/2.jpg", None]
SHAS = ["0" * 64, "F" * 64, None]
LISTS = [["https://a.org/1.jpg"], [], None]
PICTURE = pa.array([{"bytes": b"x", "path": "a"}] * 3, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))


def found(tmp_path, columns, **given):
    path = write(tmp_path / "list.parquet", parquet(pa.table(columns)))
    return open_source(path, **given)[1]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"URL": URLS, "caption": ["a", "b", "c"]}, Columns("URL", None, None, None)),
        ({"image_url": URLS, "image_sha256": SHAS}, Columns("image_url", None, "image_sha256", None)),
        ({"image_url": URLS, "url": URLS}, Columns("image_url", None, None, None)),
        ({"src": URLS, "sha256": SHAS}, Columns("src", None, "sha256", None)),
        ({"image": URLS, "sha256": ["x", "y", "z"]}, Columns("image", None, None, None)),
        ({"where": URLS, "n": [1, 2, 3]}, Columns("where", None, None, None)),
        ({"url": ["a", "b", "c"], "link": URLS}, Columns("link", None, None, None)),
        (
            {"image_urls": LISTS, "image_sha256s": [SHAS[:1], [], None]},
            Columns(None, "image_urls", "image_sha256s", None),
        ),
        ({"image_urls": LISTS, "image_sha256": SHAS}, Columns(None, "image_urls", None, None)),
        ({"image": PICTURE, "id": ["1", "2", "3"]}, Columns(None, None, None, "image")),
        ({"image": PICTURE, "image_url": URLS, "sha256": SHAS}, Columns("image_url", None, "sha256", "image")),
        ({"url": pa.array(URLS).dictionary_encode()}, Columns("url", None, None, None)),
        ({"url": ["x", "y", "https://a.org/1"], "homepage": URLS}, Columns("url", None, None, None)),
        ({"url": ["nothing", "good", "here"]}, Columns("url", None, None, None)),
    ],
)
def test_columns_are_found(tmp_path, columns, expected):
    """By the values first, then by the better name; a column called `url` is believed when no other one will do."""
    assert found(tmp_path, columns) == expected


def test_a_column_may_begin_with_thousands_of_nulls(tmp_path):
    """Values are looked for further down when the first rows have none."""
    urls = [None] * 5000 + ["https://a.org/1.jpg"]
    assert found(tmp_path, {"image": urls}).url == "image"


def test_given_columns_are_taken(tmp_path):
    """What the user says is not second-guessed; pictures in the rows are then not used."""
    columns = {"image_url": URLS, "other": ["x", "y", "z"], "digest": SHAS, "image": PICTURE}
    assert found(tmp_path, columns, url_column="other", sha256_column="digest") == Columns(
        "other", None, "digest", None
    )


def test_sound_is_no_picture(tmp_path):
    """Where `datasets` says that a struct of bytes and path holds sound, it is not taken for a picture."""
    features = {"info": {"features": {"audio": {"_type": "Audio"}, "image": {"_type": "Image"}}}}
    table = pa.table({"audio": PICTURE, "image": PICTURE}).replace_schema_metadata(
        {"huggingface": json.dumps(features)}
    )
    assert open_source(write(tmp_path / "a.parquet", parquet(table)))[1].picture == "image"
    path = write(tmp_path / "b.parquet", parquet(table.drop_columns(["image"])))
    with pytest.raises(BadSource, match="no column holds URLs or pictures"):
        open_source(path)


@pytest.mark.parametrize(
    ("columns", "given", "kind", "told"),
    [
        ({"photo": URLS, "link": URLS}, {}, BadSource, "columns photo, link all hold URLs; say which with --url-column"),
        ({"a": URLS, "b": URLS}, {}, BadSource, "columns a, b all hold URLs; say which with --url-column"),
        ({"caption": ["a", "b", "c"], "n": [1, 2, 3]}, {}, BadSource, "no column holds URLs or pictures (columns: caption, n); say which"),
        ({"image_url": URLS}, {"url_column": "image_ur"}, UnknownName, "no column named 'image_ur'; did you mean 'image_url'?"),
        ({"image_url": URLS}, {"sha256_column": "sha"}, UnknownName, "no column named 'sha'"),
        ({"image_url": URLS, "n": [1, 2, 3]}, {"url_column": "n"}, BadSource, "--url-column n is int64; text or a list of texts is needed"),
        ({"image_urls": LISTS, "sha256": SHAS}, {"sha256_column": "sha256"}, BadSource, "column 'sha256' must be a list as 'image_urls' is"),
        ({"a": PICTURE, "b": PICTURE}, {}, BadSource, "several columns of pictures (a, b)"),
        ({"url": pa.array([], pa.string())}, {}, BadSource, "list.parquet: has no rows"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_asked(tmp_path, columns, given, kind, told):
    """Several candidates, none, or a wrong name: one line that says what there is and what to do."""
    with pytest.raises(kind) as error:
        found(tmp_path, columns, **given)
    assert told in str(error.value)
    assert "\n" not in str(error.value)
