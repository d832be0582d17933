"""Asks a running viewer for a page about a whole set, until it is there."""

from __future__ import annotations

import re
import time

from tests.view.test_server import Answer


def ready(url: str, path: str) -> Answer:
    """The page, when what it needs was computed."""
    for _ in range(600):
        answer = Answer(url, path)
        if "<progress" not in answer.text:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"{path} is still being computed")


def words(html: str) -> str:
    """What the page says, without markup and with single spaces."""
    return " ".join(re.sub(r"<[^>]+>", " ", html.replace("&#39;", "'").replace("&quot;", '"')).split())
