"""HTML in which nothing foreign can be markup."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.page.html import Html, escape, foreign, join, page, shortened, tag


class Reader(HTMLParser):
    """What a reader of HTML finds: the elements with their attributes, and the text."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text())
def test_text_stays_text(text: str) -> None:
    """Whatever the string, a reader finds one element and the string, bar characters that no document may hold."""
    found = Reader(tag("p", text, title=text))
    shown = "".join("\ufffd" if _is_forbidden(c) else c for c in text)
    assert [name for name, _ in found.elements] == ["p"]
    assert found.elements[0][1] == {"title": shown}
    assert found.text == shown


def _is_forbidden(c: str) -> bool:
    code = ord(c)
    return (code < 32 and c not in "\t\n") or 127 <= code < 160 or 0xD800 <= code < 0xE000 or code in (0xFFFE, 0xFFFF)


def test_markup_of_ours_is_not_escaped_twice() -> None:
    """Elements nest; strings between them are text; None is nothing; numbers are written."""
    markup = tag("ul", [tag("li", "a < b", None), tag("li", 3, " & ", tag("b", "c"))])
    assert markup == "<ul><li>a &lt; b</li><li>3 &amp; <b>c</b></li></ul>"
    assert join(["<", Html("<br>")]) == "&lt;<br>"


def test_attributes_are_written_as_html_has_them() -> None:
    """A final underscore is dropped, others are hyphens, True is the bare name, None and False are no attribute."""
    assert tag("td", class_="a", aria_label='"b"', hidden=True, title=None, open=False, colspan=2) == (
        '<td class="a" aria-label="&quot;b&quot;" hidden colspan="2"></td>'
    )
    assert tag("br") == "<br>"


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", " javascript:x", "//evil.example", "data:text/html,x", "file:///x"]
)
def test_links_lead_nowhere_surprising(link: str) -> None:
    """A link is http(s), a place on this page, or a file beside it; a picture may be embedded."""
    with pytest.raises(ValueError, match="no link"):
        tag("a", "x", href=link)
    for fine in ("https://example.org", "#top", "./data/x.parquet", "data:image/png;base64,AAAA"):
        assert escape(fine) in tag("a", "x", href=fine)


@pytest.mark.parametrize("name", ["p onclick=x", "P", "a>b", ""])
def test_names_are_names(name: str) -> None:
    """An element's or attribute's name never comes from outside; a wrong one is a bug that shows at once."""
    with pytest.raises(ValueError, match="no name for markup"):
        tag(name)


@pytest.mark.parametrize("name", ["onclick", "style"])
def test_what_the_policy_forbids_is_not_written(name: str) -> None:
    """Handlers and inline styles would not work; writing one is a bug."""
    with pytest.raises(ValueError, match="policy"):
        tag("p", **{name: "x"})


def test_foreign_text_is_short_and_isolated() -> None:
    """A megabyte becomes a line; right-to-left text cannot turn what stands after it."""
    assert len(foreign("x" * 10**6)) < 150
    assert foreign("\u202eevil") == "<bdi>\u202eevil</bdi>"


@given(st.text(), st.integers(3, 50))
def test_shortened_text_keeps_its_ends(text: str, most: int) -> None:
    """Never longer than asked; begins as the text begins; short text is untouched."""
    short = shortened(text, most)
    assert len(short) <= most
    assert short == text if len(text) <= most else short.startswith(text[:1])


def test_page_asks_nobody_for_anything() -> None:
    """A document with one style of its own, allowed by digest, and a policy that forbids all else."""
    found = Reader(page("a <b>", tag("p", "c")))
    names = [name for name, _ in found.elements]
    assert names.count("style") == 1
    assert not {"script", "link", "iframe", "img", "base", "form"} & set(names)
    policy = next(a["content"] for n, a in found.elements if n == "meta" and a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert page("a <b>", tag("p", "c")).startswith('<!doctype html>\n<html lang="en"><head>')
