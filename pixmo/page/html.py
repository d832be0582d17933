"""HTML in which nothing foreign can be markup: every string is escaped unless this module made it.

`tag("p", "a < b", class_="note")` gives `<p class="note">a &lt; b</p>`. `Html` marks what is markup already; only this room
makes it. `page` is one self-contained document that asks nobody for anything: its policy allows its own style, by digest,
and pictures in data: URLs, and no script.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from typing import TypeAlias

from pixmo.page.style import STYLE

_NAME = re.compile(r"[a-z][a-z0-9-]*|viewBox|preserveAspectRatio")
_VOID = frozenset({"br", "col", "hr", "img", "input", "link", "meta", "wbr"})
_SAFE_LINK = re.compile(r"https?://|#|\./|data:image/(?:png|jpeg|webp|gif);base64,")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
_SPECIAL = re.compile("[&<>\"'\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Html(str):
    """Markup made by this room; everything else is text."""

    __slots__ = ()


Child: TypeAlias = "str | int | Iterable[Child] | None"


def escape(text: str) -> Html:
    """The text as markup that shows it; characters no document may hold are shown as \ufffd."""
    return Html(_SPECIAL.sub(lambda found: _ENTITIES.get(found[0], "\ufffd"), text))


def tag(name: str, /, *children: Child, **attributes: str | int | float | bool | None) -> Html:
    """An element. Attribute names lose a final underscore, others become hyphens; None and False leave one out.

    Raises ValueError for a link or picture that leads elsewhere than http(s), this page, or an embedded picture.
    """
    opening = f"<{_checked(name)}{''.join(_attribute(k, v) for k, v in attributes.items())}>"
    return Html(opening if name in _VOID else f"{opening}{join(children)}</{name}>")


def join(children: Iterable[Child]) -> Html:
    """Children one after the other: text escaped, markup as it is, iterables in order, None left out."""
    return Html("".join(_child(c) for c in children))


def foreign(text: str, max_chars: int = 120) -> Html:
    """Text from outside: shortened in its middle, isolated so that its direction cannot turn what stands around it."""
    return tag("bdi", shortened(text, max_chars))


def shortened(text: str, max_chars: int) -> str:
    """The text, or its two ends with … between."""
    if len(text) <= max_chars:
        return text
    tail = max_chars // 3
    return f"{text[: max_chars - tail - 1]}…{text[-tail:]}"


def page(title: str, *body: Child, style: str = "", script: str = "", language: str = "en") -> str:
    """A whole document that asks nobody for anything. `style` and `script` are ours, never made of what is shown: allowed by digest.

    Raises ValueError for a script or style that would end its own element.
    """
    if "</" in style + script or "<!--" in script:
        raise ValueError("a script or style must not end its element")
    look = STYLE + style
    scripts = f"script-src {_allowed(script)}; " if script else ""
    policy = (
        f"default-src 'none'; style-src {_allowed(look)}; {scripts}img-src data:; base-uri 'none'; form-action 'none'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Html(look)),
    )
    whole = tag("body", *body, tag("script", Html(script)) if script else None)
    return f"<!doctype html>\n{tag('html', head, whole, lang=language)}\n"


def _allowed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _child(child: Child) -> str:
    if isinstance(child, Html):
        return child
    if isinstance(child, str):
        return escape(child)
    if child is None:
        return ""
    return str(child) if isinstance(child, int) else join(child)


def _attribute(name: str, value: str | int | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = _checked(name.rstrip("_").replace("_", "-"))
    if name.startswith("on") or name == "style":
        raise ValueError(f"the page's policy forbids {name}=")
    if value is True:
        return f" {name}"
    if name in ("href", "src") and not _SAFE_LINK.match(str(value)):
        raise ValueError(f"no link to {str(value)[:80]!r}")
    return f' {name}="{escape(str(value))}"'


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"no name for markup: {name!r}")
    return name
