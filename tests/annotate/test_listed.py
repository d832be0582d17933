"""Lists of pictures, as somebody hands them in who should not be trusted."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pixmo.annotate.listed import tasks_of
from pixmo.annotate.pictures import pictures_of
from pixmo.cli.annotate_serving import SHOWN
from pixmo.errors import BadSource
from tests.annotate.serving import Served, make_pictures


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Three pictures; a link to one outside, a link to itself, a pipe, and a folder called like pictures."""
    folder = make_pictures(tmp_path / "pictures")
    (tmp_path / "secret.png").write_bytes((folder / "a.png").read_bytes())
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "d.png").mkdir()
    os.mkfifo(folder / "pipe.png")
    return folder


def listed(images: Path, *names: str) -> Path:
    path = images / "list.jsonl"
    path.write_text("".join(json.dumps({"image": name, "label": "x"}) + "\n" for name in names))
    return path


@pytest.mark.parametrize(
    "name",
    [
        "../secret.png", "link.png", "/etc/passwd", "loop.png", "d.png", "pipe.png", "a\x00.png", "\ud800.png", "ü" * 300,
        "none.png", ".", "list.jsonl",
    ],
    ids=ascii,
)  # fmt: skip
def test_what_is_no_picture_of_the_folder_is_left_out(images: Path, name: str) -> None:
    """Whatever its name leads to, it is told with its line and nothing of it is read; the others are there."""
    found = tasks_of(listed(images, name, "./a.png", "d.png/../b.jpg"), "label")
    assert [task.file for task in found.tasks] == ["a.png", "b.jpg"]
    (told,) = found.left_out
    assert "list.jsonl, line 1: " in told
    assert told.endswith("; left out")


def test_a_name_that_is_not_utf_8_is_left_out_of_a_folder(tmp_path: Path) -> None:
    """And told in letters that can be printed."""
    folder = make_pictures(tmp_path / "pictures")
    (folder / os.fsdecode(b"\xff.png")).write_bytes((folder / "a.png").read_bytes())
    found = pictures_of(folder)
    assert found.files == ["a.png", "b.jpg", "c.png"]
    (told,) = found.left_out
    assert "not UTF-8" in told
    told.encode()


def test_a_text_that_is_too_long_is_told(images: Path) -> None:
    """By its line and column."""
    path = images / "list.jsonl"
    path.write_text(json.dumps({"image": "a.png", "label": "x" * 1_000_000}))
    with pytest.raises(BadSource, match="line 1: `label` should be a text of at most 2,000 characters"):
        tasks_of(path, "label")


def test_many_that_are_left_out_are_told_in_few_lines(tmp_path: Path) -> None:
    """Names that would move the cursor are printed as what they are."""
    folder = make_pictures(tmp_path / "pictures")
    names = [f"\x1b[31m{n}.png" for n in range(SHOWN + 5)]
    with Served(listed(folder, "a.png", *names), tmp_path / "out", kind="points") as served:
        told = served.stop()[1].splitlines()
    assert "\\x1b[31m0.png" in told[0]
    assert not any("\x1b" in line for line in told)
    assert told[SHOWN] == "pixmo: and 5 more like these"
