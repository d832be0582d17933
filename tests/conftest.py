"""Fixtures that every test may use."""

from tests.server.fixtures import trouble

__all__ = ["pytest_make_parametrize_id", "trouble"]


def pytest_make_parametrize_id(config, val, argname):
    """Bytes never name a test: packed ones hold a clock, and two workers would then collect tests of different names."""
    return argname if isinstance(val, bytes) else None
