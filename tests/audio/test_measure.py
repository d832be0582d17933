"""Loudness, peak, clipping and noise of sounds whose values are known."""

from __future__ import annotations

import numpy as np
import pytest

from pixmo.audio.heard import Span
from pixmo.audio.measure import FULL_SCALE, SAMPLE_RATE, Level, loudness_lufs, snr_db


def sine(seconds: float, level_dbfs: float, hertz: float = 997.0) -> np.ndarray:
    at = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (np.sin(2 * np.pi * hertz * at) * 10 ** (level_dbfs / 20)).astype(np.float32)


def hiss(seconds: float, level_dbfs: float) -> np.ndarray:
    drawn = np.random.default_rng(0).standard_normal(round(seconds * SAMPLE_RATE))
    return (drawn * 10 ** (level_dbfs / 20)).astype(np.float32)


@pytest.mark.parametrize("level", [-40.0, -23.0, -6.0])
def test_a_tone_of_997_hz_is_3_decibels_under_its_peak(level: float) -> None:
    """ITU-R BS.1770: such a tone in one channel reads 3.01 below its peak."""
    assert loudness_lufs(sine(3.0, level)) == pytest.approx(level - 3.01, abs=0.1)


def test_loudness_is_that_of_what_is_loud() -> None:
    """The gate leaves silence out: pauses make nobody quieter."""
    spoken = sine(5.0, -20.0)
    paused = np.concatenate([spoken, np.zeros(5 * SAMPLE_RATE, np.float32)])
    assert loudness_lufs(paused) == pytest.approx(loudness_lufs(spoken), abs=0.3)


@pytest.mark.parametrize(
    "samples", [np.zeros(0, np.float32), sine(0.39, -20.0), np.zeros(3 * SAMPLE_RATE, np.float32), sine(3.0, -75.0)]
)
def test_silence_and_shreds_have_no_loudness(samples: np.ndarray) -> None:
    """Nothing at all, less than a block of 0.4 s, digital silence, and what is under the gate at -70 LUFS."""
    assert loudness_lufs(samples) is None


def test_snr_is_the_distance_of_speech_to_its_pauses() -> None:
    """Speech 20 dB above the noise reads 20 dB."""
    samples = hiss(6.0, -50.0)
    samples[2 * SAMPLE_RATE : 4 * SAMPLE_RATE] += hiss(2.0, -30.0)
    assert snr_db(samples, [Span(2.0, 4.0)]) == pytest.approx(20.0, abs=0.5)


def test_a_bang_in_a_pause_is_no_noise() -> None:
    """What counts is how it is most of the time."""
    samples = hiss(6.0, -50.0)
    samples[2 * SAMPLE_RATE : 4 * SAMPLE_RATE] = hiss(2.0, -20.0)
    samples[5 * SAMPLE_RATE : 5 * SAMPLE_RATE + 2000] = 0.9
    assert snr_db(samples, [Span(2.0, 4.0)]) == pytest.approx(30.0, abs=0.5)


def test_digital_silence_is_noise_of_16_bits() -> None:
    """So the distance is large, but a number."""
    samples = np.concatenate([hiss(2.0, -20.0), np.zeros(2 * SAMPLE_RATE, np.float32)])
    assert snr_db(samples, [Span(0.0, 2.0)]) == pytest.approx(76.0, abs=0.5)


@pytest.mark.parametrize("speech", [[], [Span(0.0, 3.0)], [Span(0.1, 2.9)]], ids=["nobody", "always", "hardly a pause"])
def test_without_speech_or_pauses_there_is_no_snr(speech: list[Span]) -> None:
    """Nothing to compare."""
    assert snr_db(hiss(3.0, -20.0), speech) is None


def test_three_samples_in_a_row_are_clipped_and_two_are_not() -> None:
    """Also at both ends of a block; a lower sample between them breaks a run."""
    full = 1.0
    for values, clipped in (([full] * 3, 3), ([full] * 2, 0), ([full, full, 0, full, full], 0), ([0] + [-full] * 4, 4)):
        level = Level()
        level.add(np.array([values], np.float32))
        assert level.clipped_share == clipped / len(values)


def test_full_scale_is_a_little_under_one() -> None:
    """Just under it is no clipping."""
    for height, share in ((FULL_SCALE, 1.0), (FULL_SCALE - 0.001, 0.0)):
        level = Level()
        level.add(np.full((1, 10), height, np.float32))
        assert level.clipped_share == share


def test_a_level_that_saw_nothing_has_no_peak() -> None:
    """Nor is anything clipped."""
    level = Level()
    level.add(np.zeros((2, 0), np.float32))
    assert (level.peak_dbfs, level.clipped_share) == (None, 0.0)
