"""Measure speech: how many words pocketsphinx mishears, and what pixmo costs beside the engine called in a loop.

    python scripts/bench_speech.py wer [--voices en-us,en-gb,…] [--sentences 30] [--json]
    python scripts/bench_speech.py overhead [--clips 200] [--n-proc 1] [--json]

`wer`: espeak-ng says thirty descriptions of pictures in several voices, and jiwer compares what was heard; silence around the words is
cut by the engine's spans as a run would. Synthetic voices are far from the people the model was trained on: the figure tells of changes
to our code, not of how well people are heard.

`overhead`: the same clips (two sentences each, more than a second of engine time) through `pixmo run` with listen, check_recording and
transcribe, and through a loop that decodes, finds speech and calls the engine, in one process with one thread. Prints wall and CPU
seconds of both and their ratio; exits 1 when the words differ or the ratio is over 1.1 (with --n-proc 1).
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

SENTENCES = (
    "at first glance this is a photo of a busy street in the evening",
    "there is a red car in front of the house",
    "the woman on the left is holding a white cup of coffee",
    "two children are playing with a ball on the grass",
    "a black dog is lying under the wooden table",
    "the sky is blue with a few small clouds",
    "on the right side there is a large tree with yellow leaves",
    "the man is wearing a green jacket and a dark hat",
    "behind them you can see a stone bridge over the river",
    "the sign above the door says open in big white letters",
    "three bottles and two glasses stand on the kitchen counter",
    "the background is out of focus and rather dark",
    "a small boat is tied to the wooden pier",
    "the floor is covered with a red and brown carpet",
    "there are five birds sitting on the wire",
    "the light comes from a window on the left",
    "a bowl of fruit is in the middle of the table",
    "the mountain in the distance has snow on the top",
    "the old building has six windows and a flat roof",
    "a young girl with long hair is smiling at the camera",
    "the train is coming into the station from the right",
    "in the lower corner there is a pair of brown shoes",
    "the picture looks like a painting with soft colors",
    "a gray cat sleeps on the back of the sofa",
    "the bicycle leans against a brick wall",
    "many people are walking on the beach near the water",
    "the shelf is full of books of different sizes",
    "a plate with bread and cheese is next to the knife",
    "the clock on the wall shows ten minutes past four",
    "the overall mood is calm and a little cold",
)
VOICES = ("en-us", "en-us+klatt4", "en-us+f3", "en-gb", "en-gb-x-rp+m3")
WORDS_PER_MINUTE = 160
RATE = 16_000
BAR = 1.1


class Used(NamedTuple):
    """Seconds of a command and its children."""

    wall_s: float
    cpu_s: float


def spoken(text: str, voice: str) -> bytes:
    """A WAV file of a text, by espeak-ng."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:  # into a file: a stream's header does not know its length
        command = ["espeak-ng", "-v", voice, "-s", str(WORDS_PER_MINUTE), "-w", file.name, text]
        subprocess.run(command, check=True)
        return Path(file.name).read_bytes()


def samples_of(sound: bytes) -> Any:  # Any: float32 samples at 16 kHz
    """A WAV file of espeak-ng as an engine takes it."""
    import numpy as np
    from scipy.signal import resample_poly

    with wave.open(io.BytesIO(sound)) as file:
        told, data = file.getframerate(), file.readframes(file.getnframes())
    return resample_poly(np.frombuffer(data, "<i2") / 2**15, RATE, told).astype(np.float32)


def word_errors(sentences: int, voices: list[str]) -> dict[str, float]:
    """The word error rate of each voice, and of `all`: wrong, missing and added words per word said."""
    import jiwer

    from pixmo.audio.heard import Span
    from pixmo.engines.speech.open import open_engine
    from pixmo.engines.speech.settings import SpeechSettings

    engine = open_engine(SpeechSettings("sphinx"))
    said, heard = list(SENTENCES[:sentences]), dict[str, list[str]]()
    for voice in voices:
        sounds = [samples_of(spoken(text, voice)) for text in said]
        heard[voice] = [engine.hear(sound, [Span(0.0, len(sound) / RATE)]).text for sound in sounds]
    rates = {voice: float(jiwer.wer(said, texts)) for voice, texts in heard.items()}
    return rates | {"all": float(jiwer.wer(said * len(voices), [t for texts in heard.values() for t in texts]))}


