"""Two versions of a set, compared."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmo.view.differences import Difference, Differences, differences
from pixmo.view.source import open_data
from pixmo.view.word_changes import changes
from tests.view.asking import ready, words
from tests.view.browser import Watched, chromium
from tests.view.serving import Viewed, picture, points, write_set
from tests.view.test_server import Answer

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>‮evil‬"


def written(path: Path, rows: list[dict[str, Any]], schema: pa.Schema | None = None) -> Path:
    """Rows as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema), path, row_group_size=7)
    return path


def compared(tmp_path: Path, new: list[dict[str, Any]], old: list[dict[str, Any]]) -> Differences:
    """What differs between two lists of rows."""
    here, there = (
        open_data(str(written(tmp_path / f"{name}.parquet", rows))) for name, rows in (("new", new), ("old", old))
    )
    return differences(here, there, tmp_path / "cache", lambda done: None)


def found(told: Differences, state: str, column: str = "") -> list[Difference]:
    total, rows = told.find(state, column, 0, 1000)
    assert total == len(rows)
    return rows


def test_rows_are_put_together_by_their_ids(tmp_path: Path) -> None:
    """In whatever order they stand; what changed is told by column."""
    old = [{"id": f"r{n}", "caption": f"a {n}", "size": n} for n in range(20)]
    new = [dict(row) for row in reversed(old) if row["id"] not in ("r3", "r4")] + [
        {"id": "new", "caption": "b", "size": 0}
    ]
    new[0]["caption"], new[1]["caption"], new[1]["size"] = "another", "also", 99
    told = compared(tmp_path, new, old)
    assert told.counts == {"same": 16, "changed": 2, "added": 1, "gone": 2}
    assert found(told, "changed") == [Difference(0, 19, ("caption",)), Difference(1, 18, ("caption", "size"))]
    assert found(told, "added") == [Difference(18, None, ())]
    assert found(told, "gone") == [Difference(None, 3, ()), Difference(None, 4, ())]
    assert told.columns == [("caption", 2), ("size", 1)]
    assert found(told, "changed", "size") == [Difference(1, 18, ("caption", "size"))]


def test_rows_without_ids_are_put_together_by_address_and_label(tmp_path: Path) -> None:
    """Two annotations of a picture are two rows; of equal ones the first meets the first."""
    old = [{"image_url": "u", "label": "cat", "count": 1}, {"image_url": "u", "label": "dog", "count": 2}, {"image_url": "v", "label": "cat", "count": 3}, {"image_url": "v", "label": "cat", "count": 4}]  # fmt: skip
    new = [{"image_url": "v", "label": "cat", "count": 4}, {"image_url": "u", "label": "dog", "count": 7}, {"image_url": "u", "label": "cat", "count": 1}, {"image_url": "v", "label": "cat", "count": 5}]  # fmt: skip
    told = compared(tmp_path, new, old)
    assert told.counts == {"same": 2, "changed": 2, "added": 0, "gone": 0}
    assert [(d.new, d.old) for d in found(told, "changed")] == [(1, 1), (3, 2)]


def test_ids_of_content_that_changed_still_meet_by_address(tmp_path: Path) -> None:
    """As in folders that pixmo made, where a row's id is the digest of what it says."""
    old = [{"row_id": f"{n}a", "image_url": f"u{n}", "caption": "before"} for n in range(3)]
    new = [
        {"row_id": "0a", "image_url": "u0", "caption": "before"},
        {"row_id": "1b", "image_url": "u1", "caption": "after"},
    ]
    told = compared(tmp_path, new, old)
    assert told.counts == {"same": 1, "changed": 1, "added": 0, "gone": 1}
    assert found(told, "changed") == [Difference(1, 1, ("caption",))]
    assert told.how == {"id": 1, "content": 0, "key": 1}


def test_rows_with_neither_are_put_together_where_they_are_equal(tmp_path: Path) -> None:
    """What is not is here or there only; equal ones count."""
    told = compared(tmp_path, [{"caption": c} for c in "aabc"], [{"caption": c} for c in "abbd"])
    assert told.counts == {"same": 2, "changed": 0, "added": 2, "gone": 2}


