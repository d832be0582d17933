"""The chances a prompt takes: which template, whether the style is named, how far a length is off."""

from __future__ import annotations

from typing import Protocol, Self

from numpy.random import RandomState

from pixmo.ids import digest


class Draws(Protocol):
    """Gives the next random number of each kind. The order of the questions is part of the format: the same numbers, the same text."""

    def index(self, n: int) -> int:
        """One of 0 … n-1."""
        ...

    def uniform(self) -> float:
        """At least 0, below 1."""
        ...

    def normal(self, mean: float, deviation: float) -> float:
        """From a normal distribution."""
        ...


class RandomDraws:
    """Draws from numpy's RandomState, whose numbers stay the same from release to release."""

    def __init__(self, seed: int) -> None:
        self._state = RandomState(seed)

    @classmethod
    def for_row(cls, row: str, seed: int = 0) -> Self:
        """The draws of one row: the same whatever rows were written before it, on any machine."""
        return cls(int(digest(f"{seed} {row}".encode(errors="surrogatepass"))[:8], 16))

    def index(self, n: int) -> int:
        """One of 0 … n-1."""
        return int(self._state.randint(0, n))

    def uniform(self) -> float:
        """At least 0, below 1."""
        return float(self._state.random_sample())

    def normal(self, mean: float, deviation: float) -> float:
        """From a normal distribution."""
        return float(self._state.normal(mean, deviation))
