"""Fixtures that every test may use."""

from tests.server.fixtures import trouble

__all__ = ["trouble"]
