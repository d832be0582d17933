"""Signs that a transcript was made up or has run wild: scores of a text, of its times, and of what an engine says about itself.

Engines have filters of their own, which their batched modes pass by; these look at nothing but what came out.
"""

from __future__ import annotations

import re
import zlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence

from pixmo.audio.heard import Segment, Span, Word

LONGEST_PERIOD = 40
"""Words of the longest phrase that is looked for back to back."""
PHRASES = {4: 3, 3: 4}
"""Words of a phrase, and how often it must be said in all, to count as repeated wherever it stands again."""
WINDOW = 500
"""Characters that are compressed at once: about what is said in the 30 s Whisper looks at. Longer text compresses better."""
TOLERANCE_S = 0.3
"""Engines' word times are off by so much."""

# Scripts that are written without spaces: each character counts as a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0e7f]|[^\W_]+(?:['’][^\W_]+)*")


def words_of(text: str) -> list[str]:
    """The words as they are compared: without case and punctuation."""
    return [word.casefold().replace("’", "'") for word in _WORD.findall(text)]


def loop_share(text: str) -> float | None:
    """The share of words, 0 to 1, that only repeat; None without words.

    A word repeats that continues a phrase said at least three times in a row (four, for one word; two, for eight words or more),
    or stands in a phrase of four words said at least three times in all, or of three words said four times. First times do not count.
    """
    words = words_of(text)
    if not words:
        return None
    repeats = bytearray(len(words))
    for period in range(1, min(LONGEST_PERIOD, len(words) - 1) + 1):
        for start, end in _runs(words, period):
            repeats[start:end] = b"\1" * (end - start)
    for size, enough in PHRASES.items():
        phrases = [tuple(words[at : at + size]) for at in range(len(words) - size + 1)]
        often, said = {phrase for phrase, count in Counter(phrases).items() if count >= enough}, set()
        for at, phrase in enumerate(phrases):
            if phrase in often and phrase in said:
                repeats[at : at + size] = b"\1" * size
            said.add(phrase)
    return sum(repeats) / len(words)


def _runs(words: Sequence[str], period: int) -> Iterator[tuple[int, int]]:
    """Where each word is the one `period` words before, for so long that it is no chance."""
    enough = 3 if period == 1 else 2 * period if period < 8 else period
    start = None
    for at in range(period, len(words) + 1):
        if at < len(words) and words[at] == words[at - period]:
            start = at if start is None else start
        else:
            if start is not None and at - start >= enough:
                yield start, at
            start = None


def compression_ratio(text: str) -> float | None:
    """Bytes over compressed bytes, as Whisper computes it, of the window of the text that compresses best; None for no text."""
    text = text.strip()
    if not text:
        return None
    starts = range(0, max(1, len(text) - WINDOW // 2), WINDOW // 2)
    windows = (text[at : at + WINDOW].encode() for at in starts)
    return max(len(w) / len(zlib.compress(w)) for w in windows)


def chars_per_s(text: str, speech_s: float | None) -> float | None:
    """Characters per second of net speech; None where nobody speaks."""
    return len(text.strip()) / speech_s if speech_s else None


def outside_speech_share(words: Sequence[Word], segments: Sequence[Segment], speech: Sequence[Span]) -> float | None:
    """The share of the text's characters that was heard where nobody speaks; None where the engine gives no times.

    A word is judged by its middle. Without words, a segment is outside when less than a fifth of it is speech: it holds pauses.
    """
    timed: Sequence[tuple[int, bool]]
    if words:
        timed = [(len(w.text.strip()), _is_outside((w.start_s + w.end_s) / 2, speech)) for w in words]
    else:
        timed = [(len(s.text.strip()), _overlap_share(s, speech) < 0.2) for s in segments]
    total = sum(size for size, _ in timed)
    return sum(size for size, is_outside in timed if is_outside) / total if total else None


def _is_outside(at_s: float, speech: Sequence[Span]) -> bool:
    """Spans lie in order and apart; the one before and the one after are near enough to ask."""
    after = bisect_right(speech, at_s, key=lambda span: span.start_s)
    near = speech[max(0, after - 1) : after + 1]
    return not any(span.start_s - TOLERANCE_S <= at_s <= span.end_s + TOLERANCE_S for span in near)


def _overlap_share(segment: Segment, speech: Sequence[Span]) -> float:
    start, end = segment.start_s, segment.end_s
    if end <= start:
        return 0.0 if _is_outside(start, speech) else 1.0
    return sum(max(0.0, min(end, s.end_s) - max(start, s.start_s)) for s in speech) / (end - start)


def disagreement(text: str, second: str) -> float | None:
    """Words to change, add or leave out to make one text the other, over the words of the longer: 0 to 1; None for two empty ones."""
    ours, theirs = words_of(text), words_of(second)
    longer = max(len(ours), len(theirs))
    return edits(ours, theirs) / longer if longer else None


def edits(ours: Sequence[str], theirs: Sequence[str]) -> int:
    """The Levenshtein distance of two sequences, by Myers's bit vectors: one whole number holds a column of the table."""
    if not ours:
        return len(theirs)
    where: dict[str, int] = {}
    for at, word in enumerate(ours):
        where[word] = where.get(word, 0) | 1 << at
    whole, last = (1 << len(ours)) - 1, 1 << (len(ours) - 1)
    up, down, distance = whole, 0, len(ours)
    for word in theirs:
        match = where.get(word, 0)
        diagonal = ((((match & up) + up) ^ up) | match | down) & whole
        right, left = down | (whole & ~(diagonal | up)), up & diagonal
        distance += bool(right & last) - bool(left & last)
        right, left = (right << 1 | 1) & whole, (left << 1) & whole
        up, down = left | (whole & ~(diagonal | right)), right & diagonal
    return distance


def mean_score(segments: Sequence[Segment], name: str) -> float | None:
    """The mean of a score over the segments that have one, weighted by their characters; None where none has."""
    told = [(len(s.text.strip()), score) for s in segments if (score := getattr(s, name)) is not None]
    total = sum(size for size, _ in told)
    return sum(size * score for size, score in told) / total if total else None
