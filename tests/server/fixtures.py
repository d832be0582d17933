"""Fixtures with the misbehaving server; listed in `tests/conftest.py` as a plugin."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.server.trouble import TroubleServer

JPEG = b"\xff\xd8\xff\xe0" + random.Random(7).randbytes(20_000) + b"\xff\xd9"
"""20 kB that look like a JPEG from outside: enough for whoever only carries bytes."""


@pytest.fixture
def trouble() -> Iterator[TroubleServer]:
    """A running server that holds `/p/a.jpg`."""
    with TroubleServer() as server:
        server.pictures["a.jpg"] = JPEG
        yield server