def test_columns_of_one_side_are_named_and_types_may_differ(tmp_path: Path) -> None:
    """A number of 32 bits is the number of 64 bits, nested values are compared whole."""
    old = [{"id": "a", "n": 1, "points": [{"x": 1.0, "y": 2.0}], "gone": 1}]
    new = [{"id": "a", "n": 1, "points": [{"x": 1.0, "y": 3.0}], "added": 1}]
    written(tmp_path / "old.parquet", old, pa.schema([("id", pa.string()), ("n", pa.int32()), ("points", pa.list_(pa.struct([("x", pa.float64()), ("y", pa.float64())]))), ("gone", pa.int64())]))  # fmt: skip
    here, there = open_data(str(written(tmp_path / "new.parquet", new))), open_data(str(tmp_path / "old.parquet"))
    told = differences(here, there, tmp_path / "cache", lambda done: None)
    assert found(told, "changed") == [Difference(0, 0, ("points",))]
    assert told.missing == {"new": ["added"], "old": ["gone"]}


def test_many_columns_are_compared(tmp_path: Path) -> None:
    """The first 63 one by one, the others together."""
    old = [{"id": "a"} | {f"c{n:02}": n for n in range(80)}]
    new = [old[0] | {"c62": -1, "c63": -1, "c79": -1}]
    told = compared(tmp_path, new, old)
    assert found(told, "changed") == [Difference(0, 0, ("c62", "other columns"))]
    assert found(told, "changed", "other columns") == found(told, "changed")


def test_what_was_found_is_kept_until_a_set_changes(tmp_path: Path) -> None:
    """The second time no row is read."""
    rows = [{"id": str(n), "caption": "x"} for n in range(50)]
    compared(tmp_path, rows, rows)
    heard: list[int] = []
    here, there = open_data(str(tmp_path / "new.parquet")), open_data(str(tmp_path / "old.parquet"))
    assert differences(here, there, tmp_path / "cache", heard.append).counts["same"] == 50
    assert heard == []
    assert compared(tmp_path, [*rows, {"id": "more", "caption": "y"}], rows).counts["added"] == 1


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), max_size=12),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), max_size=12),
)
def test_each_row_stands_once(
    tmp_path_factory: pytest.TempPathFactory, new: list[tuple[int, int]], old: list[tuple[int, int]]
) -> None:
    """Same, changed and added are all rows here; same, changed and gone all rows there; equal rows of a key are the same."""
    schema = pa.schema([("image_url", pa.string()), ("n", pa.int64())])
    folder = tmp_path_factory.mktemp("each")
    here, there = (
        open_data(str(written(folder / f"{name}.parquet", [{"image_url": f"u{u}", "n": n} for u, n in rows], schema)))
        for name, rows in (("new", new), ("old", old))
    )
    told = differences(here, there, folder / "cache", lambda done: None)
    counts = told.counts
    assert counts["same"] + counts["changed"] + counts["added"] == len(new)
    assert counts["same"] + counts["changed"] + counts["gone"] == len(old)
    assert counts["same"] == sum(min(new.count(row), old.count(row)) for row in {*new})
    assert counts["added"] == sum(max(0, [u for u, _ in new].count(k) - [u for u, _ in old].count(k)) for k in range(5))


def test_words_that_came_and_went_stand_where_they_are() -> None:
    """In reading order; long stretches that stayed are left out."""
    assert (
        "".join(map(str, changes("a red cat sits", "a blue cat sits now")))
        == "a <del>red</del> <ins>blue</ins> cat sits <ins>now</ins> "
    )
    long = " ".join(f"w{n}" for n in range(500))
    told = "".join(map(str, changes(long + " old", long + " new")))
    assert told.endswith("w499 <del>old</del> <ins>new</ins> ")
    assert len(told) < 300
    assert "Only white space differs" in "".join(map(str, changes("a  b", "a b")))
    assert "stands behind them" in "".join(map(str, changes("x " * 5000 + "a", "x " * 5000 + "b")))
    assert "&lt;b&gt;" in "".join(map(str, changes("a", "<b>")))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """40 rows of points with pictures; of the older version two have other points, one another caption; each has a row that the other lacks."""
    home = tmp_path_factory.mktemp("versions")
    records = [points(f"thing {n}", (n, n), image_url=f"https://e.org/{n}.jpg") for n in range(40)]
    old = list(records)
    old[5] = points("thing 5", (5, 6), image_url="https://e.org/5.jpg")
    old[6] = points("thing 6", (7, 7), image_url="https://e.org/6.jpg")
    write_set(home / "new.parquet", records[:39], [picture(n=n) for n in range(39)], caption=["a large red cat"] * 39)
    write_set(
        home / "old.parquet",
        old[1:],
        [picture(n=n) for n in range(39)],
        caption=["a red cat"] + ["a large red cat"] * 38,
    )
    with Viewed(home / "new.parquet", home / "home", "--against", str(home / "old.parquet")) as viewed:
        yield viewed.url


