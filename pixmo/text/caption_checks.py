"""Compares a caption with what was said. Pure and lexical: it hears no tone and knows no world.

It catches what was never said: numbers, colours and left or right exactly, other words by their stems; a colour or number moved to
another thing that stands right after it; a `no` or `not` that came or went beside a word. It cannot catch true words that are put
together wrongly otherwise (who holds what, before for behind), nor tell a good paraphrase from an invention: a sentence of other
words counts as unsupported.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

from pixmo.text.caption_rules import DOUBLE_NAMES, clean
from pixmo.text.caption_units import units_of
from pixmo.text.caption_words import Facts, facts_of, kind_of, stem

FEWEST_FACTS = 2  # content words of a unit that has something to say
_ONE = "1"  # as an article: said without being said
_SENTENCE = re.compile(r"(?:(?<=[.!?…])|(?<=[.!?…][\"')\]”’]))\s+(?=[\"'(“‘]?[^\W_a-z])|(?<=[。！？])")
_COMMAND = re.compile(
    r"\b(?:ignore|disregard|forget)\b.{0,30}\b(?:instruction|prompt|rule|above|previous|everything)|\bsystem prompt\b|"
    r"\b(?:language model|as an ai|you are now|your (?:instructions|answer|output))\b|\b(?:output|reply|respond|answer) (?:only|with|just)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(  # text in the picture: it may say what it likes
    r"[\"“][^\"”]*[\"”]|(?<!\w)['‘][^'’]*['’](?!\w)|\b(?:says?|said|saying|reads?|words?|text|written|labell?ed|titled)\b.*",
    re.IGNORECASE,
)
_ARTEFACT = re.compile(
    r"\b(?:u+m+|u+h+|erm+|(?-i:er)|h+m+|mm+)\b|\byou know,|, you know\b|\bi mean\b|\bno,? wait\b|\bscratch that\b|\blet(?:['’]s| me) see\b|"
    r"\bwhat else\b|^(?:okay|alright|so yeah|yeah),|\bin th(?:is|e) (?:picture|image|photo),? (?:i|we|you) (?:can )?see\b",
    re.IGNORECASE,
)
_DOUBLED = re.compile(rf"\b(?!(?:had|very|{DOUBLE_NAMES})\b|\d)([^\W\d]\w*) (?-i:(?=[a-z]))\1\b", re.IGNORECASE)
_SPEAKER = re.compile(
    r"\bi (?:can|could|can['’]t|also|see|saw|think|guess|believe|am|was|have|don['’]t|do|would|notice|know|mean|will|\w+ed)\b|\bi['’](?:m|ve|d|ll)\b|"
    r"\bwe\b|\bwe['’](?:re|ve|ll)\b|\b(?-i:my|our)\b|"
    r"\bthe (?:\w+ )?(?:speakers?|narrators?|annotators?|describers?) (?:also )?(?:says?|said|mentions?|notes?|describes?|sees?|thinks?|believes?|"
    r"points?|adds?|refers?|counts?|guesses|explains?|is unsure|are unsure)\b|"
    r"\b(?:one|another|each) (?:person|speaker|annotator) (?:says|said|mentions|describes)\b|\baccording to\b.{0,20}\b(?:speaker|description)|"
    r"\bas (?:mentioned|described|stated)\b",
    re.IGNORECASE,
)
_META = re.compile(
    r"\b(?:the|this|these|both) transcripts?\b|\bthe (?:provided|given) (?:text|description|information)\b|\bhere(?: is|['’]s) (?:the|a|your) "
    r"(?:\w+ )?(?:caption|description)\b|\bcaption:|\bunits? \d+\.\d+|\[\d+\.\d+\]|\bas an ai\b|\blanguage model\b|</?transcripts>|```|\"sentences\"",
    re.IGNORECASE,
)


def sentences_of(caption: str) -> list[str]:
    """A caption cut into sentences where nobody says which they are."""
    return [s for s in (part.strip() for part in _SENTENCE.split(caption)) if s]


def why_unsupported(sentence: str, said: Sequence[str], most_new: float) -> str:
    """Why a sentence does not rest on the stretches of speech it cites; '' when it does. `most_new`: share of words of its own."""
    base = _heard(tuple(said))
    if base is None:
        return "cites an instruction" if said else "cites nothing"
    told = facts_of(sentence)
    for word in sorted(told.exact):
        if word not in base.exact and word != _ONE:
            return f"{kind_of(word)} not said: {word}"
    if fault := _moved(told, base, sentence) or _turned(told, base, sentence):
        return fault
    new = sorted(w for w in told.words if not base.has(w))
    if new and len(new) > most_new * len(told.all):
        return f"not said: {', '.join(_shown(w, sentence) for w in new)}"[:120]
    return ""


@lru_cache(maxsize=64)  # many sentences rest on the same speech
def _heard(said: tuple[str, ...]) -> Facts | None:
    """What stretches of speech say together, without what is said to a model; None where nothing is left."""
    parts = [part for text in said for part in ([u.text for u in units_of([text])] if is_command(text) else [text])]
    heard = [part for part in parts if not is_command(part)]
    return facts_of(" , ".join(heard)) if heard else None


def _shown(word: str, sentence: str) -> str:
    """The word of the sentence that has this stem."""
    return next((w for w in re.findall(r"[^\W\d_]+", sentence) if stem(w.lower()) == word), word)


def _moved(told: Facts, base: Facts, sentence: str) -> str:
    """A colour or number given to a thing that was said to have another, and never this one."""
    for attribute, thing in sorted(told.bound):
        had = {a for a, t in base.bound if t == thing and kind_of(a) == kind_of(attribute)}
        if had and attribute not in had and (attribute, thing) not in base.bound:
            return f"{attribute} {_shown(thing, sentence)}: said was {', '.join(sorted(had))}"
    return ""


def _turned(told: Facts, base: Facts, sentence: str) -> str:
    """A word denied that was only affirmed, or affirmed that was only denied."""
    only_denied, only_affirmed = base.denied - base.affirmed, base.affirmed - base.denied
    for word in sorted((told.denied - told.affirmed) & only_affirmed):
        return f"denied, but said: {_shown(word, sentence)}"
    if told.denied & base.denied:  # the same denial in other words: `wears no collar`, `not wearing a collar`
        return ""
    for word in sorted((told.affirmed - told.denied) & only_denied):
        return f"said to be missing: {_shown(word, sentence)}"
    return ""


def is_command(text: str) -> bool:
    """Whether a stretch of speech is addressed to a language model: it supports nothing and is missed by nobody."""
    return bool(_COMMAND.search(text))


def omitted_share(caption: str, transcripts: Sequence[str | None], least_kept: float = 0.5) -> float:
    """Share of units, of those that say something, of whose content words less than `least_kept` are in the caption."""
    base = facts_of(caption)
    said = [
        f
        for u in units_of(transcripts)
        if not is_command(u.text) and len((f := facts_of(clean(u.text))).all) >= FEWEST_FACTS
    ]
    left = [f for f in said if sum(map(base.has, f.all)) < least_kept * len(f.all)]
    return len(left) / len(said) if said else 0.0


def repeated_share(sentences: Sequence[str]) -> float:
    """Share of sentences that say the same as an earlier one, or the share of words inside runs said twice, if that is more."""
    plain = [" ".join(re.findall(r"\w+", s.lower())) for s in sentences]
    again = sum(n - 1 for n in Counter(plain).values())
    words = " ".join(plain).split()
    return max(again / len(plain) if plain else 0.0, _looped(words) / len(words) if words else 0.0)


def _looped(words: Sequence[str], run: int = 6) -> int:
    """Words of runs of six that stood there before."""
    seen: set[tuple[str, ...]] = set()
    covered: set[int] = set()
    for at in range(len(words) - run + 1):
        part = tuple(words[at : at + run])
        if part in seen:
            covered.update(range(at, at + run))
        seen.add(part)
    return len(covered)


def of_wording(sentences: Sequence[str]) -> Iterator[str]:
    """What no caption should sound like: `speech_artefact`, `mentions_speaker`, `meta`. What a sign says may sound as it likes."""
    own = [_QUOTED.sub("", s) for s in sentences]
    if any(_ARTEFACT.search(s) or _DOUBLED.search(s) for s in own):
        yield "speech_artefact"
    if any(_SPEAKER.search(s) for s in own):
        yield "mentions_speaker"
    if any(_META.search(s) for s in sentences):
        yield "meta"
