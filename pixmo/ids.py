"""Digests and the canonical forms they are taken of."""

from __future__ import annotations

import hashlib
import json
from typing import Any, NewType

Digest = NewType("Digest", str)
"""A sha256 as 64 lower-case hexadecimal digits."""


def digest(data: bytes | memoryview) -> Digest:
    """The sha256 of bytes."""
    return Digest(hashlib.sha256(data).hexdigest())


def canonical_json(value: Any) -> bytes:  # Any: whatever json can say
    """The one spelling of a JSON value: sorted keys, no spaces, UTF-8, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def as_read_back(value: Any) -> Any:  # Any: whatever json can say
    """A JSON value as a file gives it back: tuples are lists, so that what was written and what was read compare equal."""
    return json.loads(json.dumps(value))


def digest_of(value: Any) -> Digest:  # Any: whatever json can say
    """The digest of a JSON value's canonical spelling."""
    return digest(canonical_json(value))


def short(full: str) -> str:
    """The first 16 digits: 64 bits, enough to name a file among those of one run."""
    return full[:16]


def is_digest(text: str) -> bool:
    """Whether the text is 64 lower-case hexadecimal digits."""
    return len(text) == 64 and not set(text) - set("0123456789abcdef")
