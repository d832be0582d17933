"""What records have in common, looked at: URLs, digests, texts, points, masks. Nothing here raises, whatever the values are."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple
from urllib.parse import urlsplit

from pixmo.ids import is_digest
from pixmo.records.base import Finding
from pixmo.records.places import Mask, Point, Unit
from pixmo.records.rules import found

LONGEST_URL = 8192
MANY_POINTS = 60
LONGEST_SIDE = 2**31  # of a mask, in pixels
SLACK = 0.01  # of the picture: what annotation tools let slip over its edge
FULL = {Unit.PERCENT: 100.0, Unit.UNIT_SQUARE: 1.0, Unit.PER_MILLE: 1000.0}
_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9.-]+/[!-~]*")  # nearly all of a list; saves taking them apart
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_REFUSAL = re.compile(
    r"^\s*(?:i['’]?m sorry|i am sorry|sorry,|as an ai\b|i (?:cannot|can['’]?t|am unable to|am not able to) "
    r"(?:assist|help|describe|identify|provide|see|view|fulfill|comply))",
    re.IGNORECASE,
)


class Frame(NamedTuple):
    """What coordinates are measured in, and the picture's size where it is known."""

    unit: Unit
    width_px: int | None
    height_px: int | None

    def edges(self) -> tuple[float, float] | None:
        """The coordinates of the lower right corner; None for pixels of a picture of unknown size."""
        if self.unit is not Unit.PIXELS:
            return FULL[self.unit], FULL[self.unit]
        if self.width_px is None or self.height_px is None:
            return None
        return _as_float(self.width_px), _as_float(self.height_px)


def of_picture(url: str | None, sha256: str | None) -> Iterator[Finding]:
    """Which picture it is."""
    if url is not None:
        yield from of_url(url, "image_url")
    if sha256 is not None and not is_digest(sha256):
        yield found("bad_sha256", "image_sha256", short(sha256))


def of_pictures(urls: Sequence[str] | None, sha256s: Sequence[str | None] | None) -> Iterator[Finding]:
    """Which pictures they are."""
    for i, url in enumerate(urls or ()):
        yield from of_url(url, f"image_urls[{i}]")
    for i, sha256 in enumerate(sha256s or ()):
        if sha256 is not None and not is_digest(sha256):
            yield found("bad_sha256", f"image_sha256s[{i}]", short(sha256))
    if urls is not None and sha256s is not None and len(urls) != len(sha256s):
        yield found("lists_differ", "image_sha256s", f"{len(sha256s)} digests of {len(urls)} pictures")


def of_url(url: str, path: str) -> Iterator[Finding]:
    """An absolute http(s) URL."""
    if len(url) > LONGEST_URL or not (_PLAIN_URL.fullmatch(url) or is_web_address(url)):
        yield found("bad_url", path, short(url))


def is_web_address(url: str) -> bool:
    """Whether a text is an absolute http(s) URL without a name and password; white space around it is allowed."""
    text = url.strip()
    try:
        parts = urlsplit(text)
        has_host = bool(parts.hostname) and not re.search(r"\s", parts.netloc) and parts.port != 0
    except ValueError:  # brackets of no address, a port that is no number
        return False
    return parts.scheme in ("http", "https") and has_host and "@" not in parts.netloc and not _CONTROL.search(text)


def of_label(text: str, path: str = "label") -> Iterator[Finding]:
    """A name for something."""
    if not text.strip():
        yield found("label_empty", path, short(text))
    elif _CONTROL.search(text):
        yield found("label_control_characters", path, short(text))


def of_text(text: str | None, path: str) -> Iterator[Finding]:
    """A text that has to say something."""
    if text is None:
        return
    if not text.strip():
        yield found("text_empty", path, short(text))
    elif text != text.strip():
        yield found("text_padded", path, short(text))


def of_refusal(text: str, path: str) -> Iterator[Finding]:
    """A model that said it would not."""
    if _REFUSAL.search(text):
        yield found("refusal", path, short(text))


def of_size(frame: Frame, has_points: bool) -> Iterator[Finding]:
    """The picture's size, where points need one."""
    for name, side in (("image_width_px", frame.width_px), ("image_height_px", frame.height_px)):
        if side is not None and side < 1:
            yield found("size_not_positive", name, f"{short(side)} px")
    if has_points and frame.unit is Unit.PIXELS and frame.edges() is None:
        yield found("size_unknown", "image_width_px", "the unit is pixels")


