"""What the tests of the road share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.road.lists import ADDRESSES, fill
from tests.server.trouble import TroubleServer


@pytest.fixture
def host() -> Iterator[TroubleServer]:
    """Two hosts with forty pictures, one behind each of the first two addresses."""
    with TroubleServer(addresses=ADDRESSES[:2]) as server:
        fill(server)
        yield server
