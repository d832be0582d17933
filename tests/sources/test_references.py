"""What people said of pictures: tables, sets of the catalogue's form, Ai2's files; each row as it is written."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pixmo.errors import BadSource
from pixmo.sources.references import Reference, open_references
from tests.hub import Hub
from tests.sources.lists import FORMATS, write

ROWS: list[dict[str, Any]] = [
    {"image_url": "https://a.example/1.jpg", "caption": "Cats.", "transcripts": ["a cat", "", "\u202ea cat\x1b"]},
    {"image_url": "https://a.example/2.jpg", "caption": "Dogs.", "transcripts": []},
    {"image_url": "https://a.example/3.jpg", "caption": "Fish.", "transcripts": None},
]
TABLE = pa.Table.from_pylist(ROWS)


def read(spec: Path | str, kind: str = "image") -> list[Reference]:
    refs = open_references(str(spec), kind)
    return [told for _, told in refs.read(set(range(len(refs.ties(refs.columns()[0])))))]


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "jsonl", "json"])
def test_transcripts_are_read_as_they_are(tmp_path: Path, suffix: str) -> None:
    """Empty ones and strange ones too; a picture nobody spoke of has none."""
    path = write(tmp_path / f"refs.{suffix}", FORMATS[suffix](TABLE))
    assert [r.transcripts for r in read(path)] == [("a cat", "", "\u202ea cat\x1b"), (), ()]
    assert open_references(path, "image").ties("image_url") == [r["image_url"] for r in ROWS]


def test_a_table_without_transcripts_has_references_that_say_nothing(tmp_path: Path) -> None:
    """What that means is for those who ask."""
    path = write(tmp_path / "refs.jsonl", '{"image_url": "https://a.example/1.jpg", "caption": "Cats."}\n')
    assert read(path) == [Reference("https://a.example/1.jpg", ())]


def test_only_the_rows_asked_for_are_given(tmp_path: Path) -> None:
    """With their numbers."""
    refs = open_references(write(tmp_path / "refs.parquet", FORMATS["parquet"](TABLE)), "image")
    assert [(i, r.image_url) for i, r in refs.read({2, 0})] == [(0, ROWS[0]["image_url"]), (2, ROWS[2]["image_url"])]


def test_a_caption_set_that_pixmo_made(tmp_path: Path) -> None:
    """Its data/ is read, whatever lies beside it."""
    write(tmp_path / "manifest.json", "{}")
    write(tmp_path / "data/train-0.parquet", FORMATS["parquet"](TABLE.slice(0, 1)))
    write(tmp_path / "data/validation-0.parquet", FORMATS["parquet"](TABLE.slice(1)))
    assert len(read(tmp_path)) == 3


def test_pictures_in_a_table_are_read_apart_from_its_text(tmp_path: Path) -> None:
    """They tie by the path they have."""
    pictures = [{"bytes": b"one", "path": "1.jpg"}, {"bytes": None, "path": "2.jpg"}, None]
    path = write(
        tmp_path / "refs.parquet",
        FORMATS["parquet"](pa.table({"image": pictures, "transcripts": [["a"], ["b"], ["c"]]})),
    )
    refs = open_references(path, "image")
    assert refs.has_pictures
    assert refs.ties("image") == ["1.jpg", "2.jpg", None]
    assert dict(refs.read_pictures({0, 1, 2})) == {0: b"one", 1: None, 2: None}


CATALOGUE = """
import sys
from pixmo.sources.judged import open_judged
source, _ = open_judged(["m=predictions.json"], sys.argv[1], sample=2, kind=sys.argv[2])
rows = [row for batch in source.batches() for row in batch.to_pylist()]
print(source.key, source.licence, sorted((r["picture"], r["transcripts"]) for r in rows))
from pixmo.cli import leave  # as the command does: threads of `datasets` may abort Python's own way out
leave(0)
"""


@pytest.mark.slow  # `datasets` takes seconds to begin
@pytest.mark.parametrize(
    ("name", "repo", "kind", "columns"),
    [
        (
            "cap",
            "allenai/pixmo-cap",
            "image",
            {"image_url": ["u1", "u2"], "caption": ["x", "y"], "transcripts": [["a"], ["b"]]},
        ),
        ("video-cap", "allenai/Molmo2-Cap", "video", {"video_id": ["u1", "u2"], "merged_caption": ["a", "b"]}),
    ],
)
def test_sets_of_the_catalogue_are_references(
    tmp_path: Path, name: str, repo: str, kind: str, columns: dict[str, Any]
) -> None:
    """Read from the Hub, here a stand-in; their licence comes along."""
    with Hub() as hub:
        card = b"---\nlicense: odc-by\n---\n"
        hub.add(repo, {"README.md": card, "data/train-00000-of-00001.parquet": FORMATS["parquet"](pa.table(columns))})
        key = next(iter(columns))
        write(tmp_path / "predictions.json", json.dumps([{key: u, "prediction": "A cat."} for u in ("u1", "u2")]))
        done = subprocess.run(
            [sys.executable, "-c", CATALOGUE, name, kind],
            cwd=tmp_path, env=hub.env(tmp_path), capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{key} odc-by [('u1', ['a']), ('u2', ['b'])]"


# videos


def test_of_a_video_the_human_caption_is_the_one_transcript(tmp_path: Path) -> None:
    """Statements and their categories come along where they are."""
    rows: list[dict[str, Any]] = [
        {"video_id": "v1", "caption": "A dog runs.", "statements": ["There is a dog.", "It runs."], "categories": ["Object", "Action"]},
        {"video_id": "v2", "caption": "A cat.", "statements": None, "categories": None},
    ]  # fmt: skip
    path = write(tmp_path / "refs.jsonl", "".join(json.dumps(r) + "\n" for r in rows))
    assert read(path, "video") == [
        Reference(None, ("A dog runs.",), ("There is a dog.", "It runs."), ("Object", "Action")),
        Reference(None, ("A cat.",)),
    ]


def test_each_statement_of_a_video_has_one_category(tmp_path: Path) -> None:
    """Else nobody knows whose they are."""
    path = write(
        tmp_path / "refs.jsonl", '{"video_id": "v", "caption": "c", "statements": ["a"], "categories": ["A", "B"]}\n'
    )
    with pytest.raises(BadSource, match="row 1 has 1 statements and 2 categories"):
        read(path, "video")


def test_a_video_needs_a_human_caption(tmp_path: Path) -> None:
    """The columns that are there are named."""
    path = write(tmp_path / "refs.jsonl", '{"video_id": "v", "said": "c"}\n')
    with pytest.raises(BadSource, match=r"no column 'caption' .* it has video_id, said"):
        open_references(path, "video")


# Ai2's files

URL = "https://a.example/1.jpg"
STATEMENTS = "1. A cat.\r\n2. It is 3 years old.\n\n 10) A mat. \n4.5 metres long.\nNo number"


def ai2(folder: Path, data: Any = None, statements: Any = None) -> Path:
    rows = [{"image": URL, "transcripts": [{"whisperTranscript": " a cat ", "id": 1}, {"whisperTranscript": None}]}]
    write(folder / "final-data.json", json.dumps(rows if data is None else data))
    told = {"image": URL, "canonical_statements": STATEMENTS} if statements is None else statements
    write(folder / "mturk-eval-statements" / f"{hashlib.sha256(URL.encode()).hexdigest()}.json", json.dumps(told))
    return folder


def test_ai2s_files_are_read_as_they_are(tmp_path: Path) -> None:
    """The text of statements byte for byte; as statements its lines without their numbers, and no other numbers."""
    expected = Reference(
        URL, (" a cat ",), ("A cat.", "It is 3 years old.", "A mat.", "4.5 metres long.", "No number"), None, STATEMENTS
    )
    assert read(ai2(tmp_path)) == [expected]
    assert read(tmp_path / "final-data.json") == [expected]


def test_a_picture_of_ai2_without_statements_has_none(tmp_path: Path) -> None:
    """They can be made."""
    assert read(ai2(tmp_path, [{"image": "https://b.example", "transcripts": []}])) == [
        Reference("https://b.example", ())
    ]


def test_half_a_character_in_ai2s_files_becomes_a_mark(tmp_path: Path) -> None:
    """JSON can write one, a text of rows cannot hold it; whole characters stay."""
    write(
        tmp_path / "final-data.json",
        '[{"image": "u", "transcripts": [{"whisperTranscript": "a \\ud800cat\\ud83d\\ude00\\udc00"}]}]',
    )
    assert read(tmp_path) == [Reference("u", ("a \ufffdcat\U0001f600\ufffd",))]


@pytest.mark.parametrize(
    ("data", "statements", "told"),
    [
        ({}, None, "should be a list of objects"),
        ([], None, "not empty"),
        ([{"url": "x"}], None, "object 1 has no text 'image'"),
        ([{"image": "x", "transcripts": ["a"]}], None, "list of objects with 'whisperTranscript'"),
        ([{"image": "x", "transcripts": [{"whisperTranscript": 7}]}], None, "is not text"),
        (None, [], "has no text 'canonical_statements'"),
    ],
)
def test_files_unlike_ai2s_are_told(tmp_path: Path, data: Any, statements: Any, told: str) -> None:
    """With the place."""
    with pytest.raises(BadSource, match=told):
        read(ai2(tmp_path, data, statements))


@pytest.mark.parametrize(
    ("content", "told"), [(b"[{", "is not JSON"), (b"", "is not JSON"), (b'["\xe9"]', "is not UTF-8")]
)
def test_a_damaged_file_of_ai2_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    """By its name."""
    write(tmp_path / "final-data.json", content)
    with pytest.raises(BadSource, match=rf"final-data\.json: {told}"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (
            b'{"image_url": "u", "transcripts": "one text"}\n',
            "column 'transcripts' is string; it should be a list of texts",
        ),
        (b"not json at all {\n{", "refs.jsonl:1: is not a JSON object"),
    ],
)
def test_a_table_that_cannot_be_references_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    """In one line."""
    write(tmp_path / "refs.jsonl", content)
    with pytest.raises(BadSource, match=told):
        open_references(str(tmp_path / "refs.jsonl"), "image")


def test_references_that_are_not_there_are_told(tmp_path: Path) -> None:
    """A path, and a folder with nothing in it."""
    with pytest.raises(BadSource, match="no such file"):
        open_references(str(tmp_path / "gone.jsonl"), "image")
    with pytest.raises(BadSource, match="holds no list"):
        open_references(str(tmp_path), "image")
