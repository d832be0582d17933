"""Bodies within bounds: how many large ones at once, how fast all together, and what an encoding may unfold to."""

from __future__ import annotations

import zlib

from pixmo.ask import Outcome
from pixmo.engines.http.guard import Refusal

LARGE = 2**20  # bytes: a body beyond this needs one of LARGE_AT_ONCE tokens, so memory is bounded whatever is in flight
LARGE_AT_ONCE = 3

_PLAIN = frozenset({"", "identity", "none"})
_GZIP = frozenset({"gzip", "x-gzip"})


class Meter:
    """Spreads bytes over time: `due` says how long to wait after having taken so many."""

    def __init__(self, max_mbit: float) -> None:
        self._bytes_per_s = max_mbit * 1e6 / 8
        self._free_at = 0.0

    def due(self, taken: int, now: float) -> float:
        """Seconds until `taken` further bytes are paid for."""
        self._free_at = max(self._free_at, now) + taken / self._bytes_per_s
        return self._free_at - now


def is_encoded(content_encoding: str) -> bool:
    """Whether the header names an encoding that must be undone."""
    return content_encoding.strip().lower() not in _PLAIN


def decoded(data: bytes, content_encoding: str, max_bytes: int) -> bytes | Refusal:
    """The body as it was before its Content-Encoding, never unfolding more than max_bytes."""
    how = content_encoding.strip().lower()
    try:
        if how in _GZIP:
            return _inflate(data, 31, max_bytes)
        if how == "deflate":  # with the zlib wrapper by the standard, without it by habit
            return _inflate(data, 15 if _has_zlib_head(data) else -15, max_bytes)
    except zlib.error:
        return Refusal(Outcome.BAD_ENCODING, f"not {how}")
    return Refusal(Outcome.BAD_ENCODING, how[:80])


def _inflate(data: bytes, wbits: int, max_bytes: int) -> bytes | Refusal:
    out = bytearray()
    while data:  # gzip may come in several members
        unpack = zlib.decompressobj(wbits)
        out += unpack.decompress(data, max_bytes + 1 - len(out))
        if len(out) > max_bytes:
            return Refusal(Outcome.TOO_LARGE, "when decoded")
        if not unpack.eof:
            return Refusal(Outcome.BAD_ENCODING, "the encoded body ends early")
        data = unpack.unused_data if wbits == 31 and unpack.unused_data.startswith(b"\x1f\x8b") else b""
    return bytes(out)


def _has_zlib_head(data: bytes) -> bool:
    return len(data) > 1 and data[0] & 15 == 8 and (data[0] << 8 | data[1]) % 31 == 0
