"""Counts over a whole set, and the page that shows them."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.records.arrow import batch_of
from pixmo.records.places import Orientation, Point, Unit
from pixmo.records.points import Points
from pixmo.view.document import View
from pixmo.view.flags import Flags
from pixmo.view.index import Index
from pixmo.view.index_statistics import NumberColumn, Statistics
from pixmo.view.pages_statistics import heat_map, statistics_page
from pixmo.view.source import open_data
from pixmo.view.thumbs import Pictures
from tests.view.browser import Watched, chromium
from tests.view.serving import Viewed, points, write_set

HOSTILE = "<script>alert(1)</script>\"'&"


def view_of(path: Path, cache: Path) -> View:
    data = open_data(str(path))
    return View(data, Index(data, cache), Pictures(data), Flags(data, cache))


def counted(path: Path, cache: Path) -> Statistics:
    index = view_of(path, cache).index
    index.begin()
    index.wait(60)
    return index.statistics()


def table(path: Path, **columns: list[object]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def number(told: Statistics, name: str) -> NumberColumn:
    (one,) = (n for n in told.numbers if n.column == name)
    return one


def test_every_known_number_is_in_a_bin(tmp_path: Path) -> None:
    """Whole ones of a short range each in their own."""
    path = table(tmp_path / "r.parquet", few=[0, 1, 1, 3, None] * 20, wide=[n * 37.5 - 900 for n in range(100)])
    told = counted(path, tmp_path / "cache")
    few, wide = number(told, "few"), number(told, "wide")
    assert few.bins == [(0.0, 20), (1.0, 40), (2.0, 0), (3.0, 20)]
    assert (few.known, few.low, few.high, few.mean, few.is_cut) == (80, 0.0, 3.0, 1.25, False)
    assert sum(n for _, n in wide.bins) == 100
    edges = [edge for edge, _ in wide.bins]
    assert (edges[0] <= -900, edges == sorted(edges), len(edges) <= 48) == (True, True, True)


def test_a_far_value_does_not_flatten_the_rest(tmp_path: Path) -> None:
    """The last bin holds it and says so; values that are no numbers are nowhere."""
    values = [float(n % 50) for n in range(1000)] + [1e12, float("nan"), float("inf")]
    told = number(counted(table(tmp_path / "r.parquet", v=values), tmp_path / "cache"), "v")
    assert told.is_cut
    assert (told.known, told.high, sum(n for _, n in told.bins)) == (1001, 1e12, 1001)
    assert max(n for _, n in told.bins) < 500


def test_one_value_alone_is_one_bin(tmp_path: Path) -> None:
    """Also a large one, and a fraction."""
    told = counted(table(tmp_path / "r.parquet", a=[7] * 5, b=[0.3] * 5, c=[-(10**15)] * 5), tmp_path / "cache")
    assert [sum(n for _, n in number(told, c).bins) for c in "abc"] == [5, 5, 5]


def page(path: Path, cache: Path) -> str:
    view = view_of(path, cache)
    view.index.begin()
    view.index.wait(60)
    answer = statistics_page(view)
    assert answer.status_code == 200
    return bytes(answer.body).decode()


def test_the_page_shows_what_was_counted(tmp_path: Path) -> None:
    """Tiles, where points lie, numbers, frequent values as ways to their rows, columns."""
    known = {"image_url": "https://a.org/x", "unit": Unit.PERCENT, "orientation": Orientation.UPRIGHT}
    records = [
        Points(label="cat" if n % 3 else "dog", points=(Point(10.0, 10.0),) * (n % 4), **known) for n in range(40)
    ]
    pq.write_table(pa.Table.from_batches([batch_of(records, Points)]), tmp_path / "p.parquet")
    shown = page(tmp_path / "p.parquet", tmp_path / "cache")
    assert re.search(r"<dt>points</dt><dd[^>]*>60</dd>", shown)
    assert "upper left quarter 100" in shown
    assert 'href="./?f.label.is=cat"' in shown
    assert 'href="./?sort=points&amp;descending=1"' in shown
    assert "rules that the row breaks" in shown


def test_a_page_that_is_not_counted_yet_shows_how_far_it_is(tmp_path: Path) -> None:
    """And comes again by itself."""
    view = view_of(table(tmp_path / "r.parquet", a=[1]), tmp_path / "cache")
    shown = bytes(statistics_page(view).body).decode()
    view.index.wait(60)
    assert "<progress" in shown
    assert 'http-equiv="refresh"' in shown


@pytest.mark.parametrize("hostile", [HOSTILE, "\u202e" + "x" * 5000, "\u0000\u0007"])
def test_hostile_names_and_values_are_text(tmp_path: Path, hostile: str) -> None:
    """Of columns, of values, of files."""
    path = tmp_path / "<b>&'.parquet"
    pq.write_table(pa.table({hostile.replace("\0", ""): [hostile] * 9 + ["b"], "label": [hostile] * 10}), path)
    shown = page(path, tmp_path / "cache")
    assert "<script>alert" not in shown
    assert "<b>&'" not in shown


def test_the_heat_map_says_in_words_what_it_shows() -> None:
    """One point among a million is still drawn."""
    heat = [[0] * 20 for _ in range(20)]
    heat[0][0], heat[19][19] = 999_999, 1
    drawn = heat_map(heat)
    assert "upper left quarter &gt;99.9" in drawn
    assert 'x="19" y="19" width="1" height="1" fill-opacity="0.10"' in drawn
    assert drawn.count("<rect") == 3
    assert heat_map([[0] * 20] * 20).count("<rect") == 1


def test_what_is_the_same_in_every_row_is_told_in_one_place(tmp_path: Path) -> None:
    """Among the columns, not as a chart of one bar."""
    columns = {"same": ["x"] * 9, "other": ["a", "b", "b"] * 3, "some": ["y", None, None] * 3}
    shown = page(table(tmp_path / "r.parquet", **columns), tmp_path / "cache")
    assert re.findall(r'aria-label="Most frequent (\w+)"', shown) == ["other", "some"]
    assert "same" in shown


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_sound_in_a_browser(tmp_path: Path, scheme: str) -> None:
    """Nothing to complain of, nothing asked of anybody else, no fault that axe-core knows, and no wider than a telephone."""
    records = [points("cat" if n % 3 else HOSTILE, *[(10.0 + n, 50.0)] * (n % 4)) for n in range(40)]
    path = write_set(tmp_path / "set.parquet", records, score=[n / 7 for n in range(40)])
    with (
        Viewed(path, tmp_path / "home") as viewed,
        chromium() as browser,
        Watched(browser, viewed.url, 360, color_scheme=scheme) as watched,
    ):
        watched.go("statistics")
        watched.page.wait_for_selector(".heat-map")
        assert (watched.faults(), watched.complaints) == ([], [])
        assert watched.page.evaluate("document.documentElement.scrollWidth") == 360
        watched.page.click("#values bdi:text-is('cat')")
        assert watched.page.locator(".small-card").count() > 0
