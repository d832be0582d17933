"""Clips that are handed in twice, by bytes or by sound, over all rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest

from pixmo.audio.fingerprint import BITS, SAME
from pixmo.audio.listen import listen
from pixmo.errors import BadSetting
from pixmo.ids import digest
from pixmo.stages.find_repeated_recordings import TOLERANCE_S, FindRepeatedRecordings
from tests.speech import amplified, encoded, say


class Clip(NamedTuple):
    """A recording as the stage sees it."""

    sha: str | None
    mark: str | None = None
    length_s: float | None = None


def clip(name: str, mark: str | None = None, length_s: float | None = 60.0) -> Clip:
    return Clip(digest(name.encode()), mark, length_s)


def marked(seed: int, flipped: int = 0) -> str:
    """A fingerprint drawn by a seed, so many of its bits turned over."""
    bits = np.random.default_rng(seed).integers(0, 2, BITS, np.uint8)
    bits[:flipped] ^= 1
    return np.packbits(bits).tobytes().hex()


def repeats(rows: Sequence[Sequence[Clip] | None], cuts: int = 2, **settings: Any) -> list[list[str | None]]:
    """What each recording repeats; rows are named a, b, c …"""
    stage = FindRepeatedRecordings(**settings)
    columns = [
        pa.array([chr(97 + n) for n in range(len(rows))]),
        *(
            pa.array([None if row is None else [c[at] for c in row] for row in rows], stage.needs[at + 1].type)
            for at in range(3)
        ),
    ]
    table = pa.RecordBatch.from_arrays(columns, schema=stage.needs)
    batches = [table.slice(at, cuts) for at in range(0, len(rows), cuts)]
    made = list(stage(iter(batches)))
    assert [len(b) for b in made] == [len(b) for b in batches]
    told = pa.Table.from_batches(made, schema=stage.adds)
    found = told.column("repeats").to_pylist()
    assert told.column("is_repeated").to_pylist() == [[r is not None for r in row] for row in found]
    return found


def test_the_same_file_in_another_row_is_a_repetition() -> None:
    """The first stands for all others, wherever the rows are cut."""
    rows = [[clip("x"), clip("y")], [clip("z")], [clip("y")], [clip("z"), clip("y")]]
    expected = [[None, None], [None], ["a#1"], ["b#0", "a#1"]]
    assert repeats(rows) == repeats(rows, cuts=1) == repeats(rows, cuts=4) == expected


def test_the_same_file_twice_in_one_row_is_a_repetition() -> None:
    """Recordings of one picture are compared too."""
    assert repeats([[clip("x"), clip("x")]]) == [[None, "a#0"]]


def test_a_sound_that_is_nearly_the_same_is_a_repetition() -> None:
    """Up to the threshold, and not one bit beyond."""
    limit = int(SAME * BITS)
    rows = [[clip("x", marked(1))], [clip("y", marked(1, limit))], [clip("z", marked(1, limit + 1))]]
    assert repeats(rows)[:2] == [[None], ["a#0"]]
    assert repeats([rows[0], rows[2]]) == [[None], [None]]


def test_clips_of_other_lengths_are_others() -> None:
    """Half a second more or less is what encoders do."""
    for length_s, expected in ((60.0 + TOLERANCE_S, "a#0"), (60.0 - TOLERANCE_S, "a#0"), (60.01 + TOLERANCE_S, None)):
        assert repeats([[clip("x", marked(1))], [clip("y", marked(1), length_s)]]) == [[None], [expected]]


def test_the_first_of_several_stands_for_a_recording() -> None:
    """Also where a shorter or longer one came later, and without chains: each is near its own stand-in."""
    step = int(SAME * BITS * 0.7)
    chain = [[clip("x", marked(1))], [clip("y", marked(1, step))], [clip("z", marked(1, 2 * step))]]
    assert repeats(chain) == [[None], ["a#0"], [None]]
    lengths = [[clip("x", marked(1), 60.4)], [clip("y", marked(1), 59.7)], [clip("z", marked(1), 60.05)]]
    assert repeats(lengths) == [[None], [None], ["a#0"]]


def test_copies_of_a_repetition_repeat_the_same_recording() -> None:
    """Not each other."""
    assert repeats([[clip("x", marked(1))], [clip("y", marked(1))], [clip("y", marked(1))]]) == [
        [None],
        ["a#0"],
        ["a#0"],
    ]


def test_what_was_not_read_repeats_nothing() -> None:
    """Missing files, rows without recordings, silent clips that have no fingerprint."""
    rows = [[Clip(None), Clip(None)], [], None, [clip("x"), clip("y")]]
    assert repeats(rows) == [[None, None], [], [], [None, None]]


def test_without_fingerprints_files_are_compared() -> None:
    """Both columns of the sound are optional."""
    shas = [[digest(b"x")], [digest(b"x")]]
    batch = pa.table({"row_id": ["a", "b"], "recording_sha256": pa.array(shas)}).to_batches()[0]
    assert next(iter(FindRepeatedRecordings()(iter([batch])))).column("repeats").to_pylist() == [[None], ["a#0"]]


def test_hundreds_of_different_clips_are_found_different() -> None:
    """Of the same length, so that all are compared; the last one repeats one in their middle."""
    rows = [[clip(str(n), marked(n))] for n in range(300)]
    stage = FindRepeatedRecordings()
    columns = [
        [f"r{n}" for n in range(301)],
        *zip(*[c for row in [*rows, [clip("again", marked(150, 40))]] for c in row], strict=True),
    ]
    arrays = [
        pa.array(columns[0]),
        *(
            pa.array([[v] for v in column], f.type)
            for column, f in zip(columns[1:], list(stage.needs)[1:], strict=True)
        ),
    ]
    found = (
        next(iter(stage(iter([pa.RecordBatch.from_arrays(arrays, schema=stage.needs)])))).column("repeats").to_pylist()
    )
    assert found == [[None]] * 300 + [["r150#0"]]


def test_a_recording_is_known_in_another_container() -> None:
    """For real: as WAV, as a browser sends it, as MP3 and quieter, beside others of the same voice."""
    texts = (
        "A red bus waits in front of an old house made of brick.",
        "Two small dogs are running along the empty beach.",
    )
    files = [
        say(texts[0]),
        say(texts[1]),
        encoded(say(texts[0]), "webm"),
        encoded(amplified(say(texts[1]), -10), "mp3"),
    ]
    told = [listen(data, 60.0) for data in files]
    clips = [[Clip(digest(d), t.recording_fingerprint, t.duration_s)] for d, t in zip(files, told, strict=True)]
    assert repeats(clips) == [[None], [None], ["a#0"], ["b#0"]]


@pytest.mark.parametrize("distance", [-0.1, 0.3])
def test_a_distance_that_joins_strangers_is_refused(distance: float) -> None:
    """Or one that cannot be."""
    with pytest.raises(BadSetting, match="repeat_distance is"):
        FindRepeatedRecordings(repeat_distance=distance)
    assert FindRepeatedRecordings(repeat_distance=0.25)


def test_the_distance_is_a_setting() -> None:
    """At 0 only equal fingerprints are one."""
    rows = [[clip("x", marked(1))], [clip("y", marked(1, 1))]]
    assert repeats(rows, repeat_distance=0.0) == [[None], [None]]
    assert repeats(rows) == [[None], ["a#0"]]
