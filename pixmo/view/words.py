"""Texts compared word by word."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from itertools import groupby, islice
from typing import NamedTuple

MOST_WORDS = 1000
"""Words of each text that are compared: beyond, comparing takes longer than anybody waits, and nobody reads on."""

_USUAL = 300  # words up to which even frequent words are lined up
_WORD = re.compile(r"\S+\s*")


class Stretch(NamedTuple):
    """Words that stand together, and whether the other text lacks them."""

    text: str
    is_alone: bool


class Comparison(NamedTuple):
    """A text, and each that it was compared with, both as stretches; what of the text none of the others has stands alone."""

    body: list[Stretch]
    others: list[list[Stretch]]
    is_whole: bool  # whether all words were compared


def compare(body: str, others: Sequence[str]) -> Comparison:
    """Lines up the words of a text with those of others. Case and punctuation at words' ends do not count."""
    mine = words_of(body)
    bare = [_bare(w) for w in mine]
    matched = [False] * len(mine)
    told = []
    for other in others:
        theirs = words_of(other)
        found = [False] * len(theirs)
        matcher = SequenceMatcher(None, bare, [_bare(w) for w in theirs], autojunk=max(len(mine), len(theirs)) > _USUAL)
        for at, there, size in matcher.get_matching_blocks():
            matched[at : at + size] = [True] * size
            found[there : there + size] = [True] * size
        told.append(_stretches(theirs, found))
    is_whole = all(len(words_of(text, MOST_WORDS + 1)) <= MOST_WORDS for text in (body, *others))
    return Comparison(_stretches(mine, matched), told, is_whole)


def words_of(text: str, most: int = MOST_WORDS) -> list[str]:
    """The first words, each with the white space behind it."""
    return [found[0] for found in islice(_WORD.finditer(text), most)]


def _stretches(words: Sequence[str], matched: Iterable[bool]) -> list[Stretch]:
    pairs = zip(words, matched, strict=True)
    return [Stretch("".join(w for w, _ in group), not both) for both, group in groupby(pairs, key=lambda pair: pair[1])]


def _bare(word: str) -> str:
    return word.strip().strip(".,;:!?\"'()[]").casefold() or word.strip()
