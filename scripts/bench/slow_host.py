"""A host that is far away: python slow_host.py PORT LATENCY_S BODY_BYTES.

Every name, every path: 200, after the latency. Raw protocol, kept-alive connections, one process; a body begins with
its path, so that no two are alike. At the end (SIGTERM) a line on standard error counts requests, connections, names.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys

STATE = {"requests": 0, "connections": 0}
NAMES: set[bytes] = set()


class Far(asyncio.Protocol):
    """Answers each request head after the latency."""

    def __init__(self, latency_s: float, size: int) -> None:
        self._latency_s, self._size, self._seen = latency_s, size, b""
        STATE["connections"] += 1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Every complete head is one request."""
        *heads, self._seen = (self._seen + data).split(b"\r\n\r\n")
        for head in heads:
            first, *lines = head.split(b"\r\n")
            STATE["requests"] += 1
            NAMES.update(line[5:].strip() for line in lines if line.lower().startswith(b"host:"))
            body = first.split(b" ")[1].ljust(self._size, b".")[: self._size]
            asyncio.get_running_loop().call_later(self._latency_s, self._answer, body)

    def _answer(self, body: bytes) -> None:
        if not self._transport.is_closing():
            head = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(body)
            self._transport.write(head + body)


async def main(port: int, latency_s: float, size: int) -> None:
    """Serves until it is told to end."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    await loop.create_server(lambda: Far(latency_s, size), "127.0.0.1", port, backlog=4096)
    await ended.wait()
    print(json.dumps(STATE | {"names": len(NAMES)}), file=sys.stderr, flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
