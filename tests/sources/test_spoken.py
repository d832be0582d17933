"""Which recording belongs to which picture: by name in a folder, by columns in a manifest; what is missing is told row by row."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.errors import BadSource, UnknownName
from pixmo.sources.retold import Retold
from pixmo.sources.spoken import open_spoken

PICTURE = b"\xff\xd8\xff\xe0 a jpeg, as far as its first bytes go"
SOUND = b"RIFF\x24\x00\x00\x00WAVEfmt "


def put(folder: Path, **files: bytes) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def rows(spec: Path | str, **options: Any) -> list[dict[str, Any]]:
    found = open_spoken(str(spec), **options)
    assert found is not None
    return [row for batch in found[0].batches() for row in batch.to_pylist()]


def pairs(spec: Path | str, **options: Any) -> dict[str | None, list[str]]:
    return {r["picture_file"]: [c["path"] for c in r["recordings"]] for r in rows(spec, **options)}


def test_a_recording_belongs_to_the_picture_its_name_begins_with(tmp_path: Path) -> None:
    """The longest such name, ended by a mark; a folder of the picture's name counts too."""
    names = ["cat.wav", "cat-2.m4a", "cat.anna.ogg", "cat/one.webm", "cat/two.webm", "cat_big.wav", "category.wav"]
    put(tmp_path, **{"cat.jpg": PICTURE, "cat_big.jpg": PICTURE, "dog.jpg": PICTURE}, **dict.fromkeys(names, SOUND))
    assert pairs(tmp_path) == {
        "cat.jpg": ["cat/one.webm", "cat/two.webm", "cat-2.m4a", "cat.anna.ogg", "cat.wav"],
        "cat_big.jpg": ["cat_big.wav"],
        "dog.jpg": [],
        None: ["category.wav"],
    }


def test_a_recording_is_known_by_its_first_bytes_before_its_name(tmp_path: Path) -> None:
    """A sound called .jpg is no picture; a picture called .wav is no recording; notes are neither."""
    put(tmp_path, **{"a.jpg": PICTURE, "a-1.jpg": SOUND, "a.wav": PICTURE, "a-2.dat": b"ID3 mp3", "a.txt": b"a note"})
    assert pairs(tmp_path)["a.jpg"] == ["a-1.jpg", "a-2.dat"]


def test_pictures_may_lie_in_another_folder(tmp_path: Path) -> None:
    """Names are compared within each folder."""
    put(tmp_path, **{"pictures/x/cat.jpg": PICTURE, "sound/x/cat.wav": SOUND})
    assert pairs(tmp_path / "sound", pictures=str(tmp_path / "pictures")) == {"x/cat.jpg": ["x/cat.wav"]}


