"""The page of a check."""

from __future__ import annotations

from html.parser import HTMLParser

from pixmo.dataset.check import Checked, RuleCount
from pixmo.dataset.check_page import check_page
from pixmo.dataset.check_work import POINT_EDGES, Example
from pixmo.records.base import Level

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"
RULE = RuleCount(
    "count_differs", Level.ERROR, "how many there are is not how many points there are", 12, 7,
    (Example(3, "ab" * 8, "annotations[1].count", HOSTILE, f"javascript:{HOSTILE}"), Example(9, None, "", "x" * 5000, None)),
)  # fmt: skip


class Page(HTMLParser):
    """Which elements, which ids, which links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        told = dict(attrs)
        self.ids |= {str(told["id"])} if "id" in told else set()
        self.links |= {str(told["href"])} if "href" in told else set()


def checked(*rules: RuleCount, points: bool = True) -> Checked:
    counts = dict.fromkeys(POINT_EDGES, 3) if points else {}
    return Checked(f"set {HOSTILE}", "points", True, 1000, 9000, rules, counts)


def test_it_tells_counts_and_examples() -> None:
    """Rule, meaning, how many findings in how many rows, the examples' row, value and detail."""
    text = check_page(checked(RULE))
    for told in (
        "count_differs",
        RULE.meaning,
        "12",
        "7",
        "annotations[1].count",
        "abab",
        "9,000",
        "Points per record",
    ):
        assert told in text


def test_nothing_in_the_data_becomes_markup() -> None:
    """No script, no link but to the page's own sections, no character a document may not hold."""
    text = check_page(checked(RULE))
    page = Page(text)
    assert "script" not in page.elements
    assert {link.removeprefix("#") for link in page.links} <= page.ids
    assert "\x1b" not in text
    assert "x" * 400 not in text


def test_a_sound_set_is_told_so() -> None:
    """And kinds without points have no chart."""
    text = check_page(checked(points=False))
    assert "Nothing was found" in text
    assert "svg" not in Page(text).elements
