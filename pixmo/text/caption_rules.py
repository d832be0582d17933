"""Writes a caption from one transcript without a language model: English rules that take away and never add a fact.

Fillers, repeated words and lead-ins ("in this picture I can see") go; what speakers withdraw ("no wait, three") is left as it
stands, for the checks to find: rules cannot know which half was meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from pixmo.text.caption_parse import Draft, DraftSentence
from pixmo.text.caption_units import LONG_PAUSE_S, Unit

BY = "rules/1"
LONG_SENTENCE, LONGEST_SENTENCE = 12, 30  # words: from here on a fresh start begins a sentence; here any unit does
_END = re.compile(r"[.!?…。！？][\"')\]”’]*$")
_START = re.compile(
    r"(?:and |so |then )*(?:there (?:is|are)|(?:i|we|you) (?:can )?(?:also )?see|(?:in|on) the |behind )", re.I
)
DOUBLE_NAMES = "pom|yo|tom|cha|bye|knock|choo|ha|tut"  # said twice they are something else
_FILLER = r"\b(?:u+[hm]+|e+rm*|h+m+|mm+|ah+|eh+)\b(?!-)"
_NUMBER = r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|zero)"
_SEE = r"(?:i|we|you)(?: can|['’]m going to| could)?(?: also| clearly| just)? (?:see|notice|spot|make out)(?: that)?"
_THIS = r"(?:in|on|for|at) th(?:is|e) (?:picture|image|photo|photograph|one)"
_SINGLE, _SEVERAL = (
    r"(?:a|an|another|one)",
    r"(?:two|three|four|five|six|seven|eight|nine|ten|some|several|many|few|lots|\d+)",
)

_STEPS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(wanted, re.IGNORECASE), instead)
    for wanted, instead in (
        (r"\s+", " "),
        (rf",\s*{_FILLER},?\s+(?=(?:the|there|it|he|she|they|and|but|in|on)\b)", ", "),
        (rf"(?:,\s*)?{_FILLER}[,.…]*", " "),
        (r"(?:,\s*)?\blet(?:['’]s| me) (?:see|count|think)\b[,.…]*", " "),
        (r"(?:,\s*)?\byou know\b(?! (?:what|who|how|where|when|why|that|the))[,]?", " "),
        (r"\s+([,.;:!?])", r"\1"),
        (r",\s*like,", " "),
        (r"\b\w{1,4}-+\s+(?=\w)", ""),  # a word broken off
        (r"\s+", " "),
        (rf"\b(?!(?:{_NUMBER}|{DOUBLE_NAMES})\b)((?!\d)\w+(?:['’]\w+)?)(?:[,.…]* \1\b)+", r"\1"),
        (rf"\b(?!{_NUMBER}\b)([^\W\d]\w*(?: (?!{_NUMBER}\b)[^\W\d]\w*){{1,3}}),? \1\b", r"\1"),
        (r"^[\s,]*(?:(?:so|well|ok|okay|alright|all right|right|now|and|then|yeah|yes|oh|anyway)\b[\s,.]*)+(?!$)", ""),
        (r"^[\s,]*(?:what else|that['’]?s (?:it|all|about it)|(?:so|ok|okay|yeah|well|right)\b)[\s,.?!]*$", ""),
        (r"\bi (?:think|guess|believe|suppose)(?: that)?\b", "perhaps"),
        (rf"\b(?:{_THIS},? )?{_SEE} (?:that )?there (is|are)\b", r"there \1"),
        (rf"\b(?:{_THIS},? )?{_SEE},? (?={_SINGLE}\b)", "there is "),
        (rf"\b(?:{_THIS},? )?{_SEE},? (?={_SEVERAL}\b)", "there are "),
        (rf"^(?:{_THIS},? )?{_SEE},? (?=\w)", ""),
        (rf"^{_THIS},? (?=there (?:is|are)\b)", ""),
        (r"\bi\b(?=['’ ]|$)", "I"),
        (r"\s+([,.;:!?])", r"\1"),
        (r"([,;:])[,;:.]+", r"\1"),
        (r"\b(and|or|but), (?=\w)", r"\1 "),
        (r"^[\s,;:.–—-]+|[\s,;:–—-]+$", ""),
    )
)  # fmt: skip


def write(units: Sequence[Unit]) -> Draft:
    """The caption of the transcript with most words; without sentences where nothing but fillers was said."""
    spoken = [list(of) for _, of in groupby(units, key=lambda u: u.transcript)]
    most = max(spoken, key=lambda of: len(" ".join(u.text for u in of).split()), default=[])
    sentences, left = [], []
    for part in _sentences(most):
        ids = tuple(u.id for u in part)
        text = clean(" ".join(u.text for u in part))
        if text:
            sentences.append(DraftSentence(text, ids))
        else:
            left += [(i, "artefact") for i in ids]
    return Draft(tuple(sentences), tuple(left))


def clean(said: str) -> str:
    """One sentence as it would be written; '' when nothing is left of it."""
    text = said
    for wanted, instead in _STEPS:
        text = wanted.sub(instead, text)
    if not any(c.isalnum() for c in text) or (len(text.split()) < 2 and len(text) < 4):
        return ""
    text = text[0].upper() + text[1:]
    return text if _END.search(text) else text + "."


def _sentences(units: Sequence[Unit]) -> Iterator[list[Unit]]:
    """Units that belong together: up to a full stop, a long pause, or a fresh start in a long run."""
    part: list[Unit] = []
    for unit in units:
        if part and _begins(part, unit):
            yield part
            part = []
        part.append(unit)
    if part:
        yield part


def _begins(before: Sequence[Unit], unit: Unit) -> bool:
    last, words = before[-1], sum(len(u.text.split()) for u in before)
    paused = unit.start_s is not None and last.end_s is not None and unit.start_s - last.end_s >= LONG_PAUSE_S
    if paused or _END.search(last.text) or words >= LONGEST_SENTENCE:
        return True
    return words >= LONG_SENTENCE and bool(_START.match(unit.text))
