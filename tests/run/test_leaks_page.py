"""The page with the pairs side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pytest

from pixmo.run.leaks import Leak, compare, opened_against, opened_train
from pixmo.run.leaks_looks import Lookers
from pixmo.run.leaks_page import leaks_page, spread
from tests.run.leaks_folders import HELD, PICTURE, TRAIN, listed, picture

HOSTILE = '"><script>alert(1)</script>&\u202e<img src=http://evil.example/x onerror=alert(1)>'


@pytest.fixture(scope="module")
def lookers() -> Iterator[Lookers]:
    with Lookers(1) as started:
        yield started


def page_of(train: Path, held: Path, lookers: Lookers) -> str:
    sets = opened_against([str(held)], held.parent, lookers)
    found = compare(opened_train(str(train)), sets, 4, lookers)
    return leaks_page(found, opened_train(str(train)), sets, lookers)


class Tags(HTMLParser):
    """Every tag with its attributes, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_pairs_stand_side_by_side(tmp_path: Path, lookers: Lookers) -> None:
    """Both pictures of each pair, as small copies inside the page, under how they were recognised."""
    schema = pa.schema([("image", PICTURE)])
    paths = [
        listed(tmp_path / f"{n}.parquet", [{"image": picture(p, of)} for p in of], schema)
        for n, of in (("t", TRAIN), ("h", HELD))
    ]
    made = page_of(*paths, lookers)
    seen = Tags(made)
    images = [attributes for tag, attributes in seen.tags if tag == "img"]
    assert [image["alt"] for image in images] == ["training picture", "held-out picture"] * 3
    assert all((image["src"] or "").startswith("data:image/jpeg;base64,") for image in images)
    titles = re.findall(r"<h2>(.*?)</h2>", made)
    assert titles == ["By set", "The same bytes", "Looks the same", "Looks like its mirror image"]
    assert all(name in seen.text for name in ("small.jpg", "0.png", "turned.webp", "1.png"))


def test_without_pictures_there_are_their_names(tmp_path: Path, lookers: Lookers) -> None:
    """Lists of URLs: the page says so, and asks nobody for them."""
    (tmp_path / "a.csv").write_text("url\nhttp://example.org/a.jpg\n")
    made = page_of(tmp_path / "a.csv", tmp_path / "a.csv", lookers)
    assert made.count("no picture at hand") == 2
    assert "known by URL and digest only" in made
    assert not re.search(r"(?:src|href)=\"?http", made)


def test_nothing_foreign_is_markup(tmp_path: Path, lookers: Lookers) -> None:
    """Whatever URLs, file names and pictures of both sides hold."""
    schema = pa.schema([("image_url", pa.string()), ("image", PICTURE)])
    url = f"http://example.org/{HOSTILE}"
    rows = [{"image_url": url, "image": {"bytes": b"<svg onload=alert(1)>", "path": HOSTILE}}]
    path = listed(tmp_path / "a&<b>.parquet", rows, schema)
    made = page_of(path, path, lookers)
    seen = Tags(made)
    assert "script" not in {tag for tag, _ in seen.tags}
    assert not any(name.startswith("on") for _, attributes in seen.tags for name in attributes)
    assert "alert(1)</script>" in seen.text, "it is shown as text"
    (policy,) = [told["content"] or "" for _, told in seen.tags if told.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy


def test_no_leaks_make_a_page_too(tmp_path: Path, lookers: Lookers) -> None:
    """With the counts that say so."""
    (tmp_path / "a.csv").write_text("url\nhttp://example.org/a.jpg\n")
    (tmp_path / "b.csv").write_text("url\nhttp://example.org/b.jpg\n")
    made = page_of(tmp_path / "a.csv", tmp_path / "b.csv", lookers)
    assert "0 (0" in made
    assert re.findall(r"<h2>(.*?)</h2>", made) == ["By set"]


def test_no_kind_crowds_out_another() -> None:
    """Of many leaks, some of each set and kind."""
    many = [Leak("a", "url", {"row": n}, {}) for n in range(50)] + [Leak("b", "near", {"row": 99}, {})]
    few = spread(many, 4)
    assert [(leak.set, leak.train["row"]) for leak in few] == [("a", 0), ("a", 1), ("a", 2), ("b", 99)]
    assert spread(many, 100) == many
