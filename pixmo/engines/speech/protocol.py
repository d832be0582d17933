"""What a speech engine is: samples in, words and segments with their times out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pixmo.ask import SpeechOutcome
from pixmo.audio.heard import Heard, Span

Samples = npt.NDArray[np.float32]
"""Mono sound at 16 kHz, -1 to 1, of shape [samples]."""

SAMPLE_RATE = 16_000


class HearingFault(Exception):
    """One recording could not be heard: `outcome` and `detail` are its data, the next one may go well."""

    def __init__(self, outcome: SpeechOutcome, detail: str) -> None:
        super().__init__(f"{outcome}: {detail}")
        self.outcome, self.detail = outcome, detail

    def __reduce__(self) -> tuple[type[HearingFault], tuple[SpeechOutcome, str]]:
        return type(self), (self.outcome, self.detail)  # so that it survives the way out of a process


class SpeechEngine(Protocol):
    """Hears one recording at a time; opened once in each process."""

    @property
    def fingerprint(self) -> str:
        """As `SpeechSettings.fingerprint`."""

    def hear(self, samples: Samples, spans: Sequence[Span]) -> Heard:
        """What is said within `spans`, which lie in order; the same samples and spans always give the same words.

        No spans: nobody speaks, and nothing is heard. Times count from the start of the samples.
        Raises HearingFault for this recording, PixmoError where the engine cannot go on at all.
        """


NOTHING = Heard("", None, None, (), ())
"""What is heard where nobody speaks."""