def test_the_page_shows_what_changed(url: str) -> None:
    """Each changed row with its picture, its fields before and after, and the way to the row."""
    page = ready(url, "differences").text
    told = words(page)
    assert "say something else 3" in told
    assert "only here 1" in told
    assert "only there 1" in told
    assert re.findall(r'href="\./row/(\d+)', page) == ["1", "5", "6"]
    assert "a <ins>large</ins> red cat" in page
    assert "points (2)" in told
    assert page.count('src="./thumb/') == 3
    assert re.findall(r'href="\./row/(\d+)', Answer(url, "differences?show=changed&column=caption").text) == ["1"]


def test_the_page_shows_what_is_only_here_or_there(url: str) -> None:
    """With pictures of either set."""
    ready(url, "differences")
    here, there = Answer(url, "differences?show=added").text, Answer(url, "differences?show=gone").text
    assert 'href="./row/0"' in here
    assert "thing 39" in there
    (shown,) = re.findall(r'src="\./(against/thumb/38/0)', there)
    assert Answer(url, shown).headers["content-type"].startswith("image/")


@pytest.mark.parametrize(("asked", "status"), [("show=other", 400), ("column=nothing", 404), ("page=0", 400)])
def test_nonsense_is_told_in_a_line(url: str, asked: str, status: int) -> None:
    """With the way back."""
    ready(url, "differences")
    answer = Answer(url, f"differences?{asked}")
    assert answer.status == status
    assert "This cannot be shown" in answer.text


def test_a_set_alone_says_how_it_is_compared(tmp_path: Path) -> None:
    """With the command; and equal sets say that they are."""
    data = written(tmp_path / "a.parquet", [{"id": "a"}])
    with Viewed(data, tmp_path / "home") as viewed:
        assert "--against OLD" in Answer(viewed.url, "differences").text
    with Viewed(data, tmp_path / "home", "--against", str(data)) as viewed:
        assert "Both sets say the same in every row" in ready(viewed.url, "differences").text


def test_what_is_no_set_cannot_be_compared_with(tmp_path: Path) -> None:
    """One line, before anything is served."""
    data = written(tmp_path / "a.parquet", [{"id": "a"}])
    command = [
        sys.executable,
        "-m",
        "pixmo",
        "view",
        str(data),
        "--against",
        str(tmp_path / "no.parquet"),
        "--port",
        "0",
        "--no-browser",
    ]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert told.stderr.count("\n") == 1
    assert "no.parquet" in told.stderr


@pytest.mark.slow
def test_the_page_is_sound_in_a_browser(url: str, tmp_path: Path) -> None:
    """Axe finds nothing, the console says nothing; hostile texts and names are text."""
    new = [
        {"id": "a", "text": HOSTILE + " now", HOSTILE: "x" * 1_000_000, "n": [1, 2]},
        {"id": "b", "text": HOSTILE, HOSTILE: "", "n": []},
    ]
    old = [
        {"id": "a", "text": HOSTILE, HOSTILE: "y" * 1_000_000, "n": [1, 3]},
        {"id": "c", "text": HOSTILE, HOSTILE: "", "n": None},
    ]
    data, other = written(tmp_path / "new.parquet", new), written(tmp_path / "old.parquet", old)
    with Viewed(data, tmp_path / "home", "--against", str(other)) as viewed, chromium() as browser:
        for at, path in ((url, "differences"), (viewed.url, "differences"), (viewed.url, "differences?show=gone")):
            ready(at, path)
            for width in (360, 1280):
                with Watched(browser, at, width=width) as watched:
                    page = watched.go(path)
                    assert watched.faults() == []
                    assert watched.complaints == []
                    assert page.evaluate("document.documentElement.scrollWidth") <= width