def test_empty_missing_and_large_files_are_faults_of_their_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes are null, the reason stands beside them, the other recordings are there."""
    monkeypatch.setattr("pixmo.sources.recordings.MAX_RECORDING_BYTES", 100)
    put(tmp_path, **{"cat.jpg": PICTURE, "good.wav": SOUND, "zero.wav": b"", "long.wav": b"x" * 101})
    lines = [
        {"image": "cat.jpg", "audio": ["good.wav", "zero.wav", "gone.wav", "long.wav"]},
        {"image": "gone.jpg", "audio": ["good.wav"]},
    ]
    (tmp_path / "list.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    first, second = rows(tmp_path / "list.jsonl")
    assert [c["bytes"] for c in first["recordings"]] == [SOUND, None, None, None]
    assert first["recording_fault"] == [None, "empty", "missing", "too_large"]
    assert (first["picture_fault"], second["picture_fault"], second["image"]) == (None, "missing", None)


def test_rows_of_a_manifest_that_name_the_same_picture_are_one_row(tmp_path: Path) -> None:
    """In the order of the manifest, each recording with who spoke and what they consented to."""
    put(tmp_path, **{"p/cat.jpg": PICTURE, "1.wav": SOUND, "2.wav": SOUND, "3.wav": SOUND})
    with (tmp_path / "list.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows(
            [
                ("image", "audio", "annotator", "consent"),
                ("p/cat.jpg", "1.wav", "p-1", "v1"),
                ("", "2.wav", "p-2", "v1"),
            ]
        )
        writer.writerows([("p/cat.jpg", "3.wav", "p-2", "v2"), ("dog.jpg", "", "", "")])
    cat, alone, dog = rows(tmp_path / "list.csv")
    assert [c["path"] for c in cat["recordings"]] == ["1.wav", "3.wav"]
    assert (cat["recording_annotator"], cat["recording_consent"]) == (["p-1", "p-2"], ["v1", "v2"])
    assert (alone["picture_file"], alone["picture_fault"], len(alone["recordings"])) == (None, "no_picture", 1)
    assert (dog["picture_fault"], dog["recordings"]) == ("missing", [])


def test_embedded_pictures_and_recordings_are_taken_as_they_are(tmp_path: Path) -> None:
    """Parquet with bytes needs no files."""
    row = {
        "image": {"bytes": PICTURE, "path": "cat.jpg"},
        "audio": [{"bytes": SOUND, "path": "1.wav"}, {"bytes": b"", "path": "2.wav"}],
    }
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "rows.parquet")
    (told,) = rows(tmp_path / "rows.parquet")
    assert told["image"] == row["image"]
    assert [c["bytes"] for c in told["recordings"]] == [SOUND, None]
    assert told["recording_fault"] == [None, "empty"]


def test_a_list_with_other_recordings_in_it_is_another_list(tmp_path: Path) -> None:
    """Under the same names too: what was made of the old ones is not passed off as made of these."""

    def identity(sound: bytes) -> dict[str, Any]:
        row = {"image": {"bytes": PICTURE, "path": "cat.jpg"}, "audio": {"bytes": sound, "path": "1.wav"}}
        pq.write_table(pa.Table.from_pylist([row]), tmp_path / "rows.parquet")
        found = open_spoken(str(tmp_path / "rows.parquet"))
        assert found is not None
        return found[0].identity()

    assert identity(SOUND) != identity(SOUND + b"another one")


def test_a_path_without_bytes_is_a_file_beside_the_manifest(tmp_path: Path) -> None:
    """So `datasets` writes pictures and recordings that stay where they are."""
    put(tmp_path, **{"cat.jpg": PICTURE, "1.wav": SOUND})
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = {n: pa.array([{"bytes": None, "path": p}], kind) for n, p in (("image", "cat.jpg"), ("audio", "1.wav"))}
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    (told,) = rows(tmp_path / "rows.parquet")
    assert (told["image"]["bytes"], told["recordings"][0]["bytes"]) == (PICTURE, SOUND)


def test_a_picture_that_is_named_in_two_ways_is_one_row(tmp_path: Path) -> None:
    """`./cat.jpg` and the whole path are `cat.jpg`; the row has the first name."""
    put(tmp_path, **{"cat.jpg": PICTURE})
    names = ["cat.jpg", "./cat.jpg", "x/../cat.jpg", str(tmp_path / "cat.jpg")]
    lines = [json.dumps({"image": name, "audio": f"{n}.wav"}) + "\n" for n, name in enumerate(names)]
    (tmp_path / "list.jsonl").write_text("".join(lines))
    assert pairs(tmp_path / "list.jsonl") == {"cat.jpg": ["0.wav", "1.wav", "2.wav", "3.wav"]}


def test_names_that_no_file_can_have_are_files_that_are_missing(tmp_path: Path) -> None:
    """A null byte, and more letters than a file system takes."""
    (tmp_path / "list.jsonl").write_text(json.dumps({"image": "a\0.png", "audio": ["b\0.wav", "c" * 5000]}) + "\n")
    (told,) = rows(tmp_path / "list.jsonl")
    assert (told["picture_fault"], told["recording_fault"]) == ("missing", ["missing", "missing"])
    found = open_spoken(str(tmp_path / "list.jsonl"))
    assert found is not None
    assert found[0].identity()


def test_a_name_that_is_no_text_is_told_with_escapes(tmp_path: Path) -> None:
    """File systems allow any bytes; the recording still belongs to its picture."""
    odd = os.fsdecode(b"caf\xff")
    put(tmp_path, **{f"{odd}.jpg": PICTURE, f"{odd}-1.wav": SOUND})
    assert pairs(tmp_path) == {"caf\\xff.jpg": ["caf\\xff-1.wav"]}


def test_pictures_may_be_addresses(tmp_path: Path) -> None:
    """Then they are fetched as any list is; files and addresses in one list are refused."""
    put(tmp_path, **{"1.wav": SOUND})
    path = tmp_path / "list.jsonl"
    path.write_text('{"url": "https://example.org/a.jpg", "audio": "1.wav"}\n')
    found = open_spoken(str(path))
    assert found is not None
    assert found[1].url == "image_url"
    assert rows(path)[0]["image_url"] == "https://example.org/a.jpg"
    path.write_text('{"url": "https://example.org/a.jpg", "audio": "1.wav"}\n{"url": "b.jpg", "audio": "1.wav"}\n')
    with pytest.raises(BadSource, match="names files and addresses"):
        open_spoken(str(path))


def test_a_folder_that_annotators_filled_has_its_own_manifest(tmp_path: Path) -> None:
    """`recordings.jsonl` is read instead of names."""
    put(tmp_path, **{"pictures/a.jpg": PICTURE, "recordings/3f.webm": SOUND})
    line = {"image": "pictures/a.jpg", "audio": ["recordings/3f.webm"], "annotator": ["p-1"], "consent": ["v1"]}
    (tmp_path / "recordings.jsonl").write_text(json.dumps(line) + "\n")
    assert pairs(tmp_path) == {"pictures/a.jpg": ["recordings/3f.webm"]}


def test_rows_with_transcripts_are_no_recordings(tmp_path: Path) -> None:
    """They are read as any list; a caption they have keeps its text under another name."""
    path = tmp_path / "rows.jsonl"
    path.write_text('{"image_url": "https://example.org/a.jpg", "caption": "Old.", "transcripts": ["um a cat"]}\n')
    assert open_spoken(str(path)) is None
    table = pa.table({"caption": ["Old."], "transcripts": [["um a cat"]]})
    retold = Retold(Rows(table))
    assert [b.to_pylist() for b in retold.batches()] == [[{"given_caption": "Old.", "transcripts": ["um a cat"]}]]


class Rows:
    """A table as a source."""

    name, splits, licence, expected = "rows", (), None, None

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def schema(self) -> pa.Schema:
        return self.table.schema

    def identity(self) -> dict[str, Any]:
        return {}

    def batches(self, batch_rows: int = 8192) -> Any:
        yield from self.table.to_batches()


@pytest.mark.parametrize(
    ("files", "spec", "options", "told"),
    [
        ({"a.jpg": PICTURE}, "", {"pictures": "."}, "holds no recordings"),
        ({"a.wav": SOUND}, "", {}, "holds recordings but no pictures; name the pictures' folder with --pictures DIR"),
        ({"a.wav": SOUND, "a.jpg": PICTURE}, "", {"pictures": "nowhere"}, "no such folder"),
        ({"l.csv": b"image,sound_of_it\na.jpg,a.wav\n"}, "l.csv", {}, "has no column of recordings"),
        ({"l.csv": b"what,audio\na.jpg,a.wav\n"}, "l.csv", {}, "has no column of pictures"),
        ({"l.csv": b"image,audio\na.jpg,https://example.org/a.wav\n"}, "l.csv", {}, "fetch the recordings first"),
        (
            {"l.jsonl": b'{"image":"a.jpg","audio":1}'},
            "l.jsonl",
            {},
            "column 'audio' is int64; recordings are named by text",
        ),
        ({"l.jsonl": b'{"image":"a.jpg","audio":{"x":1}}'}, "l.jsonl", {}, "column 'audio' is struct<x: int64>"),
        ({"l.jsonl": b'{"image":"a.jpg","audio":[["a.wav"]]}'}, "l.jsonl", {}, "column 'audio' is list<item: list"),
        ({"l.jsonl": b'{"image":{"bytes":1},"audio":"a.wav"}'}, "l.jsonl", {}, "pictures are named by text"),
        ({"a.wav": SOUND, "a.jpg": PICTURE}, "", {"audio_column": "x"}, "only a manifest has columns"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, bytes],
    spec: str,
    options: dict[str, str],
    told: str,
) -> None:
    """With the remedy."""
    monkeypatch.chdir(tmp_path)
    put(tmp_path, **files)
    with pytest.raises(BadSource, match=told):
        rows(f"./{spec}", **options)


def test_a_column_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    """As for every list."""
    (tmp_path / "l.csv").write_text("image,audio\na.jpg,a.wav\n")
    with pytest.raises(UnknownName, match="no column named 'adio'; did you mean 'audio'"):
        rows(tmp_path / "l.csv", audio_column="adio")


def test_the_first_pictures_are_the_first_with_all_their_recordings(tmp_path: Path) -> None:
    """A limit counts pictures."""
    put(tmp_path, **{"a.jpg": PICTURE, "a-1.wav": SOUND, "a-2.wav": SOUND, "b.jpg": PICTURE, "b.wav": SOUND})
    found = open_spoken(str(tmp_path))
    assert found is not None
    some = found[0].first(1)
    assert [r["picture_file"] for b in some.batches() for r in b.to_pylist()] == ["a.jpg"]
    assert some.counts() == [2]
    assert some.identity() != found[0].identity()
