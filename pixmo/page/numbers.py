"""Numbers as people read them. Decimal units: 1 kB is 1,000 bytes. A number and its unit never part at a line's end."""

from __future__ import annotations

import math

_GAP = "\u00a0"


def count(number: int) -> str:
    """`1,234,567`."""
    return f"{number:,}"


def compact(number: float) -> str:
    """Three digits and a unit at most: `0.5`, `12`, `1.2k`, `34M`."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= limit * 0.9995:
            return f"{_three(number / limit)}{unit}"
    return _three(number)


def size(number: float) -> str:
    """`950 B`, `71 kB`, `1.25 GB`."""
    for limit, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if number >= limit * 0.9995:
            return f"{_three(number / limit)}{_GAP}{unit}"
    return f"{number:.0f}{_GAP}B"


def share(part: float, whole: float) -> str:
    """Per cent, never rounded to all or nothing: `99.9 %` of 10,000 with one missing, `<0.1 %` for one of them."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return f"<0.1{_GAP}%"
    if 99.9 < percent < 100:
        return f">99.9{_GAP}%"
    return f"{percent:.1f}{_GAP}%" if percent % 100 else f"{percent:.0f}{_GAP}%"


def duration(seconds: float) -> str:
    """`42 s`, `3 min 20 s`, `5 h 7 min`, `2 d 4 h`."""
    if seconds < 9.95:
        return f"{seconds:.1f}{_GAP}s"
    whole = round(seconds)
    for large, big, small, little in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= large:
            rest = whole % large // small
            return f"{whole // large}{_GAP}{big}" + (f" {rest}{_GAP}{little}" if rest else "")
    return f"{whole}{_GAP}s"


def ticks(top: float, wanted: int = 4, whole: bool = False) -> list[float]:
    """Round numbers from 0 to at least `top`, about as many as wanted; `whole` for what is counted."""
    if top < 1e-300 or not math.isfinite(top):  # a quarter of less may be 0
        return [0.0, 1.0]
    rough = max(top / wanted, 1.0) if whole else top / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    round_ones = (1, 2, 5, 10) if whole and power == 1 else (1, 2, 2.5, 5, 10)
    step = next(power * m for m in round_ones if power * m >= rough * 0.999)
    return [step * i for i in range(math.ceil(top / step - 1e-9) + 1)]


def _three(number: float) -> str:
    text = f"{number:.3g}" if abs(number) < 999.5 else f"{number:.0f}"
    return f"{float(text):.0f}" if "e" in text else text
