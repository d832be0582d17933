"""Which frames of a video a model sees, and those frames, decoded with PyAV.

    sampled = sample("clip.mp4", Sampling())
    for time_s, frame in zip(sampled.times_s, sampled.frames): ...

Frames are decoded one after the other and handed out at once, so that a long video needs no more memory than a short one.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from pixmo.errors import BadRecord, BadSetting, MissingExtra

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

Frame = NDArray[np.uint8]
FORMATS = "3gp,asf,avi,flv,gif,matroska,mov,mp4,mpeg,mpegts,ogg,webm"
"""Only what holds pictures itself: play lists and scripts would open files and addresses that they name."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """At most so many frames, at most so many a second; the numbers of the released Molmo2."""

    frames: int = 384
    max_fps: float = 2.0
    has_last: bool = (
        True  # as in training, the last frame is always one of them; else as transformers' own processor takes them
    )

    def __post_init__(self) -> None:
        if self.frames < 1 or not self.max_fps > 0:
            raise BadSetting(
                f"{self.frames} frames, {self.max_fps} a second: at least one frame and some a second are needed"
            )


class Frames(NamedTuple):
    """A video that is already decoded: its frames (height, width, 3), bytes, and how many a second are shown."""

    frames: Sequence[Frame]
    fps: float


class Sampled(NamedTuple):
    """The times asked for and, in their order, the frames shown then: decoded while they are gone through, once."""

    times_s: list[float]
    frames: Iterator[Frame]


def times_of(duration_s: float, sampling: Sampling) -> list[float]:
    """The times at which a video of this length is looked at: from its start to its end, both included.

    `max_fps` of them a second, or fewer, evenly spread, where that were too many.
    """
    if sampling.frames == 1:
        return [0.0]
    if (sampling.frames - 1) / sampling.max_fps < duration_s:
        return [float(time) for time in np.linspace(0, duration_s, sampling.frames)]
    times = np.arange(0, duration_s, 1 / sampling.max_fps)
    return [*map(float, times), duration_s]


def numbers_of(total: int, fps: float, sampling: Sampling) -> list[int]:
    """The frames that transformers' own Molmo2 processor takes of `total`: evenly spread, the last not among them."""
    wanted = min(sampling.frames, total)
    if fps > sampling.max_fps:
        wanted = max(1, min(wanted, int(total / fps * sampling.max_fps)))
    return [int(number) for number in np.arange(0, total, total / wanted)][:wanted]


def sample(source: Path | str | bytes | Frames, sampling: Sampling) -> Sampled:
    """The frames of a file, of its bytes or of a decoded video, upright, as arrays (height, width, 3) of bytes.

    At each time the frame is taken that is shown then. Raises BadRecord for what cannot be decoded, here or while the frames are gone
    through.
    """
    extent = _extent_of_frames(source) if isinstance(source, Frames) else _extent(source)
    if sampling.has_last:
        wanted = times_s = times_of(float(extent.total / extent.fps), sampling)
    else:
        numbers = numbers_of(extent.total, float(extent.fps), sampling)
        wanted, times_s = [float(number) for number in numbers], [float(number / extent.fps) for number in numbers]
    if isinstance(source, Frames):
        keys = (float(n / extent.fps) if sampling.has_last else n for n in range(extent.total))
        return Sampled(times_s, _shown(zip(keys, source.frames, strict=True), wanted))
    return Sampled(times_s, _decoded(source, wanted, sampling.has_last))


class _Extent(NamedTuple):
    total: int  # frames
    fps: Fraction | float


def _extent_of_frames(video: Frames) -> _Extent:
    if not len(video.frames) or not video.fps > 0:
        raise BadRecord(f"a video of {len(video.frames)} frames, {video.fps} a second")
    return _Extent(len(video.frames), video.fps)


def _extent(source: Path | str | bytes) -> _Extent:
    """How many frames the video has and how many a second, from its packets: what headers say of it may be missing or wrong."""
    with _opened(source) as (container, stream):
        ends, begins = [], []
        for packet in container.demux(stream):
            if packet.pts is not None:
                begins.append(packet.pts)
                ends.append(packet.pts + (packet.duration or 0))
        if not begins or stream.time_base is None:
            raise BadRecord("a video without frames")
        length = (max(ends) - min(begins)) * stream.time_base
        rate = stream.average_rate
    return _Extent(len(begins), len(begins) / length if length else rate or Fraction(25))


@contextmanager
def _opened(source: Path | str | bytes) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and its first track of pictures; what FFmpeg raises while it is open becomes BadRecord."""
    try:
        import av  # here: decoding needs it, arrays do not
    except ImportError as error:
        raise MissingExtra("molmo", "decoding a video") from error
    try:
        file = io.BytesIO(source) if isinstance(source, bytes) else str(source)
        with av.open(file, "r", options={"format_whitelist": FORMATS, "protocol_whitelist": "file"}) as container:
            if not container.streams.video:
                raise BadRecord("a file without pictures is no video")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            yield container, stream
    except (OSError, ValueError) as error:  # FFmpeg's errors are one or the other
        raise BadRecord(f"a video cannot be decoded: {getattr(error, 'strerror', None) or error}") from error


def _decoded(source: Path | str | bytes, wanted: Sequence[float], by_time: bool) -> Iterator[Frame]:
    with _opened(source) as (container, stream):
        yield from (_upright(frame) for frame in _shown(_keyed(container, stream, by_time), wanted))


def _keyed(container: InputContainer, stream: VideoStream, by_time: bool) -> Iterator[tuple[float, VideoFrame]]:
    """Each frame with its time since the first, or with its number."""
    start = None
    for number, frame in enumerate(container.decode(stream)):
        start = frame.time if start is None else start
        has_time = frame.time is not None and start is not None
        yield (frame.time - start if has_time else float("-inf")) if by_time else number, frame


_F = TypeVar("_F")


def _shown(frames: Iterable[tuple[float, _F]], wanted: Sequence[float]) -> Iterator[_F]:
    """For each wanted time (or number), in rising order, the last frame that is not later."""
    held: list[_F] = []
    done = 0
    for key, frame in frames:
        while held and done < len(wanted) and wanted[done] < key:
            yield held[0]
            done += 1
        if done == len(wanted):
            return
        held = [frame]
    if not held:
        raise BadRecord("a video of which no frame can be decoded")
    for _ in wanted[done:]:
        yield held[0]


def _upright(frame: VideoFrame) -> Frame:
    pixels = frame.to_ndarray(format="rgb24")
    return np.rot90(pixels, round(frame.rotation / 90) % 4)
