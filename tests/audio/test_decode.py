"""Sound out of files of any kind, and what is said of files that hold none."""

from __future__ import annotations

import io
import pickle
import wave
from pathlib import Path

import numpy as np
import pytest

from pixmo.ask import SpeechOutcome
from pixmo.audio.decode import AudioFault, decode
from pixmo.audio.measure import SAMPLE_RATE, Level
from tests.speech import RATE, clipped, encoded, joined, part, samples, say, tone, wav

SPOKEN = say("A red bus waits at the corner of the street.")
KINDS = {
    "wav": "wav/pcm_s16le", "ogg": "ogg/opus", "webm": "webm/opus", "mp3": "mp3/mp3", "m4a": "mp4/aac", "flac": "flac/flac",
    "aiff": "aiff/pcm_s16be", "mp4": "mp4/aac",
}  # fmt: skip


def as_kind(sound: bytes, kind: str) -> bytes:
    return sound if kind == "wav" else encoded(sound, kind)


def fault_of(data: bytes, max_s: float = 60.0) -> AudioFault:
    with pytest.raises(AudioFault) as caught:
        decode(data, max_s)
    return caught.value


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """The highest correlation of two sounds, whatever the delay."""
    size = 2 ** int(np.ceil(np.log2(len(one) + len(other))))
    product = np.fft.irfft(np.fft.rfft(one, size) * np.conj(np.fft.rfft(other, size)))
    return float(product.max() / np.sqrt(np.square(one).sum() * np.square(other).sum()))


@pytest.mark.parametrize(("kind", "told"), KINDS.items())
def test_every_container_gives_the_same_sound(kind: str, told: str) -> None:
    """Sound files and a film alike: mono at 16 kHz, as long as what was put in, by content and not by name."""
    plain, sound = decode(SPOKEN, 60.0), decode(as_kind(SPOKEN, kind), 60.0)
    assert (sound.format, sound.channels, sound.detail) == (told, 1, "")
    assert sound.samples.dtype == np.float32
    assert abs(sound.duration_s - plain.duration_s) < 0.05
    assert likeness(sound.samples, plain.samples) > 0.95


def test_what_the_source_was_is_told() -> None:
    """Rate and channels before they are mixed down."""
    stereo = wav(np.repeat(samples(SPOKEN), 2), 44_100, 2)
    assert decode(stereo, 60.0)[1:] == ("wav/pcm_s16le", 44_100, 2, "")


def test_two_equal_channels_are_as_loud_as_one() -> None:
    """Channels are averaged, not added."""
    stereo = decode(wav(np.repeat(samples(SPOKEN), 2), RATE, 2), 60.0)
    np.testing.assert_array_equal(stereo.samples, decode(SPOKEN, 60.0).samples)