def make_clips(folder: Path, count: int) -> None:
    """`count` pictures with a recording each, no two alike."""
    from PIL import Image

    folder.mkdir(parents=True)
    for n in range(count):
        voice = f"{VOICES[n % len(VOICES)].partition('+')[0]}+f{n % 4 + 1}"
        text = f"{SENTENCES[n % 30]}. {SENTENCES[(n * 7 + n // 30 + 3) % 30]}."
        (folder / f"{n:04}.wav").write_bytes(spoken(text, voice))
        Image.new("RGB", (32, 32), (n % 256, n // 256, 90)).save(folder / f"{n:04}.png")


def bare_loop(folder: Path, result: Path) -> None:
    """What anybody would write: decode, find speech, call pocketsphinx; the words by file name, as JSON."""
    from pocketsphinx import Decoder  # type: ignore  # an extra, untyped, not always installed

    from pixmo.audio.decode import decode
    from pixmo.audio.speech import speech_spans
    from pixmo.engines.speech.sphinx import as_pcm

    decoder, said = Decoder(samprate=RATE, cmn="batch", loglevel="FATAL"), {}
    for path in sorted(folder.glob("*.wav")):
        samples, texts = decode(path.read_bytes(), 600.0).samples, []
        for start_s, end_s in speech_spans(samples):
            decoder.reinit_feat()
            decoder.start_utt()
            decoder.process_raw(as_pcm(samples[int(start_s * RATE) : int(end_s * RATE)]), full_utt=True)
            decoder.end_utt()
            texts.append(decoder.hyp().hypstr if decoder.hyp() else "")
        said[path.name] = " ".join(text for text in texts if text)
    result.write_text(json.dumps(said))


RECIPE = """
name = "heard"
input = "clips"
recordings = true
[[stage]]
use = "unpack_pictures"
[[stage]]
use = "listen"
[[stage]]
use = "check_recording"
min_duration_s = 1.0
min_speech_s = 1.0
min_speech_share = 0.0
max_clipped_share = 1.0
min_loudness_lufs = -60.0
max_loudness_lufs = 0.0
min_snr_db = 0.0
[[stage]]
use = "transcribe"
engine = "sphinx"
speech_threads = 1
"""


def timed(command: list[str]) -> Used:
    """Runs a command with one thread per process."""
    env = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, env=env)
    after, wall_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - start
    return Used(wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def through_pixmo(folder: Path, out: Path, n_proc: int) -> Used:
    """The same clips through a recipe."""
    recipe = out.with_suffix(".toml")
    recipe.write_text(RECIPE.replace('"clips"', json.dumps(str(folder))))
    command = [sys.executable, "-m", "pixmo", "run", str(recipe), str(out)]
    return timed([*command, "--n-proc", str(n_proc), "--quiet"])


def words_of(out: Path) -> dict[str, str]:
    """What pixmo heard, by file name."""
    import pyarrow.parquet as pq

    rows: Iterator[dict[str, Any]] = (
        row
        for path in sorted(out.glob("data/*.parquet"))
        for row in pq.read_table(path, columns=["recording_file", "heard_text"]).to_pylist()
    )
    return {Path(row["recording_file"][0]).name: (row["heard_text"] or [""])[0] or "" for row in rows}


def overhead(clips: int, n_proc: int) -> dict[str, Any]:
    """Both ways over the same clips."""
    with tempfile.TemporaryDirectory(prefix="bench-speech-") as name:
        folder, result, out = Path(name, "clips"), Path(name, "bare.json"), Path(name, "out")
        make_clips(folder, clips)
        bare = timed([sys.executable, __file__, "bare", str(folder), str(result)])
        ours = through_pixmo(folder, out, n_proc)
        said, heard = json.loads(result.read_text()), words_of(out)
    return {
        "clips": clips, "n_proc": n_proc, "bare_wall_s": bare.wall_s, "bare_cpu_s": bare.cpu_s,
        "bare_s_per_clip": bare.wall_s / clips, "pixmo_wall_s": ours.wall_s, "pixmo_cpu_s": ours.cpu_s,
        "wall_ratio": ours.wall_s / bare.wall_s, "cpu_ratio": ours.cpu_s / bare.cpu_s,
        "cores_used": ours.cpu_s / ours.wall_s, "differing": sum(said[n] != heard.get(n) for n in said),
    }  # fmt: skip


def main() -> int:
    """As the module says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    wer = verbs.add_parser("wer")
    wer.add_argument("--sentences", type=int, default=len(SENTENCES))
    wer.add_argument("--voices", default=",".join(VOICES))
    run = verbs.add_parser("overhead")
    run.add_argument("--clips", type=int, default=200)
    run.add_argument("--n-proc", type=int, default=1)
    for verb in (wer, run):
        verb.add_argument("--json", action="store_true")
    bare = verbs.add_parser("bare")  # the loop, in a process of its own
    bare.add_argument("folder", type=Path)
    bare.add_argument("result", type=Path)
    told = parser.parse_args()
    if told.verb == "bare":
        bare_loop(told.folder, told.result)
        return 0
    figures = (
        word_errors(told.sentences, told.voices.split(",")) if told.verb == "wer" else overhead(told.clips, told.n_proc)
    )
    print(
        json.dumps(figures) if told.json else "\n".join(f"{name:>16} {value:8.3f}" for name, value in figures.items())
    )
    if told.verb == "wer":
        return 0
    return int(figures["differing"] > 0 or (told.n_proc == 1 and figures["wall_ratio"] > BAR))


if __name__ == "__main__":
    sys.exit(main())
