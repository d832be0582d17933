"""Recordings for tests, as files: speech of espeak-ng, whole or spoilt in a named way, in any container.

Everything takes and gives the bytes of a WAV file (16 bit, mono), so that spoilings can be chained:
`encoded(clipped(say("a red bus")), "webm")`. Same arguments, same bytes.
"""

from __future__ import annotations

import functools
import io
import subprocess
import tempfile
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, resample_poly, sosfilt

RATE = 22_050  # what espeak-ng speaks at
CODECS = {
    "ogg": ("ogg", "libopus", 48_000), "webm": ("webm", "libopus", 48_000), "mp3": ("mp3", "libmp3lame", 44_100),
    "m4a": ("mp4", "aac", 44_100), "flac": ("flac", "flac", RATE),
    "aiff": ("aiff", "pcm_s16be", RATE),
}  # fmt: skip
Samples = NDArray[np.float32]


@functools.cache
def say(text: str, voice: str = "en-us", speed: int = 150, pitch: int = 50) -> bytes:
    """A text as espeak-ng says it: `speed` in words per minute, `pitch` 0 to 99."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:  # a file: the header of a stream does not know its length
        command = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "-w", file.name, text]
        subprocess.run(command, check=True)
        return Path(file.name).read_bytes()


def looped(phrase: str, times: int, voice: str = "en-us", speed: int = 150) -> bytes:
    """Somebody who says one phrase again and again."""
    return joined(*[say(phrase, voice, speed)] * times)


def silence(seconds: float) -> bytes:
    """Nothing at all: zeros."""
    return wav(np.zeros(round(seconds * RATE), np.float32))


def noise(seconds: float, level_dbfs: float = -20.0, seed: int = 0) -> bytes:
    """White noise of a level (RMS)."""
    drawn = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return wav((drawn * 10 ** (level_dbfs / 20)).astype(np.float32))


def tone(seconds: float, hertz: float = 1000.0, level_dbfs: float = -23.0) -> bytes:
    """A sine whose peaks are at a level."""
    at = np.arange(round(seconds * RATE)) / RATE
    return wav((np.sin(2 * np.pi * hertz * at) * 10 ** (level_dbfs / 20)).astype(np.float32))


def joined(*sounds: bytes, gap_s: float = 0.0) -> bytes:
    """One after the other, with silence between them."""
    gap = np.zeros(round(gap_s * RATE), np.float32)
    parts = [part for sound in sounds for part in (gap, samples(sound))]
    return wav(np.concatenate(parts[1:]))


def mixed(sound: bytes, other: bytes) -> bytes:
    """Both at once, as long as the first; the second starts anew when it is over."""
    ours = samples(sound)
    return wav(ours + np.resize(samples(other), len(ours)))


def amplified(sound: bytes, decibels: float) -> bytes:
    """Louder or quieter; what passes full scale is cut off there."""
    return wav(samples(sound) * 10 ** (decibels / 20))


def clipped(sound: bytes) -> bytes:
    """As from a microphone that is set much too loud."""
    return amplified(sound, 24.0)


def mumbled(sound: bytes) -> bytes:
    """As through a pillow: nothing above 300 Hz, and quiet."""
    return wav((sosfilt(butter(8, 300, "low", fs=RATE, output="sos"), samples(sound)) * 0.03).astype(np.float32))


def part(sound: bytes, start_s: float, end_s: float) -> bytes:
    """From one time to another."""
    return wav(samples(sound)[round(start_s * RATE) : round(end_s * RATE)])


def seconds(sound: bytes) -> float:
    """How long it is."""
    return len(samples(sound)) / RATE


def samples(sound: bytes) -> Samples:
    """What is in the file, -1 to 1, at 22,050 Hz."""
    with wave.open(io.BytesIO(sound)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        return (np.frombuffer(file.readframes(file.getnframes()), "<i2") / 2**15).astype(np.float32)


def wav(values: Samples, rate: int = RATE, channels: int = 1) -> bytes:
    """A file of samples [n] (or [n * channels], interleaved)."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.clip(np.round(values * 2**15), -(2**15), 2**15 - 1).astype("<i2").tobytes())
    return out.getvalue()


def encoded(sound: bytes, kind: str, bit_rate: int = 64_000) -> bytes:
    """In another container: one of CODECS (ogg and webm hold Opus, m4a AAC); `mp4` is a film with a black picture."""
    format_name, codec, rate = CODECS["m4a" if kind == "mp4" else kind]
    told = resample_poly(samples(sound), rate, RATE) if rate != RATE else samples(sound)
    pcm = np.clip(np.round(told * 2**15), -(2**15), 2**15 - 1).astype(np.int16)
    out = io.BytesIO()
    with av.open(out, "w", format=format_name, options={"fflags": "bitexact"}) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        stream.bit_rate = bit_rate
        if kind == "mp4":
            _add_picture(file)
        for at in range(0, len(pcm), 4096):
            frame = av.AudioFrame.from_ndarray(pcm[None, at : at + 4096], format="s16", layout="mono")
            frame.sample_rate, frame.pts = rate, at
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return out.getvalue()


def _add_picture(file: av.container.OutputContainer) -> None:
    film = file.add_stream("mpeg4", rate=1)
    film.width = film.height = 16
    film.pix_fmt = "yuv420p"
    black = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
    black.pts, black.time_base = 0, Fraction(1)
    file.mux(film.encode(black))
    file.mux(film.encode(None))
