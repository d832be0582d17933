"""Marks on rows, kept beside the set and brought into a recipe."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pixmo.dataset.load import load
from pixmo.errors import BadFolder, BadSetting
from pixmo.run.job import Effort, run_recipe
from pixmo.run.recipe import Recipe, Step
from pixmo.stages.mark_flagged import MarkFlagged
from pixmo.stages.select import Select
from pixmo.view.flags import NAME, Flag, Flags, export_flags
from pixmo.view.source import DataSet, open_data
from tests.dataset.sets import finished, grouped


@pytest.fixture
def data(tmp_path: Path) -> DataSet:
    return open_data(str(finished(tmp_path / "set", {"train": [grouped(0, 4)]})))


def test_a_flag_is_kept_until_it_is_taken_away(data: DataSet) -> None:
    """Also for the next viewer; a row of no flag has none."""
    flags = Flags(data)
    flags.set("a", True, " dark\n")
    flags.set("b", True)
    assert flags.get("a") == Flags(data).get("a") == Flag("a", True, "dark")
    flags.set("a", False, "no more")
    assert (flags.get("a"), flags.get("c")) == (None, None)
    assert flags.all() == [Flag("b", True, "")]


def test_flags_lie_in_the_folder_or_in_the_cache(data: DataSet, tmp_path: Path) -> None:
    """Of sets that pixmo did not make, in the cache; they stay when the set's files change."""
    assert Flags(data).path == tmp_path / "set" / NAME
    file = str(next((tmp_path / "set").rglob("*.parquet")))
    flags = Flags(open_data(file), tmp_path / "cache")
    flags.set("a", True)
    assert flags.path.parent == tmp_path / "cache" / "flags"
    os.utime(file, ns=(1, 1))
    assert Flags(open_data(file), tmp_path / "cache").all() == [Flag("a")]


def test_two_viewers_see_each_others_flags(data: DataSet) -> None:
    """And lose none when they write at the same time."""
    one, two = Flags(data), Flags(data)

    def write(flags: Flags, name: str) -> None:
        for n in range(40):
            flags.set(f"{name}{n}", True, "n" * n)

    threads = [threading.Thread(target=write, args=told) for told in ((one, "a"), (two, "b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {f.id for f in one.all()} == {f.id for f in two.all()} == {f"{n}{i}" for n in "ab" for i in range(40)}


def test_a_line_that_was_cut_short_costs_only_itself(data: DataSet) -> None:
    """A crash in the middle of one, or a line of something else."""
    flags = Flags(data)
    flags.set("a", True, "x")
    with flags.path.open("ab") as file:
        file.write(b'[1]\n{"id": 3, "is_flagged": true, "note": ""}\n{"id": "b", "is_fl')
    flags.set("c", True, "y")
    assert flags.all() == [Flag("a", True, "x"), Flag("c", True, "y")]


def test_hostile_notes_come_back_as_they_were(data: DataSet) -> None:
    """Markup, line breaks, other directions; half a character, which no file can hold, is replaced."""
    note = "</script><script>alert(1)</script>\n\u202e\"'"
    Flags(data).set("a\n{}", True, note)
    Flags(data).set("b", True, "\ud800")
    assert Flags(data).all() == [Flag("a\n{}", True, note), Flag("b", True, "?")]


def test_what_cannot_be_kept_is_refused(data: DataSet, tmp_path: Path) -> None:
    """A note that is a book, a row without a name, a place where nothing can be written."""
    with pytest.raises(BadSetting, match="2,000 at most"):
        Flags(data).set("a", True, "x" * 2001)
    with pytest.raises(BadSetting):
        Flags(data).set("", True)
    (tmp_path / "file").write_text("")
    assert Flags(open_data(str(next((tmp_path / "set").rglob("*.parquet")))), tmp_path / "file").all() == []
    with pytest.raises(BadFolder, match="cannot be written"):
        Flags(open_data(str(next((tmp_path / "set").rglob("*.parquet")))), tmp_path / "file").set("a", True)


def test_flags_become_a_column_that_select_understands(tmp_path: Path) -> None:
    """From a run's folder through the exported file into a run that leaves the flagged rows out."""
    source = tmp_path / "rows.csv"
    source.write_text(
        "image_url,caption\n" + "".join(f"http://127.0.0.1:9/{n}.jpg,picture number {n}\n" for n in range(5))
    )
    effort = Effort(n_proc=1, quiet=True, min_free_bytes=0)
    everything = Step("select", Select(where=(), images=False))
    run_recipe(Recipe("r", (everything,), str(source)), tmp_path / "all", effort)
    data = open_data(str(tmp_path / "all"))
    for number in (1, 3):
        Flags(data).set(data.rows[number].id, True, f"note {number}")
    assert export_flags(data, tmp_path / "flags.parquet") == 2

    steps = (
        Step("mark_flagged", MarkFlagged((str(tmp_path / "flags.parquet"),))),
        Step("select", Select(("not is_flagged",), images=False)),
    )
    run_recipe(Recipe("r", steps, str(source)), tmp_path / "kept", effort)
    kept = [row.columns["caption"] for row in load(tmp_path / "kept")]
    assert kept == [f"picture number {n}" for n in (0, 2, 4)]


def test_no_flags_are_a_file_too(data: DataSet, tmp_path: Path) -> None:
    """A recipe that reads it marks nothing."""
    assert export_flags(data, tmp_path / "none.parquet") == 0
    assert pq.read_table(tmp_path / "none.parquet").column_names == ["id", "is_flagged", "note"]
    with pytest.raises(BadFolder):
        export_flags(data, tmp_path / "none.parquet" / "x.parquet")
