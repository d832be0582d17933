"""The normal form of a short answer, as the VQA challenge defines it: the same on both sides of a comparison."""

from __future__ import annotations

import re

PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
PERIODS_OF_THE_ORIGINAL = 32
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_ARTICLES = ("a", "an", "the")

# Written with their apostrophes; read without one of them. Kept as the challenge has it: what is not here ("she's" from "shes") is not
# mended, and the forms with a capital I never meet a text, for that is in small letters.
_CONTRACTIONS = """
    ain't aren't can't could've couldn't didn't doesn't don't hadn't hasn't haven't he'd he's how'd how'll how's isn't it'd it'll ma'am
    mightn't might've mustn't must've needn't not've o'clock oughtn't shan't should've shouldn't somebody'll somebody's someone'd
    someone'll someone's something'd something'll that's there'd there're there's they'd they'll they're they've 'twas wasn't we've
    weren't what'll what're what's what've when's where'd where's where've who'd who'll who's who've why'll why're why's won't would've
    wouldn't y'all you'd you'll you're you've
"""
_DOUBLE = """
    couldn't've hadn't've he'd've it'd've mightn't've she'd've shouldn't've somebody'd've someone'd've something'd've there'd've they'd've
    we'd've who'd've wouldn't've y'all'll you'd've
"""
_ODD = {
    "somebody'd": "somebodyd", "yall'd've": "y'all'd've", "y'alld've": "y'all'd've", "y'all'dve": "y'all'd've",
    "ow's'at": "'ow's'at", "'ows'at": "'ow's'at", "'ow'sat": "'ow's'at",
}  # fmt: skip


def _without_one(word: str) -> list[str]:
    return [word[:i] + word[i + 1 :] for i, letter in enumerate(word) if letter == "'"]


_REPLACED: dict[str, str] = {
    "none": "0",
    **{word: str(number) for number, word in enumerate(_NUMBERS)},
    **dict.fromkeys(_ARTICLES, ""),
    **{short: word for word in (_CONTRACTIONS + _DOUBLE).split() for short in _without_one(word)},
    **_ODD,
}
_MARKS = re.compile("[" + re.escape(PUNCTUATION) + "]")
_DIGITS_WITH_COMMA = re.compile(r"\d,\d")
_PERIOD = re.compile(r"\.(?!\d)")


def normalise(text: str, *, legacy: bool = False) -> str:
    """Small letters; punctuation and articles left out; number words up to ten as digits; contractions with their apostrophe.

    A mark is deleted where it touches a space anywhere in the text, or where the text has digits around a comma; elsewhere it becomes a
    space. A period goes unless a digit follows. `legacy` removes the first 32 periods only.
    """
    text = text.replace("\n", " ").replace("\t", " ").lower().strip()
    if _MARKS.search(text):
        text = _without_marks(text)
    if "." in text:
        text = _PERIOD.sub("", text, count=PERIODS_OF_THE_ORIGINAL if legacy else 0)
    words = text.split()
    if _REPLACED.keys().isdisjoint(words):
        return " ".join(words)
    return " ".join(word for word in (_REPLACED.get(word, word) for word in words) if word)


def _without_marks(text: str) -> str:
    has_comma_in_number = _DIGITS_WITH_COMMA.search(text) is not None
    kept = text
    for mark in set(_MARKS.findall(text)):
        is_deleted = has_comma_in_number or mark + " " in text or " " + mark in text
        kept = kept.replace(mark, "" if is_deleted else " ")
    return kept
