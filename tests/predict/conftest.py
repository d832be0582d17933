"""Models that many tests ask, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.predict.material import checkpoint


@pytest.fixture(scope="session")
def molmo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Molmo of 2024."""
    return checkpoint(tmp_path_factory.mktemp("molmo") / "tiny")


@pytest.fixture(scope="session")
def molmo2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Molmo2."""
    return checkpoint(tmp_path_factory.mktemp("molmo2") / "tiny2", "molmo2-tiny")
