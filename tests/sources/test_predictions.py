"""Captions of models: every form they come in gives the same captions, and what is wrong is told in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pixmo.errors import BadSetting, BadSource, UnknownName
from pixmo.sources.predictions import Named, Predictions, cleaned, named, read_predictions
from tests.sources.lists import FORMATS, PACKED, write

ROWS: list[dict[str, Any]] = [
    {"image_url": "https://a.example/1.jpg", "prompt": "long_caption:", "prediction": "A cat.\nOn a mat.<|endoftext|>", "n_tokens": 9},
    {"image_url": "https://a.example/2.jpg", "prompt": "long_caption:", "prediction": ' a "dog", barking ', "n_tokens": 8},
]  # fmt: skip
CAPTIONS = ["A cat.\nOn a mat.", 'a "dog", barking']
TABLE = pa.Table.from_pylist(ROWS)


def read(path: Path | str, **options: Any) -> Predictions:
    return read_predictions(Named("m", str(path)), **options)


def url_captions(found: Predictions) -> dict[str | None, str | None]:
    return dict(zip(found.ties("image_url"), found.captions(), strict=True))


EXPECTED = dict(zip([r["image_url"] for r in ROWS], CAPTIONS, strict=True))


@pytest.mark.parametrize("suffix", FORMATS)
def test_lists_of_all_kinds_hold_the_same_captions(tmp_path: Path, suffix: str) -> None:
    """Ai2's predictions.json among them."""
    path = write(tmp_path / f"predictions.{suffix}", FORMATS[suffix](TABLE))
    assert url_captions(read(path)) == EXPECTED


@pytest.mark.parametrize("packing", PACKED)
def test_packed_lists_are_read(tmp_path: Path, packing: str) -> None:
    """As they are, .gz and .zst."""
    path = write(tmp_path / f"m.jsonl{packing}", PACKED[packing](FORMATS["jsonl"](TABLE)))
    assert url_captions(read(path)) == EXPECTED


def test_several_parquet_files_are_one(tmp_path: Path) -> None:
    """A folder of them, in the order of their names."""
    for i in range(2):
        write(tmp_path / f"part-{i}.parquet", FORMATS["parquet"](TABLE.slice(i, 1)))
    assert list(read(tmp_path).captions()) == CAPTIONS


def test_a_folder_that_pixmo_made(tmp_path: Path) -> None:
    """Its data/ is read, nothing beside it."""
    write(tmp_path / "manifest.json", "{}")
    write(tmp_path / "statements.parquet", FORMATS["parquet"](pa.table({"other": [1]})))
    write(
        tmp_path / "data/train-0.parquet",
        FORMATS["parquet"](TABLE.rename_columns(["image_url", "prompt", "caption", "n"])),
    )
    assert url_captions(read(tmp_path)) == EXPECTED


def test_an_evaluation_folder_of_ai2(tmp_path: Path) -> None:
    """The one folder of the caption evaluation is found; of two, one has to be named; an unfinished one is told."""
    write(tmp_path / "predictions-ck100-dense_caption_eval-test/predictions.json", FORMATS["json"](TABLE))
    assert url_captions(read(tmp_path)) == EXPECTED
    (tmp_path / "predictions-ck200-dense_caption_eval-test").mkdir()
    with pytest.raises(BadSource, match="holds 2 folders"):
        read(tmp_path)
    (tmp_path / "predictions-ck100-dense_caption_eval-test/predictions.json").unlink()
    (tmp_path / "predictions-ck200-dense_caption_eval-test").rmdir()
    with pytest.raises(BadSource, match=r"no predictions\.json"):
        read(tmp_path)


def test_texts_named_after_pictures(tmp_path: Path) -> None:
    """.txt and .caption files, below too; pictures beside them do not matter."""
    write(tmp_path / "cat.txt", " A cat. \n")
    write(tmp_path / "cat.jpg", b"\xff\xd8\xff")
    write(tmp_path / "b/dog.v2.caption", "\ufeffA dog.")
    found = read(tmp_path)
    assert found.by_stem
    assert dict(zip(found.ties("whatever"), found.captions(), strict=True)) == {"cat": "A cat.", "b/dog.v2": "A dog."}


@pytest.mark.parametrize("column", ["prediction", "caption", "generated_text", "text", "response"])
def test_captions_are_found_under_their_usual_names(tmp_path: Path, column: str) -> None:
    """Else the column is named."""
    path = write(tmp_path / "m.jsonl", FORMATS["jsonl"](pa.table({"id": ["1"], column: ["A cat."], "said": ["Cats."]})))
    assert list(read(path).captions()) == ["A cat."]
    assert list(read(path, column="said").captions()) == ["Cats."]


@pytest.mark.parametrize(
    ("said", "scored"),
    [
        ("a<|endoftext|>", "a"),
        ("a <|endoftext|> \n<|endoftext|> ", "a"),
        ("<|endoftext|>", ""),
        ("<|endoftext|>a", "<|endoftext|>a"),
    ],
)
def test_only_marks_at_the_end_are_removed(said: str, scored: str) -> None:
    """However many there are."""
    assert cleaned(said) == scored


HOSTILE = [
    "",
    "\x00\x01\x1b[31m",
    "\u202eright to left",
    "<script>alert(1)</script>",
    "x" * 10**6,
    "1. Stated\n2. Not Stated",
]


