"""Fixtures that every test may use."""

from hypothesis import settings

from tests.server.fixtures import trouble

settings.register_profile("untimed", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("untimed")

__all__ = ["pytest_make_parametrize_id", "trouble"]


def pytest_make_parametrize_id(config, val, argname):
    """Bytes never name a test: packed ones hold a clock, and two workers would then collect tests of different names."""
    return argname if isinstance(val, bytes) else None
