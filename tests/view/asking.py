"""Asks a running viewer, until a page about a whole set is there."""

from __future__ import annotations

import http.client
import json
import re
import time
from typing import Any


class Answer:
    """What the viewer answered."""

    def __init__(self, url: str, path: str, method: str = "GET", body: Any = None, **headers: str) -> None:
        host = url.split("/")[2]
        connection = http.client.HTTPConnection(host, timeout=30)
        own = {"x-pixmo": "1", "origin": f"http://{host}"} if method == "POST" else {}
        told = own | {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(
            method, "/" + path, None if body is None else json.dumps(body), {k: v for k, v in told.items() if v}
        )
        response = connection.getresponse()
        self.status, self.headers, self.body = (
            response.status,
            {k.lower(): v for k, v in response.getheaders()},
            response.read(),
        )
        connection.close()

    @property
    def text(self) -> str:
        return self.body.decode()


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
