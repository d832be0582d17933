"""A host of a million pictures: python tiny_host.py PORT. Every path is another PNG of 8 × 8 pixels of noise, about 260 bytes."""

from __future__ import annotations

import asyncio
import hashlib
import struct
import sys
import zlib

SIDE_PX = 8


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


HEAD = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE_PX, SIDE_PX, 8, 2, 0, 0, 0))
TAIL = chunk(b"IEND", b"")


def png(name: bytes) -> bytes:
    """The picture of a name: noise that no other name has, so that nothing is a duplicate."""
    row = SIDE_PX * 3
    noise = hashlib.shake_256(name).digest(SIDE_PX * row)
    lines = b"".join(b"\0" + noise[at : at + row] for at in range(0, len(noise), row))
    return HEAD + chunk(b"IDAT", zlib.compress(lines, 0)) + TAIL


class Host(asyncio.Protocol):
    """Answers each request head at once."""

    def __init__(self) -> None:
        self._seen = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Every complete head is one request."""
        *heads, self._seen = (self._seen + data).split(b"\r\n\r\n")
        for head in heads:
            body = png(head.split(b" ", 2)[1])
            told = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n" % len(body)
            self._transport.write(told + body)


async def main(port: int) -> None:
    """Serves until it is killed."""
    server = await asyncio.get_running_loop().create_server(Host, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
