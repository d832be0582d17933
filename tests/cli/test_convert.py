"""`pixmo convert` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pixmo.cli import run

GOLDEN = Path(__file__).parents[1] / "golden" / "convert"


def test_losses_are_counted_and_written_down(tmp_path, capsys):
    """What was carried, what was not and why, and a line for each in a file beside."""
    out = tmp_path / "rows.jsonl"
    assert run(["convert", str(GOLDEN / "label_studio.json"), str(out), "--to", "jsonl", "--quiet"]) == 0
    told = capsys.readouterr().out
    assert "1 of 1 record, label-studio to jsonl" in told
    assert "unsupported" in told
    assert json.loads(out.read_text().splitlines()[0])["label"] == "cup"
    assert len((tmp_path / "rows.jsonl.losses.jsonl").read_text().splitlines()) >= 2


def test_machines_get_json(tmp_path, capsys):
    """The same as one object."""
    assert run(["convert", str(GOLDEN / "cvat.xml"), str(tmp_path / "o.csv"), "--to", "csv", "--json", "--quiet"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["from"], told["to"], told["written"]) == ("cvat", "csv", 1)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--to", "pdf"], "no format named 'pdf'"),
        (["--to", "csv", "--from", "molmo"], "is written, not read"),
        (["--to", "csv", "--set", "unit"], "write KEY=VALUE"),
        (["--to", "csv", "--set", "unti=percent"], "did you mean 'unit'"),
        (["--to", "csv", "--keypoints-lossy"], "is for COCO only"),
    ],
)
def test_wrong_requests_are_told(tmp_path, capsys, options, told):
    """One line, exit code 2, nothing written."""
    assert run(["convert", str(GOLDEN / "label_studio.json"), str(tmp_path / "o.csv"), *options, "--quiet"]) == 2
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_not_replaced_unasked(tmp_path, capsys):
    """`--overwrite` does."""
    out = tmp_path / "o.csv"
    out.write_text("mine")
    asked = ["convert", str(GOLDEN / "label_studio.json"), str(out), "--to", "csv", "--quiet"]
    assert run(asked) == 2
    assert out.read_text() == "mine"
    assert run([*asked, "--overwrite"]) == 0
    assert out.read_text() != "mine"
