"""Sounds for tests: speech of espeak-ng, noise of a fixed seed, silence."""

from __future__ import annotations

import functools
import io
import subprocess
import wave

import numpy as np
from scipy.signal import resample_poly

RATE = 16_000


@functools.cache
def say(text: str, voice: str = "en-us", words_per_minute: int = 140) -> np.ndarray:
    """A text spoken by espeak-ng, as float32 samples at 16 kHz."""
    done = subprocess.run(
        ["espeak-ng", "-v", voice, "-s", str(words_per_minute), "--stdout", text], capture_output=True, check=True
    )
    with wave.open(io.BytesIO(done.stdout)) as sound:
        told, data = sound.getframerate(), done.stdout[44:]  # the header of a stream does not know its length
    spoken = np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float64) / 2**15
    return resample_poly(spoken, RATE, told).astype(np.float32)


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    """White noise."""
    return np.random.default_rng(seed).normal(0, 0.1, int(seconds * RATE)).astype(np.float32)


def silence(seconds: float) -> np.ndarray:
    """Nothing at all."""
    return np.zeros(int(seconds * RATE), np.float32)
