"""What the demo's web host does, and what the road must make of it."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pixmo.cli.demo_pictures import bomb, drawn, encoded, rotated

HTML = b"<!doctype html><title>Sorry</title><p>This picture has moved to our new gallery."
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
METADATA_SERVICE = "http://169.254.169.254/latest/meta-data/"


@dataclass(frozen=True)
class Page:
    """How the host answers one path. `first` are the statuses of the first answers, before the good one."""

    body: bytes = b""
    status: int = 200
    content_type: str = "image/jpeg"
    headers: tuple[tuple[str, str], ...] = ()
    first: tuple[int, ...] = ()
    manner: str = "plain"  # plain, hang, drip, cut (mid-body, always), cut_once, endless


@dataclass(frozen=True)
class Case:
    """A kind of row: what happens to it and the outcome it must have."""

    kind: str
    outcome: str
    pages: tuple[Page, ...] = ()
    host: int = 1  # the last number of its loopback address: a host with a temper of its own is a site of its own
    urls: tuple[str, ...] = ()  # given as they are, instead of pages
    sha256: str | None = None  # the digest the list expects: `right`, `wrong` or none
    also: dict[str, object] = field(default_factory=dict)  # what other columns must hold


@dataclass(frozen=True)
class Row:
    """One line of the demo's list, and what must become of it."""

    url: str
    sha256: str
    kind: str
    outcome: str
    also: dict[str, object]


def photo(seed: int) -> Page:
    """A good JPEG."""
    return Page(encoded(drawn(seed), quality=85))


def moved(to: str) -> Page:
    """A redirect."""
    return Page(status=302, headers=(("Location", to),))


def cases() -> list[Case]:
    """All kinds of rows, the good ones first."""
    return [*_good(), *_recovering(), *_refused(), *_broken()]


def _good() -> Iterator[Case]:
    yield Case("a good picture", "ok", tuple(photo(n) for n in range(12)))
    yield Case(
        "its digest as the list says", "ok", (photo(20), photo(21)), sha256="right", also={"hash_verdict": "equal"}
    )
    yield Case(
        "another picture than the list says", "ok", (photo(22),), sha256="wrong", also={"hash_verdict": "differs"}
    )
    yield Case("PNG on its side (EXIF)", "ok", (Page(rotated(30, "PNG"), content_type="image/png"),),
               also={"format": "PNG", "exif_orientation": 6})  # fmt: skip
    yield Case("WebP", "ok", (Page(rotated(31, "WEBP"), content_type="image/webp"),), also={"format": "WEBP"})
    yield Case("GIF called a JPEG", "ok", (Page(encoded(drawn(32), "GIF")),), also={"format": "GIF"})
    same = photo(40)
    yield Case("the same bytes twice", "ok", (same, same))
    near = drawn(41)
    yield Case("a picture and its smaller copy", "ok",
               (Page(encoded(near, quality=92)), Page(encoded(near.resize((240, 180)), quality=70))))  # fmt: skip
    packed = Page(gzip.compress(encoded(drawn(42)), mtime=0), headers=(("Content-Encoding", "gzip"),))
    yield Case("sent gzipped", "ok", (packed,))
    yield Case("three redirects on", "ok", (moved("/hop/2"),))


def _recovering() -> Iterator[Case]:
    wait = (("Retry-After", "1"),)
    yield Case(
        "429 with Retry-After, then good", "ok", (Page(photo(50).body, first=(429,), headers=wait), photo(51)), 2
    )
    yield Case("503 twice, then good", "ok", (Page(photo(52).body, first=(503, 503)),), 3)
    yield Case("cut off once, then whole", "ok", (Page(photo(53).body, manner="cut_once"),), 6)


def _refused() -> Iterator[Case]:
    yield Case("not found", "not_found", (Page(HTML, 404, "text/html"),))
    yield Case("gone", "gone", (Page(b"", 410, "text/html"),))
    yield Case("forbidden", "forbidden", (Page(HTML, 403, "text/html"),))
    yield Case("redirects in a circle", "bad_redirect", (moved("/circle/1"),))
    yield Case("redirect to a metadata service", "refused_address", (moved(METADATA_SERVICE),))
    yield Case("redirect to a file", "refused_scheme", (moved("file:///etc/passwd"),))
    yield Case("rights reserved (noai)", "opted_out", (Page(photo(60).body, headers=(("X-Robots-Tag", "noai"),)),))
    yield Case("a private address", "refused_address", urls=("http://192.168.7.7/picture.jpg",))
    yield Case("not on the web", "refused_scheme", urls=("file:///etc/passwd",))
    yield Case("not a URL", "bad_url", urls=("picture.jpg",))
    yield Case("no URL", "no_url", urls=("",))


def _broken() -> Iterator[Case]:
    half = photo(70).body
    yield Case("a web page called JPEG", "not_an_image", (Page(HTML),))
    yield Case("SVG", "not_an_image", (Page(SVG, content_type="image/svg+xml"),))
    yield Case("no bytes", "empty", (Page(b""),))
    yield Case("half a file, whole by its own account", "broken_image", (Page(half[: len(half) // 2]),))
    yield Case("900 megapixels in 70 bytes", "too_many_pixels", (Page(bomb(), content_type="image/png"),))
    yield Case("10 GB", "too_large", (Page(manner="endless"),))
    yield Case("cut off every time", "truncated", (Page(photo(71).body, manner="cut"),), 7)
    yield Case("never answers", "timeout", (Page(manner="hang"),), 4)
    yield Case("16 bytes per second", "too_slow", (Page(photo(72).body, manner="drip"),), 5)
    yield Case("nobody listens", "connect", urls=("http://127.0.0.8:9/picture.jpg",))


def laid_out(address: Callable[[int], str]) -> tuple[dict[str, Page], list[Row]]:
    """(the host's pages by path, the list's rows); `address` gives scheme, host and port of a host by its number."""
    pages = {"/hop/2": moved("/hop/3"), "/hop/3": moved("/hop/4"), "/hop/4": photo(43)}
    pages |= {"/circle/1": moved("/circle/2"), "/circle/2": moved("/circle/1")}
    rows = []
    for number, case in enumerate(cases()):
        for n, page in enumerate(case.pages):
            path = f"/{number}/{n}.jpg"
            pages[path] = page
            rows.append(
                Row(address(case.host) + path, _digest(case.sha256, page.body), case.kind, case.outcome, case.also)
            )
        rows += [Row(url, "", case.kind, case.outcome, case.also) for url in case.urls]
    return pages, rows


def _digest(which: str | None, body: bytes) -> str:
    if which is None:
        return ""
    return hashlib.sha256(body if which == "right" else b"another picture").hexdigest()
