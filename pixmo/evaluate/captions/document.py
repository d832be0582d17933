"""A self-contained page with a script: as `pixmo.page.html.page` makes it, with more style and one script, both allowed by digest."""

from __future__ import annotations

import base64
import hashlib

from pixmo.page.html import Child, Html, tag
from pixmo.page.style import STYLE


def document(title: str, *body: Child, style: str = "", script: str = "", language: str = "en") -> str:
    """A whole document that asks nobody for anything; `style` and `script` are ours, never made of what is shown.

    Raises ValueError for a script or style that would end its own element.
    """
    if "</" in style + script or "<!--" in script:
        raise ValueError("a script or style must not end its element")
    look = STYLE + style
    policy = (
        f"default-src 'none'; style-src {_allowed(look)}; script-src {_allowed(script)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
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
    whole = tag("html", head, tag("body", *body, tag("script", Html(script))), lang=language)
    return f"<!doctype html>\n{whole}\n"


def _allowed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