def test_eight_bits_are_centred() -> None:
    """Samples of 8 bits have no sign: their middle is silence, also for the level."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8_000)
        file.writeframes(bytes([128]) * 8_000)
    level = Level()
    assert not decode(out.getvalue(), 60.0, level).samples.any()
    assert level.peak_dbfs is None


@pytest.mark.parametrize(
    ("data", "look"),
    [
        (b"<!DOCTYPE html><html><body>404</body></html>", "looks like HTML"),
        (b"\xef\xbb\xbf\n  <html>", "looks like HTML"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "looks like PNG"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "looks like JPEG"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 " + bytes(100), "looks like WebP"),
        (b"PK\x03\x04" + bytes(100), "looks like a zip archive"),
        (b"%PDF-1.7\n", "looks like PDF"),
        (b'{"error": "no such file"}', "looks like JSON"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "looks like SVG"),
        (b"version https://git-lfs.github.com/spec/v1\n", "looks like a Git LFS pointer"),
        ("Grüße vom Strand. ".encode() * 100, "looks like text"),
        ("Grüße".encode("utf-16"), "looks like text"),
        (bytes(1000), "no known container of sound"),
        (np.random.default_rng(0).bytes(5000), "no known container of sound"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_is_no_sound_is_told_by_what_it_looks_like(data: bytes, look: str) -> None:
    """Whatever its name was."""
    fault = fault_of(data)
    assert (fault.outcome, fault.detail) == (SpeechOutcome.NOT_AUDIO, look)


def test_no_bytes_are_empty() -> None:
    """Zero bytes are their own fault."""
    assert fault_of(b"").outcome == SpeechOutcome.EMPTY


@pytest.mark.parametrize("data", [b"RIFF\0\0\0\0WAVE", b"ID3" + bytes(100), b"OggS" + bytes(500), b"fLaC" + bytes(500)])
def test_a_container_without_its_content_is_broken(data: bytes) -> None:
    """It says it is sound."""
    assert fault_of(data).outcome == SpeechOutcome.BROKEN_AUDIO


def test_a_film_without_sound_is_not_audio() -> None:
    """And is told as such."""
    fault = fault_of(film_without_sound())
    assert (fault.outcome, fault.detail) == (SpeechOutcome.NOT_AUDIO, "mp4 without a sound track")


def film_without_sound() -> bytes:
    import av

    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as file:
        film = file.add_stream("mpeg4", rate=1)
        film.width = film.height = 16
        film.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
        file.mux(film.encode(frame))
        file.mux(film.encode(None))
    return out.getvalue()


@pytest.mark.parametrize("kind", ["wav", "ogg", "webm", "mp3", "flac", "aiff"])
def test_of_a_cut_off_file_is_kept_what_decodes(kind: str) -> None:
    """Half of the bytes are about half of the sound."""
    whole = decode(as_kind(SPOKEN, kind), 60.0)
    data = as_kind(SPOKEN, kind)
    half = decode(data[: len(data) // 2], 60.0)
    assert 0.25 < half.duration_s / whole.duration_s < 0.6
    overlap = whole.samples[: len(half.samples)]
    assert likeness(half.samples, overlap) > 0.9


@pytest.mark.parametrize("kind", ["wav", "webm", "mp3", "aiff"])
def test_a_header_that_says_more_is_told(kind: str) -> None:
    """An upload that broke off is seen where the format says how long it should be."""
    data = as_kind(SPOKEN, kind)
    assert "its header says" in decode(data[: len(data) // 2], 60.0).detail


def test_damage_in_the_middle_costs_only_what_is_damaged() -> None:
    """What comes after it is decoded all the same."""
    data = bytearray(encoded(SPOKEN, "mp3"))
    data[8_000:8_400] = bytes(400)
    assert decode(bytes(data), 60.0).duration_s > 0.8 * decode(SPOKEN, 60.0).duration_s


def test_a_stream_that_does_not_know_its_length_is_whole() -> None:
    """What espeak-ng and browsers write to a pipe: a WAV header that says 2 GiB."""
    data = bytearray(SPOKEN)
    data[4:8] = data[40:44] = (0x7FFFF000).to_bytes(4, "little")
    assert decode(bytes(data), 60.0).duration_s == decode(SPOKEN, 60.0).duration_s


def test_what_is_too_long_is_not_decoded_to_its_end() -> None:
    """Two hours of silence in FLAC are few bytes; the level has seen hardly more than what is allowed."""
    silent = encoded(wav(np.zeros(600 * RATE, np.float32)), "flac")
    level = Level()
    with pytest.raises(AudioFault, match=r"over 2 s, its header says 600\.0 s") as caught:
        decode(silent, 2.0, level)
    assert caught.value.outcome == SpeechOutcome.TOO_LONG
    assert level._seen < 4 * RATE


def test_the_limit_itself_is_allowed() -> None:
    """A recording of exactly the longest duration passes; a sample more does not."""
    assert decode(wav(np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE), 1.0).duration_s == 1.0
    assert fault_of(wav(np.zeros(SAMPLE_RATE + 1, np.float32), SAMPLE_RATE), 1.0).outcome == SpeechOutcome.TOO_LONG


def test_a_rate_no_microphone_has_is_broken() -> None:
    """At one sample a second, 100 kB would become 14 hours."""
    assert fault_of(wav(np.zeros(50_000, np.float32), 1)).outcome == SpeechOutcome.BROKEN_AUDIO


@pytest.mark.parametrize("channels", [3, 6, 8, 12])
def test_many_channels_are_mixed_down(channels: int) -> None:
    """Recorders of meetings write one per microphone; a number that libav has no layout for is told."""
    several = wav(np.repeat(samples(part(SPOKEN, 0, 1)), channels), RATE, channels)
    assert likeness(decode(several, 60.0).samples, decode(part(SPOKEN, 0, 1), 60.0).samples) > 0.99


def test_channels_without_a_layout_are_broken() -> None:
    """Nine is no number libav can mix."""
    fault = fault_of(wav(np.zeros(9_000, np.float32), RATE, 9))
    assert fault.outcome == SpeechOutcome.BROKEN_AUDIO
    assert fault.detail.startswith("9 channels cannot be mixed down")


def test_a_play_list_opens_no_file(tmp_path: Path) -> None:
    """Formats that name other files and addresses are none of ours, however they are disguised."""
    (tmp_path / "secret.wav").write_bytes(SPOKEN)
    for text in (
        f"#EXTM3U\n#EXTINF:5,\nfile://{tmp_path}/secret.wav\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile {tmp_path}/secret.wav\n",
    ):
        for disguise in (b"", b"#\x01\x02\n"):
            first, rest = text.encode().split(b"\n", 1)
            assert fault_of(first + b"\n" + disguise + rest).outcome == SpeechOutcome.NOT_AUDIO


def test_a_track_may_change_its_rate_on_the_way() -> None:
    """Two Ogg files after each other are one file whose rate changes, as a call handed from one network to the next."""
    first, second = encoded(part(SPOKEN, 0, 1), "ogg"), encoded(part(SPOKEN, 1, 2), "ogg")
    assert decode(first + second, 60.0).duration_s == pytest.approx(2.0, abs=0.2)


def test_damaged_bytes_give_sound_or_a_fault() -> None:
    """Never another exception, wherever the damage is."""
    rng = np.random.default_rng(7)
    for kind in ("wav", "ogg", "webm", "mp3", "m4a", "flac"):
        whole = as_kind(part(SPOKEN, 0, 0.5), kind)
        for _ in range(40):
            data = bytearray(whole)
            for at in rng.integers(0, min(len(data), 2_000), 4):
                data[at] = rng.integers(0, 256)
            assert outcome_of(bytes(data)) in {"ok", "not_audio", "broken_audio", "too_long"}


def outcome_of(data: bytes) -> str:
    try:
        decode(data, 60.0)
    except AudioFault as fault:
        return str(fault.outcome)
    return "ok"


def test_titles_in_old_encodings_do_no_harm() -> None:
    """Tags of a recorder that knew only Latin-1."""
    tag = b"INAM" + (6).to_bytes(4, "little") + "Straße".encode("latin-1")
    info = b"LIST" + (4 + len(tag)).to_bytes(4, "little") + b"INFO" + tag
    data = SPOKEN[:36] + info + SPOKEN[36:]
    assert decode(data, 60.0).duration_s == decode(SPOKEN, 60.0).duration_s


def test_a_fault_leaves_a_process() -> None:
    """Pickled and back, it says the same."""
    fault = pickle.loads(pickle.dumps(AudioFault(SpeechOutcome.TOO_LONG, "over 60 s")))
    assert (fault.outcome, fault.detail) == (SpeechOutcome.TOO_LONG, "over 60 s")


@pytest.mark.parametrize("kind", ["wav", "ogg", "webm", "mp3", "m4a"])
def test_clipping_is_seen_in_the_file_as_it_came(kind: str) -> None:
    """Resampling rounds cut-off tops, lossy codecs bring them back uneven: all are seen, and none where there are none."""
    spoilt, clean = Level(), Level()
    decode(as_kind(clipped(SPOKEN), kind), 60.0, spoilt)
    decode(as_kind(SPOKEN, kind), 60.0, clean)
    assert spoilt.clipped_share > 0.02
    assert clean.clipped_share == 0.0


def test_one_clipped_channel_is_clipping() -> None:
    """The mean with a quiet channel would hide it."""
    loud, quiet = samples(clipped(SPOKEN)), np.zeros(len(samples(SPOKEN)), np.float32)
    level = Level()
    decode(wav(np.stack([quiet, loud], axis=1).ravel(), RATE, 2), 60.0, level)
    assert level.clipped_share > 0.1


def test_a_peak_that_just_fits_is_no_clipping() -> None:
    """A tone of full height at 5 kHz touches the top for one sample at a time."""
    level = Level()
    decode(joined(tone(1.0, 5000.0, 0.0)), 60.0, level)
    assert level.peak_dbfs == pytest.approx(0.0, abs=0.1)
    assert level.clipped_share == 0.0
