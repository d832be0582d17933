"""Transcripts cut into numbered units of about 5 to 15 words: what the sentences of a caption point to.

Cutting is deterministic and loses nothing: a unit knows its characters, and its seconds where words or segments have times.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

FEWEST, MANY, MOST = 5, 11, 15  # words: below no comma cuts, from here on a connective does, here all does
SHORT_PAUSE_S, LONG_PAUSE_S = 0.35, 0.8
LOOK_AHEAD = 200  # characters in which the next timed word is looked for
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(rf"[{_CJK}][。、，！？；]*|[^\s{_CJK}]{{1,40}}")  # scripts without spaces: a character is a word
_SENTENCE_END = re.compile(r"[.!?…。！？][\"')\]”’]*$")
_CLAUSE_END = re.compile(r"[,;:、，；–—][\"')\]”’]*$")
_CONNECTIVE_WORDS = "and but or then there with behind above below next on in at to while which so it he she they"
_CONNECTIVES = frozenset(_CONNECTIVE_WORDS.split())


class Timed(NamedTuple):
    """A stretch of a transcript's text, in order, with its seconds."""

    text: str
    start_s: float
    end_s: float


class Unit(NamedTuple):
    """`id` is transcript.unit, both from 1; `start`, `end` are characters of transcripts[transcript]."""

    id: str
    transcript: int
    start: int
    end: int
    text: str
    start_s: float | None
    end_s: float | None


class _Token(NamedTuple):
    start: int
    end: int
    start_s: float | None
    end_s: float | None
    last: bool  # of its timed stretch


def units_of(transcripts: Sequence[str | None], timings: Sequence[Sequence[Timed]] = ()) -> list[Unit]:
    """The units of all transcripts, in order. `timings` may give words (or segments) of each; blank transcripts have none."""
    found: list[Unit] = []
    for n, text in enumerate(transcripts):
        timed = timings[n] if n < len(timings) else ()
        found += _cut(n, text, timed) if text else ()
    return found


def n_words(text: str) -> int:
    """How many words; of scripts without spaces a character counts as one."""
    return sum(1 for _ in _TOKEN.finditer(text))


def _cut(transcript: int, text: str, timed: Sequence[Timed]) -> Iterator[Unit]:
    tokens = _tokens(text, timed)
    begin = number = 0
    for at in range(len(tokens)):
        if not _ends(text, tokens, begin, at):
            continue
        part, begin, number = tokens[begin : at + 1], at + 1, number + 1
        start, end = part[0].start, part[-1].end
        seconds = [t for t in part if t.start_s is not None]
        times = (seconds[0].start_s, seconds[-1].end_s) if seconds else (None, None)
        yield Unit(f"{transcript + 1}.{number}", transcript, start, end, text[start:end], *times)


def _ends(text: str, tokens: list[_Token], begin: int, at: int) -> bool:
    """Whether a unit that begins at a token ends with another."""
    words = at + 1 - begin
    if at + 1 == len(tokens) or words >= MOST:
        return True
    here, after = tokens[at], tokens[at + 1]
    if after.start == here.end and not _CJK_START.match(text, after.start):
        return False  # a piece of one endless word
    said = text[here.start : here.end]
    pause = after.start_s - here.end_s if after.start_s is not None and here.end_s is not None and here.last else 0.0
    if _SENTENCE_END.search(said) or pause >= LONG_PAUSE_S:
        return True
    if words >= FEWEST and (_CLAUSE_END.search(said) or pause >= SHORT_PAUSE_S):
        return True
    return words >= MANY and text[after.start : after.end].lower() in _CONNECTIVES


_CJK_START = re.compile(f"[{_CJK}]")


def _tokens(text: str, timed: Sequence[Timed]) -> list[_Token]:
    """Words of a text, each with the seconds of the stretch it lies in."""
    placed = _placed(text, timed)
    starts = [start for start, _, _ in placed]
    tokens = []
    for found in _TOKEN.finditer(text):
        at = bisect_right(starts, found.end() - 1) - 1
        if at >= 0 and placed[at][1] > found.start():
            _, end, stretch = placed[at]
            tokens.append(_Token(*found.span(), stretch.start_s, stretch.end_s, found.end() >= end))
        else:
            tokens.append(_Token(*found.span(), None, None, False))
    return tokens


def _placed(text: str, timed: Sequence[Timed]) -> list[tuple[int, int, Timed]]:
    """(start, end, stretch) of those stretches that are found in the text, in order; others are passed over."""
    placed, cursor = [], 0
    for stretch in timed:
        wanted = stretch.text.strip()
        at = text.find(wanted, cursor, cursor + len(wanted) + LOOK_AHEAD) if wanted else -1
        if at >= 0:
            cursor = at + len(wanted)
            placed.append((at, cursor, stretch))
    return placed
