"""Which texts are addresses of pictures."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmo.records.checks import LONGEST_URL, is_web_address, of_url

GOOD = [
    "http://a.example", "https://a.example/b.jpg?c=d#e", "HTTPS://A.example/", "https://a.example:8443/b", "http://[::1]/b",
    "https://münchen.example/ü.jpg", " https://a.example/b ", "https://a.example/b c.jpg", "https://a.example/@b", "http://1.2.3.4/b",
]  # fmt: skip
BAD = [
    "", "a.jpg", "/a.jpg", "//a.example/b", "ftp://a.example/b", "data:image/png;base64,AA", "javascript:1", "file:///etc/passwd",
    "http://", "http:///b", "http://:80/b", "https://me@a.example/b", "https://me:secret@a.example/b", "http://a.example:99999/b",
    "http://a.example:x/b", "http://a.example:0/b", "http://[::1/b", "http://a b.example/c", "https://a.example/b\nc",
    "https://a.example/\x00", "https://a.example/\x7f", "https://a.example/" + "b" * LONGEST_URL,
]  # fmt: skip


def is_told(url: str) -> bool:
    return [(f.rule, f.path) for f in of_url(url, "image_urls[2]")] == [("bad_url", "image_urls[2]")]


@pytest.mark.parametrize("url", GOOD)
def test_an_address_is_good(url):
    """Absolute, http or https, with a host; what browsers put right on the way is not told of."""
    assert list(of_url(url, "image_url")) == []


@pytest.mark.parametrize("url", BAD, ids=lambda u: repr(u[:30]))
def test_what_is_no_address_is_told(url):
    """Relative, another scheme, no host, a port there is not, control characters, a password, too long."""
    assert is_told(url)


ODD = st.text(st.sampled_from([*"htps:/.-@[]%?#a0 \n\x00é", "\ud800"]), max_size=20)


@settings(deadline=None, max_examples=400)
@given(ODD | ODD.map("https://a.example".__add__) | ODD.map("http://".__add__))
def test_the_short_cut_for_plain_urls_agrees_with_the_long_way(url):
    """Whatever the text is."""
    assert is_told(url) == (not is_web_address(url))
