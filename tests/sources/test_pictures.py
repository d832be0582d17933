"""One's own pictures: a folder becomes rows, with what lies beside them."""

from __future__ import annotations

import json
import os

import pytest

from pixmo.errors import BadSource
from pixmo.sources.open import Columns, open_folder
from pixmo.sources.pictures import read_picture
from tests.sources.lists import write

JPEG = b"\xff\xd8\xff\xe0 a picture"
PNG = b"\x89PNG\r\n\x1a\n another"


def read(folder):
    """(rows without their pictures, columns) of a folder; every picture's bytes are checked."""
    source, columns = open_folder(folder)
    rows = []
    for batch in source.batches(2):
        assert batch.schema.equals(source.schema())
        for row in batch.to_pylist():
            picture = row.pop(columns.picture)
            assert picture == {"bytes": (folder / row["file"]).read_bytes(), "path": row["file"]}
            rows.append(row)
    return rows, columns


def test_a_folder_is_walked_in_order(tmp_path):
    """Pictures in it and below, sorted, by suffix or by their first bytes; hidden files and others are no rows."""
    for name in ("b.jpg", "a/z.PNG", "a/b/c.webp", "noname", ".hidden.jpg", ".git/x.jpg", "notes.md", "list.csv"):
        write(tmp_path / name, JPEG if name not in ("notes.md", "list.csv") else b"text")
    rows, columns = read(tmp_path)
    assert [r["file"] for r in rows] == ["a/b/c.webp", "a/z.PNG", "b.jpg", "noname"]
    assert columns == Columns(None, None, None, "image")
    assert {r["caption"] for r in rows} == {None}


def test_captions_and_fields_beside_pictures(tmp_path):
    """`.txt` is the caption; `.json` gives fields, in one type for all rows and null where a picture has none."""
    for name in ("a.jpg", "b.png", "c.jpg"):
        write(tmp_path / name, JPEG)
    write(tmp_path / "a.txt", "  a cat,\non a mat\n")
    write(tmp_path / "b.json", json.dumps({"caption": "ein Hünd", "score": 1, "tags": ["x"]}))
    write(tmp_path / "c.jpg.json", json.dumps({"score": 0.5, "box": {"x": 1}}))
    assert read(tmp_path)[0] == [
        {"file": "a.jpg", "caption": "a cat,\non a mat", "score": None, "tags": None, "box": None},
        {"file": "b.png", "caption": "ein Hünd", "score": 1.0, "tags": ["x"], "box": None},
        {"file": "c.jpg", "caption": None, "score": 0.5, "tags": None, "box": {"x": 1}},
    ]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_metadata_file_describes_its_folder(tmp_path, kind):
    """`metadata.csv` or `.jsonl` with `file_name`, at the top or in a folder below, as Hugging Face's image folders have it."""
    for name in ("a.jpg", "sub/b.jpg", "deep/c.jpg"):
        write(tmp_path / name, JPEG)
    top = [{"file_name": "a.jpg", "label": "cat", "n": 1}, {"file_name": "sub/b.jpg", "label": "dog", "n": 2}]
    deep = [{"file_name": "c.jpg", "label": "emu", "n": 3}]
    for folder, told in ((tmp_path, top), (tmp_path / "deep", deep)):
        lines = (
            [json.dumps(t) for t in told]
            if kind == "jsonl"
            else ["file_name,label,n", *(",".join(map(str, t.values())) for t in told)]
        )
        write(folder / f"metadata.{kind}", "\n".join(lines) + "\n")
    told = {r["file"]: (r["label"], r["n"]) for r in read(tmp_path)[0]}
    assert told == {"a.jpg": ("cat", 1), "sub/b.jpg": ("dog", 2), "deep/c.jpg": ("emu", 3)}


def test_an_expected_digest_is_found(tmp_path):
    """A field `sha256` that holds digests is what the picture is compared with."""
    write(tmp_path / "a.jpg", JPEG)
    write(tmp_path / "a.json", json.dumps({"sha256": "0" * 64}))
    assert read(tmp_path)[1].sha256 == "sha256"


def test_a_field_called_image_does_not_hide_the_picture(tmp_path):
    """The picture's column takes another name then."""
    write(tmp_path / "a.jpg", JPEG)
    write(tmp_path / "a.json", json.dumps({"image": "mine"}))
    rows, columns = read(tmp_path)
    assert (rows[0]["image"], columns.picture) == ("mine", "picture")