@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv", "parquet"])
def test_hostile_captions_come_through_as_they_are(tmp_path: Path, suffix: str) -> None:
    """Control characters, markup, a megabyte, the judge's own words."""
    said = [h.replace("\x00", "") for h in HOSTILE] if suffix == "csv" else HOSTILE  # a null byte is no text to CSV
    table = pa.table({"image_url": [f"u{i}" for i in range(len(said))], "prediction": said})
    assert list(read(write(tmp_path / f"m.{suffix}", FORMATS[suffix](table))).captions()) == said


def test_null_is_told_apart_from_empty(tmp_path: Path) -> None:
    """None where no caption was written."""
    path = write(tmp_path / "m.jsonl", '{"id": 7, "prediction": null}\n{"id": 8, "prediction": ""}\n')
    found = read(path)
    assert list(found.captions()) == [None, ""]
    assert found.ties("id") == ["7", "8"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("m.json", b"", "m.json: is empty"),
        ("m.json", b"[]", "m.json: has no rows"),
        ("m.jsonl", b"{'image_url': 1}\n", "m.jsonl:1: is not a JSON object"),
        ("m.json", b'[{"image_url": "u", "prediction": "a"', "is not a JSON array"),
        ("m.jsonl", b'{"id": "\xe9", "prediction": "a"}\n', "m.jsonl:1: is not UTF-8"),
        ("m.json", b'[{"id": "1", "caption": "\\ud800"}]', "m.json: .*surrogate"),
        (
            "m.jsonl",
            b'{"id": "1", "answer": "a"}\n',
            "no column of captions .* it has id, answer; .*--prediction-column",
        ),
        ("m.jsonl", b'{"id": "1", "caption": ["a"]}\n', "column 'caption': is list"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_in_one_line(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    """With the file and what to do."""
    write(tmp_path / name, content)
    with pytest.raises(BadSource, match=told) as raised:
        read(tmp_path / name)
    assert "\n" not in str(raised.value)


def test_a_folder_with_nothing_is_told(tmp_path: Path) -> None:
    """And one with no list in it, and texts that are no text."""
    with pytest.raises(BadSource, match="is empty"):
        read(tmp_path)
    write(tmp_path / "a.jpg", b"\xff\xd8\xff")
    with pytest.raises(BadSource, match="no list"):
        read(tmp_path)
    write(tmp_path / "a.txt", b"caf\xe9")
    with pytest.raises(BadSource, match=r"a\.txt: is not UTF-8"):
        read(tmp_path)


@pytest.mark.parametrize("spec", ["gone.jsonl", "owner/name", "cap"])
def test_predictions_that_are_not_there_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str) -> None:
    """Nothing is looked for on the Hub or in the catalogue; a file of such a name is read."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadSource, match=f"{spec}: no such file or folder"):
        read(spec)
    write(tmp_path / spec, FORMATS["jsonl"](TABLE))
    assert url_captions(read(spec)) == EXPECTED


def test_predictions_are_found_by_a_pattern(tmp_path: Path) -> None:
    """All files that match, as one list."""
    for i in range(2):
        write(tmp_path / f"part-{i}.jsonl", FORMATS["jsonl"](TABLE.slice(i, 1)))
    assert list(read(tmp_path / "part-*.jsonl").captions()) == CAPTIONS


def test_a_column_that_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    """As all unknown names are; a folder of texts has none to choose."""
    path = write(tmp_path / "m.jsonl", FORMATS["jsonl"](TABLE))
    with pytest.raises(UnknownName, match="did you mean 'prediction'"):
        read(path, column="predictoin")
    write(tmp_path / "texts/a.txt", "A cat.")
    with pytest.raises(BadSource, match="no columns to choose"):
        read(tmp_path / "texts", column="caption")


@pytest.mark.parametrize(
    ("specs", "names"),
    [
        (["small=a.json", "big::b.json"], ["small", "big"]),
        (["runs/molmo-7b.json"], ["molmo-7b"]),
        (["runs/molmo-7b.jsonl.gz", "runs/molmo-v1.5"], ["molmo-7b", "molmo-v1.5"]),
        (["runs/ck3000/predictions.json"], ["ck3000"]),
        (["x/ck1/predictions.json", "y/ck1/predictions.json"], ["x/ck1", "y/ck1"]),
        (["s3://bucket/a=b.json"], ["a=b"]),
    ],
)
def test_names_are_given_or_taken_from_paths(specs: list[str], names: list[str]) -> None:
    """A name that says nothing gives way to its folder's; two of a name become longer."""
    assert [n.name for n in named(specs)] == names


def test_a_path_that_is_there_is_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even with = in it."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "lr=1.json", "[]")
    assert named(["lr=1.json", "x=lr=1.json"]) == [Named("lr=1", "lr=1.json"), Named("x", "lr=1.json")]


@pytest.mark.parametrize("specs", [["m=a.json", "m=b.json"], ["x/a.json", "x/a.json"], ["m=a.json", "m=a.json"]])
def test_two_models_of_one_name_are_refused(specs: list[str]) -> None:
    """Nobody could tell their results apart."""
    with pytest.raises(BadSetting, match=r"NAME=PATH|its own name"):
        named(specs)


@pytest.mark.parametrize("spec", ["=a.json", "m=", "m:: "])
def test_half_a_name_is_refused(spec: str) -> None:
    """Both sides are needed."""
    with pytest.raises(BadSetting, match="write NAME=PATH"):
        named([spec])
