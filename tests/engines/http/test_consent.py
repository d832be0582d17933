"""What publishers say about machine use."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from pixmo.engines.http.consent import ROBOTS_BYTES, Robots, optout, reserves


@pytest.mark.parametrize(
    "tag",
    ["noai", "NoAI", "noimageai", "noindex, noimageai", "pixmo: noai", "*: noai", "otherbot: noindex, pixmo: noai",
     "unavailable_after: 25 Jun 2030 15:00:00 PST, noai", "max-snippet: 5, noai", "noml", "otherbot:all,*:noimageai"],
)  # fmt: skip
def test_tags_that_reserve(tag):
    """noai and its kin, said to everybody or to us, in any company."""
    assert reserves(tag, "pixmo")


@pytest.mark.parametrize(
    "tag", ["", "all", "noindex, nofollow", "otherbot: noai", "otherbot: noindex, noai", "noairplanes", "max-snippet: noai",
            "pixmo: all, otherbot: noai"]
)  # fmt: skip
def test_tags_that_do_not(tag):
    """What is said to others, or says something else, does not reserve."""
    assert not reserves(tag, "pixmo")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("X-Robots-Tag", "noai", "X-Robots-Tag: noai"),
        ("tdm-reservation", " 1 ", "TDM-Reservation:  1 "),
        ("tdm-reservation", "0", None),
        ("content-usage", "bots=y, train-ai=n", "Content-Usage: bots=y, train-ai=n"),
        ("content-usage", "train-ai=y", None),
        ("content-usage", "no-train-ai=n", None),
    ],
)
def test_headers_are_kept_as_sent(name, value, said):
    """The header that reserves is named with its value; any other says nothing."""
    assert optout(CIMultiDict({name: value}).getall, "pixmo") == said


def test_each_of_several_tags_counts():
    """The header may come more than once."""
    headers = CIMultiDict([("X-Robots-Tag", "otherbot: noai"), ("X-Robots-Tag", "noimageai")])
    assert optout(headers.getall, "pixmo") == "X-Robots-Tag: noimageai"


def test_robots_rules_hold_for_our_name():
    """The group of our name is obeyed, else everybody's."""
    rules = Robots(b"User-agent: pixmo\nDisallow: /private\n\nUser-agent: *\nDisallow: /\n")
    assert rules.allows("http://a.test/x.jpg", "pixmo")
    assert not rules.allows("http://a.test/private/x.jpg", "pixmo")
    assert not rules.allows("http://a.test/x.jpg", "otherbot")


def test_no_robots_allows_everything():
    """A site without robots.txt has no objection; bytes that are no text neither."""
    assert Robots(None).allows("http://a.test/x.jpg", "pixmo")
    assert Robots(b"\xff\xd8\xff" * 1000).allows("http://a.test/x.jpg", "pixmo")


def test_a_huge_robots_is_read_as_far_as_the_standard_says():
    """Rules beyond 512 KiB are not read."""
    rules = Robots(b"User-agent: *\n" + b"#" * ROBOTS_BYTES + b"\nDisallow: /\n")
    assert rules.allows("http://a.test/x.jpg", "pixmo")