def test_equal_captions_in_two_files_are_one(tmp_path):
    """As img2dataset leaves them: a .txt and a .json that say the same."""
    write(tmp_path / "a.jpg", JPEG)
    write(tmp_path / "a.txt", "a cat")
    write(tmp_path / "a.json", json.dumps({"caption": "a cat"}))
    assert read(tmp_path)[0][0]["caption"] == "a cat"


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "holds no pictures"),
        ({"a.jpg": JPEG, "a.json": "{"}, "a.json: is not JSON"),
        ({"a.jpg": JPEG, "a.json": "[1]"}, "a.json: is a list, not an object of fields"),
        ({"a.jpg": JPEG, "a.txt": b"caf\xe9"}, "a.txt: is not UTF-8; save it as UTF-8"),
        ({"a.jpg": JPEG, "a.json": '{"file": 1}'}, "a.json: has a field 'file'"),
        ({"a.jpg": JPEG, "a.txt": "cat", "a.json": '{"caption": "dog"}'}, "a.txt: says another 'caption' than the metadata or JSON"),
        ({"a.jpg": JPEG, "b.jpg": JPEG, "a.json": '{"n": 1}', "b.json": '{"n": "x"}'}, "b.jpg: its field 'n' is string, before it was int64"),
        ({"a.jpg": JPEG, "a.json": '{"n": [1, "x"]}'}, "a.jpg: its fields:"),
        ({"a.jpg": JPEG, "metadata.csv": "file_name,n\nb.jpg,1\n"}, "metadata.csv: describes b.jpg, which is not there"),
        ({"a.jpg": JPEG, "metadata.csv": "file_name,n\na.jpg,1\na.jpg,2\n"}, "metadata.csv: describes a.jpg twice"),
        ({"a.jpg": JPEG, "metadata.csv": "file,n\na.jpg,1\n"}, "metadata.csv: a row has no `file_name`"),
        ({"a.jpg": JPEG, "metadata.jsonl": '{"file_name": "a.jpg"}\n{\n'}, "metadata.jsonl:2: is not a JSON object"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_folder_is_told(tmp_path, files, told):
    """The file at fault is named, and what to do."""
    for name, content in files.items():
        write(tmp_path / name, content)
    with pytest.raises(BadSource) as error:
        open_folder(tmp_path)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_folder_is_told(tmp_path):
    """Neither a typing error nor a file is a folder."""
    with pytest.raises(BadSource, match="no such folder"):
        open_folder(tmp_path / "nowhere")
    write(tmp_path / "a.jpg", JPEG)
    with pytest.raises(BadSource, match="is not a folder"):
        open_folder(tmp_path / "a.jpg")


def test_a_circle_of_links_ends(tmp_path):
    """A link to a folder above is not followed; its pictures are rows once."""
    write(tmp_path / "sub" / "a.jpg", JPEG)
    os.symlink(tmp_path, tmp_path / "sub" / "loop")
    os.symlink(tmp_path / "sub" / "a.jpg", tmp_path / "twin.jpg")
    assert [r["file"] for r in read(tmp_path)[0]] == ["sub/a.jpg", "twin.jpg"]


def test_nothing_outside_the_folder_is_read(tmp_path):
    """A link, a folder link and a path with `..` that lead outside are refused by name."""
    write(tmp_path / "secret.jpg", JPEG)
    folder = tmp_path / "mine"
    write(folder / "a.jpg", JPEG)
    with pytest.raises(BadSource, match="leads out of"):
        read_picture(folder, "../secret.jpg")
    with pytest.raises(BadSource, match="leads out of"):
        read_picture(folder, str(tmp_path / "secret.jpg"))
    os.symlink(tmp_path / "secret.jpg", folder / "b.jpg")
    with pytest.raises(BadSource, match=r"b\.jpg: leads out of"):
        open_folder(folder)
    (folder / "b.jpg").unlink()
    os.symlink(tmp_path, folder / "up")
    with pytest.raises(BadSource, match="up: leads out of"):
        open_folder(folder)


def test_a_broken_link_is_told(tmp_path):
    """A picture whose link leads nowhere is not left out in silence."""
    os.symlink(tmp_path / "gone.jpg", tmp_path / "a.jpg")
    with pytest.raises(BadSource, match=r"a\.jpg: is a broken link"):
        open_folder(tmp_path)


def test_identity_changes_with_a_caption(tmp_path):
    """Another caption, another picture or one more is another list; nothing changed is the same."""
    write(tmp_path / "a.jpg", JPEG)
    write(tmp_path / "a.txt", "a cat")
    first = open_folder(tmp_path)[0].identity()
    assert open_folder(tmp_path)[0].identity() == first
    write(tmp_path / "a.txt", "two cats")
    second = open_folder(tmp_path)[0].identity()
    write(tmp_path / "b.png", PNG)
    assert len({json.dumps(i) for i in (first, second, open_folder(tmp_path)[0].identity())}) == 3
