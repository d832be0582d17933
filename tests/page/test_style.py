"""The style sheet keeps what it promises: contrast in both schemes, nothing from outside."""

from __future__ import annotations

import pytest

from pixmo.page.style import DARK, LIGHT, STYLE


def _luminance(colour: str) -> float:
    """WCAG 2.1's relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["ground", "card"])
def test_contrast_is_aa(scheme: dict[str, str], ground: str) -> None:
    """Text 4.5:1 on page and card (a mark's words as well), drawn marks 3:1."""
    assert all(_contrast(scheme[text], scheme[ground]) >= 4.5 for text in ("ink", "soft", "again"))
    assert all(_contrast(scheme[mark], scheme[ground]) >= 3 for mark in ("ok", "again", "left", "lost"))


def test_style_loads_nothing_and_cannot_end_early() -> None:
    """No imports, no addresses, no closing tag."""
    assert not any(word in STYLE for word in ("@import", "url(", "http", "</"))


def test_both_schemes_name_the_same_colours() -> None:
    """A colour missing in one would fall back to the other's."""
    assert LIGHT.keys() == DARK.keys()
    assert all(f"var(--{name})" in STYLE for name in LIGHT)
