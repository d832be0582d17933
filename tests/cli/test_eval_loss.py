"""`pixmo eval loss` as it is called."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from pixmo.cli import run
from pixmo.molmo.tiny import save_tiny
from tests.train.shapes import captioned, drawn, shapes, things

BLOCKED = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ImportError(name)

sys.meta_path.insert(0, NoTorch())
from pixmo.cli import run
sys.exit(run(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny Molmo."""
    return str(save_tiny(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Twelve captioned pictures."""
    return str(shapes(tmp_path_factory.mktemp("set") / "a.parquet", 12))


def test_figures_and_files(data, model, tmp_path, capsys):
    """A table for people, the same as JSON, and the rows by their loss; twice the same bytes."""
    out = tmp_path / "out"
    told = ["eval", "loss", data, "--model", model, "-o", str(out), "--device", "cpu"]
    assert run(told) == 0
    shown = capsys.readouterr().out
    results = json.loads((out / "results.json").read_text())
    assert f"tiny on a.parquet: 12 rows, {results['tokens']:,} tokens" in shown
    assert f"{results['loss']['value']:.4f}" in shown
    table = pq.read_table(out / "rows.parquet")
    assert table.column_names == ["row_id", "style", "tokens", "loss", "accuracy"]
    rows = table.to_pylist()
    assert [row["loss"] for row in rows] == sorted((row["loss"] for row in rows), reverse=True)
    whole = sum(row["tokens"] * row["loss"] for row in rows) / sum(row["tokens"] for row in rows)
    assert whole == pytest.approx(results["loss"]["value"], abs=1e-5)
    files = {path.name: path.read_bytes() for path in out.iterdir()}
    assert run([*told, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == results
    assert {path.name: path.read_bytes() for path in out.iterdir()} == files


def test_only_some_rows_and_styles(model, tmp_path, capsys):
    """The first rows, one style, in the words of another model's training."""
    seen = things(4)
    pictures = [drawn(one, n) for n, one in enumerate(seen)]
    path = captioned(tmp_path / "a.parquet", pictures, [one.caption for one in seen], [("um",)] * 4)
    told = ["eval", "loss", str(path), "--model", model, "--json", "--limit", "3"]
    assert run([*told, "--styles", "transcript", "--prompts", "molmo1"]) == 0
    results = json.loads(capsys.readouterr().out)
    assert (results["rows"], results["tokens"], list(results["styles"])) == (3, 12, ["transcript"])  # space, u, m, end


def test_rows_that_do_not_say_what_they_are(data, model, tmp_path, capsys):
    """A file without a label is refused with the remedy, and scored with --as."""
    bare = tmp_path / "bare.parquet"
    pq.write_table(pq.read_table(data).replace_schema_metadata(None), bare)
    assert run(["eval", "loss", str(bare), "--model", model]) == 2
    assert "nothing says what its rows are" in capsys.readouterr().err
    assert run(["eval", "loss", str(bare), "--model", model, "--as", "caption", "--limit", "2"]) == 0


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["--styles", "long_captoin"], "did you mean 'long_caption'?"),
        (["--device", "tpu9"], "no device named 'tpu9'"),
        (["--batch-size", "0"], "at least 1"),
        (["--seed", "4294967296"], "below 2^32"),
        (["--split", "validation"], "validation"),
        (["--prompts", "molmo3"], "did you mean"),
    ],
)
def test_wrong_requests(data, model, more, why, capsys):
    """Told in one line, with exit code 2."""
    assert run(["eval", "loss", data, "--model", model, *more]) == 2
    told = capsys.readouterr().err
    assert why in told
    assert told.count("\n") == 1


def test_left_out_rows_are_told(model, tmp_path, capsys):
    """How many rows were not scored, by reason; nothing a row holds can command the terminal."""
    path = captioned(tmp_path / "a.parquet", [drawn(things(1)[0]), None], ["a red bar", "\x1b[2J"])
    assert run(["eval", "loss", str(path), "--model", model]) == 0
    shown = capsys.readouterr().out
    assert "1 row left out:\n  1  has no picture" in shown
    assert "\x1b" not in shown


def test_help_needs_no_torch_and_the_rest_says_so(data, model):
    """Without the extra there is help, and one line that names it."""

    def called(*told: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": os.getcwd()}
        return subprocess.run(
            [sys.executable, "-c", BLOCKED, *told], capture_output=True, text=True, env=environment, check=False
        )

    for word in (("eval", "loss"), ("train", "probe")):
        assert called(*word, "--help").returncode == 0
    probed = called("train", "probe", data)
    assert (probed.returncode, "pip install 'pixmo[molmo]'" in probed.stderr) == (2, True)
    refused = called("eval", "loss", data, "--model", model)
    assert (refused.returncode, refused.stderr) == (
        2, "pixmo: pixmo eval loss needs an extra: pip install 'pixmo[molmo]'\n"
    )  # fmt: skip
