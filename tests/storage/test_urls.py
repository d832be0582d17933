"""One spelling for URLs that name the same picture."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.storage.urls import canonical_url, canonical_urls

ODD = st.text(st.sampled_from("aAzZ09.-_~:/?#[]@!$&'()*+,;=% \t\n\\é\x00{}|^`<>\""), max_size=30)
URLS = st.builds("".join, st.tuples(st.sampled_from(["http://", "https://", "HTTP://", "ftp://", "", "//"]), ODD))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://Example.org/a.jpg", "https://example.org:443/a.jpg#top"),
        ("http://example.org", "https://EXAMPLE.org/"),
        ("http://example.org:80/a?b", "http://example.org/a?b"),
        ("http://example.org/a?", "http://example.org/a"),
    ],
)
def test_the_same_picture(one, other):
    """Case of scheme and host, default port and fragment do not matter."""
    assert canonical_url(one) == canonical_url(other)


def test_other_pictures():
    """Path, query, port and case of the path do."""
    urls = ["http://h/a", "http://h/A", "http://h/a?x", "http://h:8080/a", "http://i/a", "http://h/a/"]
    assert len({canonical_url(u) for u in urls}) == len(urls)


@given(st.lists(URLS, max_size=20))
def test_many_at_once_are_as_one_by_one(urls):
    """The short way for plain URLs gives what the long way gives; null and empty are nothing."""
    found = canonical_urls(pa.array([*urls, None, ""], pa.string()))
    assert found == [*(canonical_url(u) if u else None for u in urls), None, None]
