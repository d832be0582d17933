"""Draws that a test writes down."""

from __future__ import annotations


class Told:
    """Draws that were written down: each must be asked for, in this order."""

    def __init__(self, *told):
        self.left = list(told)

    def index(self, n):
        call, high, value = self.left.pop(0)
        assert (call, high) == ("randint", n)
        return value

    def uniform(self):
        call, value = self.left.pop(0)
        assert call == "uniform"
        return value

    def normal(self, mean, deviation):
        call, told_mean, told_deviation, value = self.left.pop(0)
        assert (call, told_mean, told_deviation) == ("normal", mean, deviation)
        return value
