"""Which frames of a video are seen, and that they are those frames."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import av
import numpy as np
import pytest

from pixmo.errors import BadRecord, BadSetting
from pixmo.molmo.video import Frames, Sampling, numbers_of, sample, times_of

FACTS = json.loads((Path(__file__).parents[1] / "golden" / "preprocess_molmo2.json").read_text(encoding="utf-8"))


def clip(frames: int, fps: int = 10, size: tuple[int, int] = (64, 48), name: str = "mp4") -> bytes:
    """A film whose frame n is grey of brightness 10 n, its left half black."""
    out = io.BytesIO()
    with av.open(out, "w", format=name) as container:
        stream = container.add_stream("mpeg4" if name != "webm" else "libvpx", rate=fps)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(frames):
            picture = np.full((size[1], size[0], 3), 10 * number % 250, np.uint8)
            picture[:, : size[0] // 2] = 0
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return out.getvalue()


def shown(source, sampling: Sampling) -> list[tuple[float, int]]:
    """Times, and the numbers of the frames told by their brightness."""
    sampled = sample(source, sampling)
    found = [round(float(frame[:, frame.shape[1] * 3 // 4].mean()) / 10) for frame in sampled.frames]
    return list(zip([round(time, 3) for time in sampled.times_s], found, strict=True))


@pytest.mark.parametrize(
    ("fps", "total", "count", "told"),
    [
        (30, 300, 21, {0: 0, 1: 0.5, 19: 9.5, 20: 10.0}), (30, 9000, 128, {0: 0, 1: 2.362, 127: 300}),
        (29.97, 100, 8, {1: 0.5, 6: 3.0, 7: 3.337}), (2, 10, 11, {10: 5.0}), (1, 5, 11, {10: 5.0}),
        (25, 2, 2, {0: 0, 1: 0.08}), (30, 1, 2, {0: 0, 1: 0.033}),
    ],
)  # fmt: skip
def test_times_are_those_of_training(fps, total, count, told):
    """Two a second and the end, or as many as there may be, evenly spread: as measured on the original."""
    times = times_of(total / fps, Sampling(frames=128))
    assert len(times) == count
    assert {i: round(times[i], 3) for i in told} == told


@pytest.mark.parametrize(
    ("fps", "total", "told"),
    [
        (30, 300, [*range(0, 300, 15)]), (29.97, 100, [0, 16, 33, 50, 66, 83]), (2, 10, [*range(10)]), (1, 5, [*range(5)]),
        (25, 2, [0]), (30, 1, [0]),
    ],
)  # fmt: skip
def test_numbers_are_those_of_transformers(fps, total, told):
    """Without the last frame, evenly spread over the whole, as transformers' own processor takes them."""
    assert numbers_of(total, fps, Sampling(frames=64)) == told


@pytest.mark.parametrize("case", FACTS["videos"], ids=lambda case: str(case["frames"]))
def test_recorded_numbers(case):
    """The frames are those of the recorded videos."""
    assert numbers_of(case["frames"], case["fps"], Sampling()) == case["frame_indices"]


def test_one_frame_and_long_videos():
    """A single frame is the first; of 9000 frames 64 are evenly spread."""
    assert times_of(10, Sampling(frames=1)) == [0.0]
    numbers = numbers_of(9000, 30, Sampling(frames=64))
    assert (len(numbers), numbers[:3], numbers[-1]) == (64, [0, 140, 281], 8859)


@pytest.mark.parametrize("name", ["mp4", "matroska", "webm", "avi"])
def test_the_frame_shown_at_each_time(name, tmp_path):
    """Of a film of 2.3 s each half second's frame is taken and the last; the same from bytes and from a file."""
    data = clip(23, name=name)
    told = [(0.0, 0), (0.5, 5), (1.0, 10), (1.5, 15), (2.0, 20), (2.3, 22)]
    path = tmp_path / "film"
    path.write_bytes(data)
    assert shown(data, Sampling()) == shown(path, Sampling()) == told


def test_the_frames_of_numbers():
    """As transformers takes them, frames are counted, and their times are those of their numbers."""
    assert shown(clip(20), Sampling(has_last=False)) == [(0.0, 0), (0.5, 5), (1.0, 10), (1.5, 15)]


def test_decoded_frames_are_sampled_like_a_file():
    """A list of frames with a rate gives what its film would give; a slow one gives frames again."""
    frames = [np.full((4, 8, 3), 10 * n, np.uint8) for n in range(23)]
    assert shown(Frames(frames, 10), Sampling()) == shown(clip(23), Sampling())
    assert shown(Frames(frames[:3], 1), Sampling()) == [
        (0.0, 0), (0.5, 0), (1.0, 1), (1.5, 1), (2.0, 2), (2.5, 2), (3.0, 2),
    ]  # fmt: skip
    assert shown(Frames(frames, 10), Sampling(has_last=False)) == [(0.0, 0), (0.5, 5), (1.1, 11), (1.7, 17)]


def test_a_film_taken_upright_is_seen_upright():
    """A film stored lying down, as telephones do, is turned as its header says."""
    data = bytearray(clip(1))
    matrix = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    at = data.index(matrix, data.index(b"tkhd"))
    data[at : at + 36] = struct.pack(
        ">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30
    )  # a quarter clockwise
    lying, turned = next(sample(clip(1, 10), Sampling()).frames), next(sample(bytes(data), Sampling()).frames)
    assert (lying.shape, turned.shape) == ((48, 64, 3), (64, 48, 3))


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (b"no film at all", "a video cannot be decoded: Invalid data"),
        (b"", "a video cannot be decoded"),
        ("/nowhere/film.mp4", "a video cannot be decoded: No such file"),
        (Frames([], 10), "a video of 0 frames"),
        (Frames([np.zeros((4, 4, 3), np.uint8)], 0), "1 frames, 0 a second"),
    ],
    ids=["text", "empty", "missing", "no frames", "no rate"],
)
def test_what_is_no_video_is_told(source, told):
    """Whatever has no frames is refused in one line."""
    with pytest.raises(BadRecord, match=told):
        list(sample(source, Sampling()).frames)


def test_a_cut_off_film_is_told():
    """A film whose end is missing is refused, not seen in part."""
    data = clip(40, size=(320, 240))
    with pytest.raises(BadRecord, match="cannot be decoded"):
        list(sample(data[: len(data) // 2], Sampling()).frames)


def test_play_lists_are_not_followed(tmp_path):
    """A file that only names others is no video: they are not opened."""
    (tmp_path / "film.mp4").write_bytes(clip(5))
    (tmp_path / "list.txt").write_text(f"ffconcat version 1.0\nfile '{tmp_path}/film.mp4'\n", encoding="utf-8")
    with pytest.raises(BadRecord, match="cannot be decoded"):
        sample(tmp_path / "list.txt", Sampling())


def test_sound_alone_is_no_video():
    """A file with a sound track only is told as one."""
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.int16), format="s16", layout="mono")
        sound.sample_rate = 16_000
        container.mux(stream.encode(sound))
    with pytest.raises(BadRecord, match="without pictures is no video"):
        sample(out.getvalue(), Sampling())


@pytest.mark.parametrize("wrong", [{"frames": 0}, {"max_fps": 0}, {"max_fps": float("nan")}])
def test_sampling_needs_frames(wrong):
    """No frames, or none a second, is a wrong setting."""
    with pytest.raises(BadSetting):
        Sampling(**wrong)
