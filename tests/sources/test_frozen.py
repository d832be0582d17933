"""Frozen references: what was frozen is read back, and a changed file is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.errors import BadSource
from pixmo.ids import digest
from pixmo.sources.frozen import FrozenReferences, FrozenRow, frozen_bytes, is_frozen
from pixmo.sources.references import Reference, open_references
from tests.sources.lists import write

ROWS = [
    FrozenRow("https://a.example/1.jpg", "https://a.example/1.jpg", ("A cat.", "A mat."), None, ("a cat on a mat", "it's a cat")),
    FrozenRow("b.jpg", None, None, None, ()),
    FrozenRow("v1", None, ("A dog runs.",), ("Action",), ("a dog runs",)),
]  # fmt: skip


def read(path: Path) -> list[FrozenRow]:
    refs = FrozenReferences(path)
    found = dict(refs.read(set(range(len(refs.pictures("id"))))))
    return [
        FrozenRow(str(name), r.image_url, r.statements, r.categories, r.transcripts)
        for name, r in zip(refs.pictures("id"), found.values(), strict=True)
    ]


def test_what_was_frozen_is_read_back(tmp_path: Path) -> None:
    """Pictures, statements, categories, transcripts; the header says who made the statements."""
    path = Path(write(tmp_path / "references.jsonl", frozen_bytes(ROWS, "judge-1", "ab12")))
    refs = FrozenReferences(path)
    assert read(path) == ROWS
    assert (refs.judge, refs.prompt) == ("judge-1", "ab12")
    assert json.loads(path.read_text().split("\n")[0]) == {
        "pixmo_references": 1, "digest": refs.digest, "judge": "judge-1", "prompt": "ab12", "pictures": 3,
    }  # fmt: skip


def test_the_bytes_are_as_they_always_were() -> None:
    """Files are shipped: their form does not drift."""
    lines = frozen_bytes(ROWS[:1], "j", "p").decode().splitlines()
    assert lines[0] == (
        '{"pixmo_references": 1, "digest": "6b8cca07e1ed3fd151ffe756eafc2d1b7820efbf46f322f9dfc6127c1f3346d7", '
        '"judge": "j", "prompt": "p", "pictures": 1}'
    )
    assert lines[1] == (
        '{"image_url":"https://a.example/1.jpg","picture":"https://a.example/1.jpg","statements":["A cat.","A mat."],'
        '"transcripts":["a cat on a mat","it\'s a cat"]}'
    )


@given(st.text(st.characters(codec="utf-8")), st.lists(st.text(st.characters(codec="utf-8"))))
def test_any_text_is_read_back(tmp_path_factory: pytest.TempPathFactory, picture: str, said: list[str]) -> None:
    """Control characters and line separators among it."""
    row = FrozenRow(picture, picture, tuple(said), None, tuple(said))
    path = Path(write(tmp_path_factory.mktemp("f") / "r.jsonl", frozen_bytes([row], picture, "p")))
    assert read(path) == [row]
    assert FrozenReferences(path).judge == picture


def test_a_changed_file_is_refused_by_name(tmp_path: Path) -> None:
    """One letter is enough; so is a line that is missing."""
    whole = frozen_bytes(ROWS, "j", "p")
    for changed in (whole.replace(b"A cat.", b"A bat."), whole[: whole.rstrip().rfind(b"\n") + 1]):
        path = write(tmp_path / "r.jsonl", changed)
        with pytest.raises(BadSource, match=r"r\.jsonl: was changed since it was frozen .* copy it again"):
            open_references(path, "image")


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ('{"pixmo_references": 2, "digest": ""}', "not of version 1"),
        ('{"pixmo_references": 1, "judge": "j", "prompt": "p"}', "has no 'digest'"),
        ('{"pixmo_references": 1, "digest": "x', "not JSON"),
    ],
)
def test_a_wrong_header_is_told(tmp_path: Path, header: str, told: str) -> None:
    """A newer version, a field less, half a line."""
    with pytest.raises(BadSource, match=told):
        open_references(write(tmp_path / "r.jsonl", header + "\n"), "image")


WHOLE = {"picture": "a", "image_url": None, "statements": ["A cat."], "transcripts": ["a cat"]}


@pytest.mark.parametrize(
    "line",
    [
        b"not json", b"[]", b"[" * 100_000, b'{"picture": "a", "image_url": null, "transcripts": []}',
        *(
            json.dumps(WHOLE | wrong).encode()
            for wrong in (
                {"picture": 7}, {"picture": "\ud800"}, {"image_url": 5}, {"statements": "abc"}, {"statements": [1]},
                {"statements": [None]}, {"statements": ["\ud800"]}, {"categories": {"a": 1}}, {"transcripts": [None]},
                {"transcripts": None},
            )
        ),
    ],
    ids=lambda line: str(len(line)),
)  # fmt: skip
def test_a_line_that_somebody_else_wrote_is_told(tmp_path: Path, line: bytes) -> None:
    """Though the digest fits."""
    header = {"pixmo_references": 1, "digest": digest(line), "judge": "j", "prompt": "p", "pictures": 1}
    with pytest.raises(BadSource, match=r"r\.jsonl:2: is not a line of frozen references"):
        open_references(write(tmp_path / "r.jsonl", json.dumps(header).encode() + b"\n" + line), "image")


def test_a_frozen_file_is_known_by_its_first_line(tmp_path: Path) -> None:
    """Whatever it is called; other lists are not taken for one."""
    frozen = write(tmp_path / "r.txt", frozen_bytes(ROWS, "j", "p"))
    other = write(tmp_path / "o.jsonl", '{"image_url": "u", "transcripts": ["pixmo_references"]}\n')
    assert is_frozen(Path(frozen))
    assert not is_frozen(Path(other))
    assert dict(open_references(frozen, "image").read({0})) == {
        0: Reference(ROWS[0].image_url, ROWS[0].transcripts, ROWS[0].statements)
    }