def of_points(given: Sequence[Point], frame: Frame, path: str = "points") -> Iterator[Finding]:
    """Places in a picture."""
    edges = frame.edges()
    if len(given) > MANY_POINTS:
        yield found("many_points", path, f"{len(given)} points")
    if edges is not None:
        (right, lower), (slack_x, slack_y) = edges, (edges[0] * SLACK, edges[1] * SLACK)
    else:
        right = lower = slack_x = slack_y = math.inf
    seen: set[tuple[float, float]] = set()
    for i, (x, y) in enumerate((p.x, p.y) for p in given):
        try:  # not by is_finite: two more calls for each point
            finite = math.isfinite(x) and math.isfinite(y)
        except OverflowError:
            finite = False
        if not finite:
            yield found("not_finite", f"{path}[{i}]", short((x, y)))
            continue
        if not (0 <= x <= right and 0 <= y <= lower):
            near = -slack_x <= x <= right + slack_x and -slack_y <= y <= lower + slack_y and edges is not None
            rule = "point_outside" if near else "point_far_outside"
            yield found(rule, f"{path}[{i}]", f"({x:g}, {y:g}) {frame.unit}")
        if (x, y) in seen:
            yield found("point_doubled", f"{path}[{i}]", f"({x:g}, {y:g})")
        seen.add((x, y))


def of_count(told: int | None, number: int | None, path: str = "count") -> Iterator[Finding]:
    """A published number beside what can be counted; None where nothing can."""
    if told is None:
        return
    if told < 0:
        yield found("count_negative", path, short(told))
    elif number is not None and told != number:
        yield found("count_differs", path, f"{short(told)}, but {number} points")


def of_masks(given: Sequence[Mask], places: Sequence[Point], frame: Frame) -> Iterator[Finding]:
    """Masks of one picture, and the points they belong to."""
    sizes = {(m.width_px, m.height_px) for m in given}
    if len(sizes) > 1 or (sizes and frame.width_px is not None and sizes != {(frame.width_px, frame.height_px)}):
        yield found("mask_size_differs", "masks", ", ".join(f"{short(w)} × {short(h)}" for w, h in sorted(sizes)[:2]))
    if places and len(given) != len(places):
        yield found("masks_differ", "masks", f"{len(given)} masks, {len(places)} points")
    for i, mask in enumerate(given):
        path = f"masks[{i}]"
        if not _is_whole(mask):
            told = f"{short(sum(mask.runs))} pixels of {short(mask.width_px)} × {short(mask.height_px)}"
            yield found("mask_broken", path, told)
        elif not sum(mask.runs[1::2]):
            yield found("mask_empty", path, f"{mask.width_px} × {mask.height_px}")
        elif i < len(places) and len(given) == len(places) and not _inside(mask, places[i], frame):
            yield found("point_not_in_mask", f"points[{i}]", f"({places[i].x:g}, {places[i].y:g}) {frame.unit}")


def _is_whole(mask: Mask) -> bool:
    """Whether the runs are those of a rectangle."""
    sides = 0 <= mask.height_px < LONGEST_SIDE and 0 <= mask.width_px < LONGEST_SIDE
    return sides and min(mask.runs, default=-1) >= 0 and sum(mask.runs) == mask.height_px * mask.width_px


def _inside(mask: Mask, place: Point, frame: Frame) -> bool:
    """Whether the pixel under a place is in the mask; a place outside the picture is told of elsewhere."""
    right, lower = FULL.get(frame.unit, float(mask.width_px)), FULL.get(frame.unit, float(mask.height_px))
    if not (0 <= place.x <= right and 0 <= place.y <= lower):
        return True
    column = min(int(place.x / right * mask.width_px), mask.width_px - 1)
    row = min(int(place.y / lower * mask.height_px), mask.height_px - 1)
    return bisect_right(list(accumulate(mask.runs)), row * mask.width_px + column) % 2 == 1


def of_span(start: float | None, end: float | None, name: str) -> Iterator[Finding]:
    """A stretch of time."""
    for path, value in ((f"{name}_start", start), (f"{name}_end", end)):
        if value is not None and not is_finite(value):
            yield found("not_finite", path, short(value))
    if (start is not None and start < 0) or (start is not None and end is not None and end < start):
        yield found("span_backwards", f"{name}_start", f"{short(start)} to {short(end)}")


def is_finite(value: float) -> bool:
    """Neither NaN nor infinite; a whole number that no float holds counts as infinite."""
    return math.isfinite(_as_float(value))


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def short(value: object) -> str:
    """A value as a finding shows it."""
    try:
        text = repr(value)
    except ValueError:  # Python spells no number of more than 4,300 digits
        return "a number too long to spell"
    return text if len(text) <= 80 else text[:79] + "…"
