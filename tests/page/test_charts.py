"""Charts are SVG that says in words what it shows."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.page.charts import HEIGHT, WIDTH, Part, histogram, line, share_bar


def _rects(svg: str) -> list[dict[str, str]]:
    return [rect.attrib for rect in ET.fromstring(svg).iter("rect")]


def test_share_bar_adds_up() -> None:
    """Parts stand one after the other, each as wide as its share; empty ones are left out."""
    drawn = _rects(share_bar([Part(50, "ok", "a"), Part(0, "again", "b"), Part(25, "lost", "c")], 100))
    assert [(r["class"], r["x"], r["width"]) for r in drawn] == [
        ("track", "0", "100"),
        ("ok", "0", "50"),
        ("lost", "50", "25"),
    ]


def test_titled_bar_is_told_to_those_who_do_not_see_it() -> None:
    """With a title it is a picture with a label; without, a decoration that readers skip."""
    svg = ET.fromstring(share_bar([Part(1, "ok", "a: 1 <b>")], 1, "Fates"))
    assert (svg.get("role"), svg.get("aria-label")) == ("img", "Fates: a: 1 <b>")
    assert ET.fromstring(share_bar([Part(1, "ok", "a")], 1)).get("aria-hidden") == "true"


def test_histogram_bars_have_the_height_of_their_counts() -> None:
    """Twice the count is twice the height; a bin with anything in it is seen; an empty one is not drawn high."""
    drawn = _rects(histogram([("0", 100), ("64", 50), ("128", 0), ("256", 1)], "Width", "px"))
    heights = [float(r["height"]) for r in drawn]
    assert heights[0] == pytest.approx(2 * heights[1])
    assert heights[2] == 0
    assert heights[3] >= 1


def test_charts_have_title_and_description() -> None:
    """Both are there as elements and as label: every number of a histogram, the range of a line."""
    svg = ET.fromstring(histogram([("0", 3), ("64", 5)], "Width", "px"))
    assert [svg.findtext("title"), svg.findtext("desc")] == ["Width", "0 px: 3, 64 px: 5"]
    assert svg.get("aria-label") == "Width. 0 px: 3, 64 px: 5"
    assert "from rate 1 to 4" in line([(0, 1), (1, 4)], "Speed", "s", "rate")


@given(
    st.lists(st.tuples(st.floats(0, 1e9), st.floats(0, 1e9))),
    st.lists(st.tuples(st.text("abc0", max_size=5), st.integers(0, 10**12)), max_size=40),
)
def test_everything_lies_inside(points: list[tuple[float, float]], bins: list[tuple[str, int]]) -> None:
    """No data, one point, zeros or huge numbers: always a well-formed drawing within its frame."""
    for svg in (line(sorted(points), "t", "s", "n"), histogram(bins, "t", "px")):
        for element in ET.fromstring(svg).iter():
            for name in ("x", "x1", "x2"):
                assert -0.1 <= float(element.get(name, 0)) <= WIDTH
            for name in ("y", "y1", "y2"):
                assert -0.1 <= float(element.get(name, 0)) <= HEIGHT + 0.1
            for x, y in re.findall(r"[ML]([-\d.e+]+) ([-\d.e+]+)", element.get("d", "")):
                assert -0.1 <= float(x) <= WIDTH + 0.1
                assert -0.1 <= float(y) <= HEIGHT + 0.1
