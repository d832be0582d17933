"""A text that became another: the words that stayed, went and came, in reading order."""

from __future__ import annotations

from difflib import SequenceMatcher

from pixmo.page.html import Child, tag
from pixmo.view.words import MOST_WORDS, words_of

AROUND = 25  # words that are shown on either side of a change
_USUAL = 300  # words up to which even frequent words are lined up
_LONGEST = 400  # characters of a word


def changes(before: str, after: str) -> list[Child]:
    """What stayed as text, what went as <del>, what came as <ins>; long stretches that stayed are left out in their middle."""
    old, new = ([w[:_LONGEST] for w in words_of(text)] for text in (before, after))
    told: list[Child] = []
    bare_old, bare_new = ([w.strip() for w in words] for words in (old, new))
    matcher = SequenceMatcher(None, bare_old, bare_new, autojunk=max(len(old), len(new)) > _USUAL)
    parts = matcher.get_opcodes()
    for n, (kind, a, b, c, d) in enumerate(parts):
        if kind == "equal":
            told.append(_stayed(new[c:d], n > 0, n + 1 < len(parts)))
            continue
        if b > a:
            told += [tag("del", "".join(old[a:b]).strip()), " "]
        if d > c:
            told += [tag("ins", "".join(new[c:d]).strip()), " "]
    if bare_old == bare_new and before != after:
        is_long = len(words_of(before, MOST_WORDS + 1)) > MOST_WORDS
        why = (
            f"The first {MOST_WORDS:,} words are the same; what differs stands behind them."
            if is_long
            else "Only white space differs."
        )
        told.append(tag("em", f" {why}"))
    return told


def _stayed(words: list[str], is_after: bool, is_before: bool) -> str:
    """Words that stayed, as far as they stand near a change."""
    first, last = AROUND * is_after, AROUND * is_before
    if not (is_after or is_before):
        first = 4 * AROUND
    if len(words) > first + last + 3:
        words = [*words[:first], " … ", *(words[len(words) - last :] if last else [])]
    text = "".join(words)
    return text if not is_before or text[-1:].isspace() else f"{text} "
