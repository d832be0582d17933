"""The page of a probe: words whole, tints that read, captions that are nothing but text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from pixmo.dataset.load import load
from pixmo.molmo.tiny import tiny_tokenizer
from pixmo.molmo.tokens import MOLMO, Tokens
from pixmo.page.style import DARK, LIGHT
from pixmo.train.probe_page import END, LEVELS, TINTS, Suspect, Word, page_of, words_of
from tests.train.shapes import captioned, drawn, things

TOKENS = Tokens(tiny_tokenizer("molmo"), MOLMO, "<|endoftext|>")
HOSTILE = "<script>alert(1)</script> </p><img src=x onerror=alert(2)> \u202etxet &amp; \x1b[2J \x00"


class Tags(HTMLParser):
    """All elements of a page with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("text", ["a red bar", "  zwei  Wörter – so", "日本 語", "👩‍🚀 flies\n\nhome", "\ufffd odd"])
def test_words_are_the_text(text):
    """Joined they are the answer; a character of several tokens is in one word; every cost is in one word."""
    ids = [*TOKENS.text(text), TOKENS.end_id]
    costs = [0.5 + n for n in range(len(ids))]
    words = words_of(TOKENS, ids, costs)
    assert "".join(word.text for word in words) == text + END
    assert sum(word.cost for word in words) == pytest.approx(sum(costs))
    if "\ufffd" not in text:  # which looks like half a character
        assert [word.text.strip() for word in words if word.text.strip()] == [*text.split(), END.strip()]


def results(**more) -> dict:
    """What a probe of one suspicious row tells."""
    line = {"row_id": HOSTILE, "style": "long_caption", "half": 0, "tokens": 9, "loss": 1.5, "loss_beside_another": 1.2}
    return {
        "data": f"{HOSTILE}.parquet", "model": "from scratch", "rows": 1, "pictures": 1, "cut": 0, "context": 512,
        "left_out": {HOSTILE: HOSTILE}, "suspicious": {"scored": 1, "loss": 1.5, "rows": [line | {"z": 2.0}]},
    } | more  # fmt: skip


def shown(tmp_path, picture: bytes | None, words: list[Word]) -> str:
    """The page of one row."""
    (row,) = load(captioned(tmp_path / "a.parquet", [picture], ["a"]))
    told = results()
    return page_of(told, [Suspect(told["suspicious"]["rows"][0], row, words)])


def test_a_caption_is_nothing_but_text(tmp_path):
    """Markup in captions, ids, names and reasons is shown, not made; the policy of the page allows no script."""
    words = [Word(part, 5.0) for part in re.split(r"(?= )", HOSTILE)]
    made = shown(tmp_path, drawn(things(1)[0]), words)
    elements = Tags(made).found
    assert not [name for name, _ in elements if name in ("script", "iframe", "object", "link")]
    assert [attrs["src"][:23] for name, attrs in elements if name == "img"] == ["data:image/jpeg;base64,"]
    assert not [name for _, attrs in elements for name in attrs if name.startswith("on")]
    (policy,) = [attrs["content"] for name, attrs in elements if attrs.get("http-equiv")]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script-src" not in policy
    assert "\x1b" not in made
    assert "\x00" not in made


def test_tints_are_told_in_words(tmp_path):
    """The costliest words stand below the caption with their cost; what costs little has no tint."""
    made = shown(tmp_path, drawn(things(1)[0]), [Word("a", 0.2), Word(" blue", 6.13), Word(" bar", 1.5)])
    assert '<span class="t3" title="6.1 nats">blue</span>' in made
    assert '<span class="t1" title="1.5 nats">bar</span>' in made
    assert "Costliest words: <bdi>blue</bdi> 6.1, <bdi>bar</bdi> 1.5" in made
    assert "No word costs much." in shown(tmp_path, None, [Word("a", 0.2)])


def test_a_picture_that_is_gone_is_said(tmp_path):
    """Instead of a broken thumbnail."""
    assert "has no picture" in shown(tmp_path, None, [])


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_tinted_words_read(scheme):
    """Text on every tint has a contrast of at least 4.5 : 1."""

    def rgb(name: str) -> list[float]:
        return [int(scheme[name][at : at + 2], 16) for at in (1, 3, 5)]

    def light(colour: list[float]) -> float:
        linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05

    assert len(TINTS) == len(LEVELS)
    for tint in TINTS:
        ground = [tint / 100 * a + (1 - tint / 100) * b for a, b in zip(rgb("lost"), rgb("card"), strict=True)]
        bright, dark = sorted((light(rgb("ink")), light(ground)), reverse=True)
        assert bright / dark >= 4.5
