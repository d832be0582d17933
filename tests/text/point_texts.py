"""What tests of point texts share: points, labels, and pieces of texts to make bad ones of."""

from __future__ import annotations

from hypothesis import strategies as st

FRAGMENTS = [
    "<points", "<point", "<tracks", "</points>", "</point>", "</tracks>", " coords=", ' coords="', '"', '">', "/>", " alt=\"", "cup",
    "1 1 100 200", "0.5 1 1000 000", "1 2 3", "1.2.3 1 100 100", "12", "100", "1001", "7.5", "100.1", "1 1.5 2.5", " ", ";", "\t", ":", ",",
    "\n", ".", 'x="1.0"', ' y="2.0"', 'x1="1.0" y1="2.0"', "x12=", 'y="', "Click(", "Click(1.0, 2.0)", "(", ")", "(3.0, 4.0)", "p=", "4=",
    "012,345", "=", "\u0663", "There are none.", "Counting the ", " shows a total of 2.", "9" * 25, "-3",
]  # fmt: skip
"""Pieces of all grammars; joined at random they are nearly texts."""

percent_points = st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), max_size=12)
sizes = st.tuples(st.integers(1, 20_000), st.integers(1, 20_000))
LABELS = st.text(st.characters(categories=["L", "Zs"]), max_size=12)
"""Words: a label that itself looks like points is read as points."""


def close(found, told, tolerance):
    """Whether rows of numbers are the same up to a tolerance."""
    return len(found) == len(told) and all(
        len(a) == len(b) and all(abs(p - q) <= tolerance for p, q in zip(a, b, strict=True))
        for a, b in zip(found, told, strict=True)
    )
