"""Tar archives of which every byte is decided by their members: ustar headers with no clock, no owner."""

from __future__ import annotations

from pixmo.storage.export.sink import HashingSink

BLOCK = 512
_LIMIT = 8**11  # what eleven octal digits can say: 8 GiB


class TarWriter:
    """Appends regular files to a sink."""

    def __init__(self, sink: HashingSink) -> None:
        self._sink = sink

    def add(self, name: str, data: bytes | memoryview) -> int:
        """Appends one member and returns where its data begin. Names are ASCII of at most 100 characters."""
        size = len(data)
        self._sink.write(header(name, size))
        begin = self._sink.tell()
        self._sink.write(data)
        self._sink.write(bytes(-size % BLOCK))
        return begin

    def finish(self) -> None:
        """Two empty blocks end an archive; then zeros to whole records of 20 blocks, as tar itself writes them."""
        self._sink.write(bytes(2 * BLOCK))
        self._sink.write(bytes(-self._sink.tell() % (20 * BLOCK)))


def header(name: str, size: int) -> bytes:
    """The ustar header of a regular file, mode 0644, owner 0, time 0. Source: POSIX.1-2017, pax, ustar format."""
    encoded = name.encode("ascii")
    if len(encoded) > 100 or size >= _LIMIT:
        raise ValueError(f"no room in a ustar header for {name!r} of {size} bytes")
    # name, mode, uid, gid, size, mtime | checksum | type, link name, magic and version, owner names, device, prefix
    fields = [encoded.ljust(100, b"\0"), b"0000644\0", b"0000000\0", b"0000000\0", b"%011o\0" % size, b"%011o\0" % 0]
    tail = b"0" + bytes(100) + b"ustar\x0000" + bytes(64) + b"0000000\0" + b"0000000\0" + bytes(155 + 12)
    start = b"".join(fields)
    checksum = sum(start) + 8 * 0x20 + sum(tail)
    return start + b"%06o\0 " % checksum + tail
