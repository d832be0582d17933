"""Sound out of the bytes of a file, whatever container it is in, films included."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pixmo.ask import SpeechOutcome
from pixmo.audio.looks import other_than_audio, says_audio
from pixmo.audio.measure import SAMPLE_RATE, Level, Samples
from pixmo.errors import MissingExtra

if TYPE_CHECKING:
    from av import AudioFrame, Packet
    from av.audio.stream import AudioStream
    from av.container import InputContainer

# Only what holds sound itself. Play lists and scripts (hls, concat, sdp …) would open files and addresses they name.
FORMATS = (
    "3gp,aac,ac3,aiff,amr,ape,asf,au,avi,caf,eac3,flac,flv,m4a,matroska,mov,mp3,mp4,mpeg,mpegts,nistsphere,ogg,tta,voc,w64,wav,"
    "webm,wv"
)
RATES = (4_000, 768_000)  # outside, a few bytes would become hours, or a header is damaged
_NAMES = {"mov": "mp4"}


class AudioFault(Exception):
    """A recording that gives no sound: `outcome` and `detail` are its data."""

    def __init__(self, outcome: SpeechOutcome, detail: str) -> None:
        super().__init__(f"{outcome}: {detail}")
        self.outcome, self.detail = outcome, detail

    def __reduce__(self) -> tuple[type[AudioFault], tuple[SpeechOutcome, str]]:
        return type(self), (self.outcome, self.detail)  # so that it survives the way out of a process


class Sound(NamedTuple):
    """A recording: what is heard, and what it was before it was mixed down to mono at 16 kHz."""

    samples: Samples
    format: str  # container and codec by content, as "webm/opus"
    rate: int  # of the source, per second
    channels: int
    detail: str  # what was odd about it ("ends after 2.0 s, its header says 60.0 s"), else empty

    @property
    def duration_s(self) -> float:
        """Its length."""
        return len(self.samples) / SAMPLE_RATE


def decode(data: bytes, max_s: float, level: Level | None = None) -> Sound:
    """The first sound track of a file, of any container in FORMATS; `level` is told of all of it as it came.

    A file that is cut off or damaged in parts gives what can be decoded, and `detail` says so. Takes about 2 bytes a sample while it
    decodes, never more than `max_s` seconds. Raises AudioFault: EMPTY, NOT_AUDIO, BROKEN_AUDIO, TOO_LONG.
    """
    import_av()
    if not data:
        raise AudioFault(SpeechOutcome.EMPTY, "no bytes")
    if other := other_than_audio(data):
        raise AudioFault(SpeechOutcome.NOT_AUDIO, f"looks like {other}")
    container = _opened(data)
    with container:
        stream = _track(container)
        return _Decoding(container, stream, data, max_s, level).sound()


def import_av() -> None:
    """Loads PyAV and keeps libav from writing to stderr. Raises MissingExtra where it is not installed."""
    try:
        import av.logging
    except ImportError:
        raise MissingExtra("speech", "decoding recordings") from None
    av.logging.set_level(None)


def _opened(data: bytes) -> InputContainer:
    import av

    options = {"format_whitelist": FORMATS, "protocol_whitelist": "none"}
    try:  # titles may be in any encoding
        return av.open(io.BytesIO(data), "r", options=options, metadata_errors="replace")
    except av.FFmpegError as error:
        if says_audio(data):
            raise AudioFault(SpeechOutcome.BROKEN_AUDIO, f"cannot be opened: {_told(error)}") from None
        raise AudioFault(SpeechOutcome.NOT_AUDIO, "no known container of sound") from None


def _track(container: InputContainer) -> AudioStream:
    if not container.streams.audio:
        raise AudioFault(SpeechOutcome.NOT_AUDIO, f"{_name(container)} without a sound track")
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        raise AudioFault(SpeechOutcome.BROKEN_AUDIO, f"{_name(container)} with sound in an unknown code")
    return stream


def _name(container: InputContainer) -> str:
    first, *others = container.format.name.split(",")
    return "webm" if "webm" in others else _NAMES.get(first, first)


def _told(error: Exception) -> str:
    return str(getattr(error, "strerror", "") or error)


class _Decoding:
    """One file on its way through the decoder and the resampler."""

    def __init__(
        self, container: InputContainer, stream: AudioStream, data: bytes, max_s: float, level: Level | None
    ) -> None:
        self._container, self._stream, self._max_s, self._level = container, stream, max_s, level
        self._head, self._size = data[:8], len(data)
        self._pcm = bytearray()
        self._resample = Resampling()
        self._left_out = 0
        self._ended: str = ""
        self._limit = int(max_s * SAMPLE_RATE) * 2

    def sound(self) -> Sound:
        """All of it. Raises AudioFault."""
        for frame in self._frames():
            self._take(self._resampled(frame))
        self._take(self._resample.rest())
        if not self._pcm:
            raise AudioFault(SpeechOutcome.BROKEN_AUDIO, self._ended or "holds no sound")
        context = self._stream.codec_context
        samples = np.frombuffer(self._pcm, "<i2").astype(np.float32)
        samples /= 2**15
        name = f"{_name(self._container)}/{context.codec.canonical_name}"
        return Sound(samples, name, context.sample_rate, context.channels, self._detail(len(samples) / SAMPLE_RATE))

    def _resampled(self, frame: AudioFrame) -> bytes:
        import av

        if not RATES[0] <= frame.sample_rate <= RATES[1]:
            self._leave_out(f"says it has {frame.sample_rate} samples a second")
            return b""
        if self._level is not None:
            self._level.add(as_float(frame))
        try:
            return self._resample.some(frame)
        except av.FFmpegError as error:
            self._leave_out(f"{frame.layout.nb_channels} channels cannot be mixed down: {_told(error)}")
            return b""

    def _leave_out(self, why: str) -> None:
        self._left_out += 1
        self._ended = self._ended or why

    def _take(self, pcm: bytes) -> None:
        self._pcm += pcm
        if len(self._pcm) > self._limit:
            told = self._declared_s
            more = f", its header says {told:.1f} s" if told and told > self._max_s else ""
            raise AudioFault(SpeechOutcome.TOO_LONG, f"over {self._max_s:g} s{more}")

    def _frames(self) -> Iterator[AudioFrame]:
        import av

        for packet in self._packets():
            try:
                frames: list[Any] = packet.decode()  # Any: PyAV's types say a film's too
                yield from frames
            except av.FFmpegError as error:
                self._leave_out(f"does not decode: {_told(error)}")

    def _packets(self) -> Iterator[Packet[Any]]:
        """Those of the track, until the file ends or cannot be followed."""  # Any: of which kind, PyAV says by the stream
        import av

        try:
            yield from self._container.demux(self._stream)
        except av.FFmpegError as error:
            self._ended = f"breaks off: {_told(error)}"

    @property
    def _declared_s(self) -> float | None:
        told = self._container.duration
        return told / 1_000_000 if told and told > 0 else None

    @property
    def _riff_is_cut(self) -> bool:
        """libav takes the length of a WAV file from its size; 0 and 2 GiB are said by who does not know yet how much will come."""
        says = int.from_bytes(self._head[4:8], "little")
        return self._head[:4] == b"RIFF" and self._size < says + 8 < 2**30

    def _detail(self, duration_s: float) -> str:
        odd = [f"{self._left_out} damaged parts left out"] if self._left_out else []
        if self._ended.startswith("breaks off"):
            odd.append(self._ended)
        if (told := self._declared_s) and told > duration_s * 1.05 + 0.5:
            odd.append(f"ends after {duration_s:.1f} s, its header says {told:.1f} s")
        elif self._riff_is_cut:
            odd.append(f"ends after {duration_s:.1f} s, its header says it is longer")
        return "; ".join(odd)


class Resampling:
    """To 16 bit mono at 16 kHz. A track may change its rate or channels on the way, as a phone call does."""

    def __init__(self) -> None:
        self._of: tuple[str, str, int] | None = None

    def some(self, frame: AudioFrame) -> bytes:
        """What comes out when a frame goes in."""
        from av import AudioResampler

        told = (frame.format.name, frame.layout.name, frame.sample_rate)
        before = b""
        if told != self._of:
            before = self.rest()
            self._of, self._to = None, AudioResampler("s16", "mono", SAMPLE_RATE)
        frame.pts = None  # gaps in time stamps are no silence: what was recorded is what there is
        after = _bytes(self._to.resample(frame))
        self._of = told  # not before it took one
        return before + after

    def rest(self) -> bytes:
        """What is still on its way."""
        return _bytes(self._to.resample(None)) if self._of else b""


def _bytes(frames: list[AudioFrame]) -> bytes:
    return b"".join(f.to_ndarray().astype("<i2", copy=False).tobytes() for f in frames)


def as_float(frame: AudioFrame) -> NDArray[np.float32]:
    """Its samples, -1 to 1, of shape [channels, samples]."""
    raw = frame.to_ndarray()
    if not frame.format.is_planar:
        raw = raw.reshape(-1, len(frame.layout.channels)).T
    if raw.dtype.kind == "f":
        return np.nan_to_num(raw.astype(np.float32), posinf=1.0, neginf=-1.0)
    middle = 128 if raw.dtype == np.uint8 else 0
    return (raw.astype(np.float32) - middle) / (2.0 ** (8 * raw.dtype.itemsize - 1))
