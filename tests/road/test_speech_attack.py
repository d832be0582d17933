"""The road from speech to captions, attacked: names, files, answers and ends that nobody wishes for. The engine is scripted."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.pictures import png
from tests.road.test_speech import run, told
from tests.speech import say

pytestmark = pytest.mark.slow
SAID = "a brown dog is lying on the green grass in front of a white house. two children sit beside the dog"


def quick(folder: Path) -> tuple[str, ...]:
    """Arguments of a run in which the scripted engine hears the same in every recording."""
    (folder / "script.json").write_text(json.dumps({"otherwise": SAID}))
    return (
        "--engine", "scripted", "--speech-model", "script.json", "--min-duration", "3", "--min-speech", "2", "--min-caption-words", "3",
        "--min-free-disk", "1MB", "--quiet",
    )  # fmt: skip


def spoken(folder: Path, *names: str) -> None:
    """Pictures with one recording each, all different."""
    folder.mkdir(exist_ok=True)
    for n, name in enumerate(names):
        (folder / f"{name}.png").write_bytes(png(n))
        (folder / f"{name}.wav").write_bytes(say(f"{n} dogs are lying on the grass before a house, said {name}"))


def left_out(out: Path) -> list[dict[str, object]]:
    """The lines of left-out.jsonl."""
    return [json.loads(line) for line in (out / "left-out.jsonl").read_text().splitlines()]


def test_a_name_that_is_no_text_is_a_row_all_the_same(tmp_path: Path) -> None:
    """Its odd bytes are told as escapes; the recording still belongs to its picture."""
    spoken(tmp_path / "talk", os.fsdecode(b"caf\xff"), "plain")
    run(tmp_path, "caption", "talk", "out", *quick(tmp_path), "--writer", "rules")
    rows = told(tmp_path / "out")
    assert set(rows) == {"caf\\xff.png", "plain.png"}
    assert rows["caf\\xff.png"]["recording_file"] == ["caf\\xff.wav"]


def test_names_cannot_command_the_terminal(tmp_path: Path) -> None:
    """What a file is named is shown on one line, without control characters."""
    spoken(tmp_path / "talk", "good")
    (tmp_path / "talk" / "a\x1b[31m\nb.png").write_bytes(png(9))
    shown = run(tmp_path, "caption", "talk", "out", *quick(tmp_path), "--writer", "rules")
    assert "\x1b" not in shown
    assert "  a\\x1b[31m\\nb.png: no recordings\n" in shown
