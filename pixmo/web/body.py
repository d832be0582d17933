"""Reading what a browser sends, no more of it than is wanted."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.requests import Request

from pixmo.web.refused import Refused

PATIENCE_S = 60.0  # for one body: a chunk over a poor line takes less
MAX_JSON_BYTES = 4096


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The whole body. Refused with 413 as soon as it is too large, with 408 when it takes too long."""
    told = request.headers.get("content-length", "0")
    if told.isdecimal() and int(told) > max_bytes:
        raise Refused(413, f"more than {max_bytes:,} bytes at once")
    held = bytearray()
    try:
        async with asyncio.timeout(PATIENCE_S):
            async for part in request.stream():
                held += part
                if len(held) > max_bytes:
                    raise Refused(413, f"more than {max_bytes:,} bytes at once")
    except TimeoutError:
        raise Refused(408, f"took longer than {PATIENCE_S:.0f} s") from None
    return bytes(held)


async def read_json(request: Request) -> dict[str, Any]:  # Any: JSON
    """A small JSON object. Refused with 400 when it is none."""
    try:
        found = json.loads(await read_body(request, MAX_JSON_BYTES))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refused(400, "not a JSON object")
    return found
