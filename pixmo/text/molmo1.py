"""Points in the words of Molmo v1: `<points x1="10.2" y1="5.0" x2="61.5" y2="40.4" alt="red cups">red cups</points>`.

Coordinates are percent with one decimal. `parse_points` finds them wherever they are in a text, in this form and in older ones,
as the original does; `strict=True` wants exactly what `format_points` writes. Every pattern here reads a text once, so that no text
takes long: what could be matched by two neighbours in a pattern is given to the first one for good (`++`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from pixmo.errors import BadRecord, UnknownName
from pixmo.text.molmo1_tags import read_tags
from pixmo.text.points import Pair, Scale, edges, require_finite, told

MODES = ("point", "point_count")
DTYPES = ("float32", "float64")

_NUMBER = r"([0-9]++(?:\.[0-9]++)?)"
_BRACKETS = re.compile(r"\(([0-9]++\.[0-9]),? ?([0-9]++\.[0-9])\)")
_CLICK = re.compile(r"Click\(([0-9]++\.[0-9]), ?([0-9]++\.[0-9])\)")
_ATTRIBUTES = re.compile(rf'x[0-9]*+="\s*+{_NUMBER}"\s++y[0-9]*+="\s*+{_NUMBER}"')
_PER_MILLE = re.compile(r"[0-9p]\s*+=\s*+([0-9]{3})\s*+,\s*+([0-9]{3})")

_TUPLES = re.compile(r"(?:\(\s*+-?[0-9]++(?:\.[0-9]++)?\s*+,\s*+-?[0-9]++(?:\.[0-9]++)?\s*+\)\n?)++")
_OPENINGS = (
    (re.compile(rf'<point\s++x="\s*+{_NUMBER}"\s++y="\s*+{_NUMBER}"\s++alt="'), "</point>"),
    (re.compile(rf'<points\s++(?:x[0-9]++="\s*+{_NUMBER}"\s++y[0-9]++="\s*+{_NUMBER}"\s++)++alt="'), "</points>"),
    (re.compile(r'<point\s++p=\s*+[0-9]{3}\s*+,\s*+[0-9]{3}\s++alt="'), "</point>"),
    (re.compile(r'<points\s++(?:[0-9]++=\s*+[0-9]{3}\s*+,\s*+[0-9]{3}\s++)++alt="'), "</points>"),
)


def format_points(
    points: Sequence[Pair],
    label: str,
    *,
    scale: Scale = 100,
    alt_text: str | None = None,
    mode: str = "point",
    dtype: str | None = None,
) -> str:
    """The answer that points at `points`; `There are none.` without any. `mode` is one of MODES.

    Sorted by x, then y, after rounding. `dtype` is the type the points were stored in where that is not float64: it decides how halves
    round. The label is taken as it is, the alternative text is the label unless told. A point outside of the picture is written as it is.
    Raises BadRecord for a point that is not finite.
    """
    tag = ""
    if len(points):
        require_finite(points, label)
        tag = _tag(_rounded(points, scale, dtype), label, label if alt_text is None else alt_text)
    return told(tag, len(points), mode, MODES)


def _tag(points: Sequence[Pair], label: str, alt_text: str) -> str:
    if len(points) == 1:
        ((x, y),) = points
        return f'<point x="{x:.1f}" y="{y:.1f}" alt="{alt_text}">{label}</point>'
    attributes = " ".join(f'x{i}="{x:.1f}" y{i}="{y:.1f}"' for i, (x, y) in enumerate(points, 1))
    return f'<points {attributes} alt="{alt_text}">{label}</points>'


def _rounded(points: Sequence[Pair], scale: Scale, dtype: str | None) -> list[Pair]:
    """Percent with one decimal, in order. The operations are those of the original, for their last bit decides halves."""
    if dtype is not None and dtype not in DTYPES:
        raise UnknownName("type of coordinates", dtype, DTYPES)
    given = np.asarray(points, dtype or "float64")
    edge = np.asarray(edges(scale))
    with np.errstate(all="ignore"):
        percent = given / (edge / 100) if isinstance(scale, tuple) else given * (100 / edge)
        rounded = percent.astype(given.dtype).round(1) + 0.0  # -0.04 is 0.0, not -0.0, which no parser reads
        order = np.argsort(rounded[:, 0] * 10000 + rounded[:, 1], kind="stable")
    if not np.isfinite(rounded).all():
        raise BadRecord("a point is too far outside of its picture to be written")
    return [(x, y) for x, y in rounded[order].tolist()]


def parse_points(text: str, *, scale: Scale = 100, strict: bool = False, legacy: bool = False) -> list[Pair]:
    """All points a text tells, in the unit of `scale`; points beyond 100 percent are none. Never fails, unless strict.

    In the order of the original: `Click(x, y)`, `(x, y)`, attributes `x1="…" y1="…"` wherever they are, `p=ddd,ddd` in per mille.
    `strict` wants text with tags as `format_points` writes them, or `There are none.`, and raises BadPointText with position and reason.
    `legacy`: a click is found twice, as the original did.
    """
    if strict:
        return [point for tag in read_tags(text, scale=scale) for point in tag.points]
    return scaled([*clicks(text), *without_tags(text, legacy=legacy)], scale)


def scaled(percent: Iterable[Pair], scale: Scale) -> list[Pair]:
    """Percent in the unit of a scale; points beyond 100 are left out."""
    width, height = edges(scale)
    return [(x * width / 100, y * height / 100) for x, y in percent if x <= 100 and y <= 100]


def clicks(text: str) -> Iterator[Pair]:
    """Percent told as `Click(x, y)`."""
    yield from _pairs(_CLICK.finditer(text))


def without_tags(text: str, *, legacy: bool = False) -> Iterator[Pair]:
    """Percent told as `(x, y)`, as attributes or per mille; `legacy`: brackets of a click are brackets, too."""
    of_clicks = set() if legacy else {found.start() + len("Click") for found in _CLICK.finditer(text)}
    yield from _pairs(found for found in _BRACKETS.finditer(text) if found.start() not in of_clicks)
    yield from _pairs(_ATTRIBUTES.finditer(text))
    yield from ((x / 10, y / 10) for x, y in _pairs(_PER_MILLE.finditer(text)))


def _pairs(matches: Iterable[re.Match[str]]) -> Iterator[Pair]:
    for found in matches:
        yield float(found[1]), float(found[2])


def is_point_answer(text: str) -> bool:
    """Whether a whole answer is points and nothing else, as the original's score of pointing asks for."""
    answer = text.strip()
    if _TUPLES.fullmatch(answer):
        return True
    for opening, closing in _OPENINGS:
        if (found := opening.match(answer)) and answer.endswith(closing):
            return answer.find('">', found.end(), len(answer) - len(closing)) >= 0
    return False
