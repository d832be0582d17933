"""`pixmo visualize`: Ai2's names for a static site."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pixmo.cli.visualize import command
from pixmo.errors import MissingExtra, UnknownName
from tests.view.serving import picture, points, write_set


def visualize(*arguments: str | Path) -> None:
    """The command, as it is called."""
    command.main([str(a) for a in arguments], standalone_mode=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """120 rows for training, 3 for validation."""
    for split, rows in (("train", 120), ("validation", 3)):
        records = [points(f"thing {n}", (25, 75)) for n in range(rows)]
        write_set(tmp_path / f"set/{split}-00000-of-00001.parquet", records, [picture()] * rows)
    return tmp_path / "set"


def numbers(site: Path) -> list[int]:
    """The rows that have a page."""
    return sorted(int(f.stem) for f in (site / "rows").iterdir())


def test_a_hundred_training_rows_by_default(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """DIR gets a folder named like the set; the address to open is told."""
    visualize(data, tmp_path / "pages")
    assert numbers(tmp_path / "pages/set") == list(range(100))
    told = capsys.readouterr().out
    assert "100 rows of 120" in told
    assert (tmp_path / "pages/set/index.html").as_uri() in told


def test_options_are_those_of_the_script(tmp_path: Path, data: Path) -> None:
    """Split, number, shuffle and name."""
    visualize(data, tmp_path, "--split", "validation", "--output_name", "v")
    assert numbers(tmp_path / "v") == [0, 1, 2]
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        visualize(data, tmp_path, "--shuffle", "--seed", seed, "--num_examples", "10", "--output_name", name)
    assert numbers(tmp_path / "a") == numbers(tmp_path / "b") != numbers(tmp_path / "c")


def test_lists_are_taken_too(tmp_path: Path) -> None:
    """A CSV file of addresses and captions: texts without pictures."""
    (tmp_path / "list.csv").write_text(
        'url,caption\nhttps://a.example/1.jpg,"a <b>cat</b>"\nhttps://a.example/2.jpg,two dogs\n'
    )
    visualize(tmp_path / "list.csv", tmp_path)
    assert numbers(tmp_path / "list") == [0, 1]
    assert "a &lt;b&gt;cat&lt;/b&gt;" in (tmp_path / "list/rows/0.html").read_text()


def test_an_unknown_name_is_told(tmp_path: Path) -> None:
    """With the names there are."""
    with pytest.raises(UnknownName, match="no set or file named 'no-such-set'"):
        visualize("no-such-set", tmp_path)


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the packages of the viewer: what to install."""
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(MissingExtra, match=r"pixmo\[view\]"):
        visualize("any", tmp_path)
