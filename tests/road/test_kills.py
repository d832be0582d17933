"""Killed at any moment, a run is finished by the same command, with the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.road.kills import IN_FLIGHT, attack


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_fifty_moments_the_files_are_the_same(tmp_path: Path) -> None:
    """After SIGKILL of one or all processes, reruns end in byte-identical files and ask again only what was in flight."""
    tally = attack(kills=50, seed=20, folder=tmp_path)
    assert tally.failures == []
    assert tally.kills == 50
    assert tally.repeats <= tally.kills * 2 * IN_FLIGHT
