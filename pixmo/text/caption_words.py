"""What a text says, as far as its words tell: content words by stem, numbers, colours, sides, what is denied, what belongs to what.

Lexical and English; of other languages it sees words. It knows no grammar: `red` belongs to the word right after it and to no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(rf"[{_CJK}]|\d+(?:[.,:]\d+)*|[^\W\d_{_CJK}]+(?:['’][^\W\d_{_CJK}]+)*|[.,;:!?()。，；]")
_BREAK = frozenset(".,;:!?()。，；") | {"but"}

# Lists of words are kept as text: one line holds what would be twenty
_COLOUR_WORDS = """
red orange yellow green blue purple pink brown black white grey violet beige gold silver turquoise maroon navy
cyan magenta teal tan cream scarlet crimson lilac lavender khaki burgundy
"""
_NUMBER_WORDS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen twenty
"""
_TENS_WORDS = "thirty forty fifty sixty seventy eighty ninety"
_PLAIN_WORDS = """
large small old young tall short long bright dark light deep pale round square new same other more wooden metal
plastic striped shiny
"""
_SUBJECT_WORDS = "it it's there there's he he's she she's they they're i i'm we this that that's"
_EMPTY_WORDS = """
a an the this that these those it its they them their he she his her him i you we our my your me us one's who
whom whose which what where when why how there here is are was were be been being am has have had having do does
did doing done will would can could should may might must shall of in on at to for from by with as into onto
about and or if then than so because while also too very really quite just only even still some any all each
every both either such another other others more most much many several few bit lot lots kind sort type sorts
kinds thing things something anything stuff up down out off again back it's that's there's he's she's they're
i'm i've i'd we're we've you're let's what's who's isn't aren't doesn't don't didn't wasn't weren't can't
couldn't won't wouldn't hasn't haven't picture image photo photograph scene view shot frame description describe
shows show showing depict depicts depicting depicted capture captures captured capturing feature features
featuring featured display displays displayed visible appear appears appearing seem seems seemingly seen see
seeing look looks looking like likely perhaps maybe probably possibly possible apparently located situated
positioned placed position overall include includes including included contain contains containing think guess
believe suppose know mean say says said tell going go gonna yeah yes no not okay ok well now right's um uh er
hmm actually basically literally pretty sure obviously clearly definitely exactly
"""

COLOURS = frozenset(_COLOUR_WORDS.split())
SIDES = frozenset(("left", "right"))
_SAME = {
    "gray": "grey", "golden": "gold", "people": "person", "persons": "person", "men": "man", "women": "woman", "kid": "child",
    "kids": "child", "children": "child", "guy": "man", "guys": "man", "gentleman": "man", "lady": "woman", "ladies": "woman",
    "automobile": "car", "bike": "bicycle", "bikes": "bicycle", "airplane": "plane", "aeroplane": "plane", "sofa": "couch",
    "tv": "television", "feet": "foot", "teeth": "tooth", "mice": "mouse", "geese": "goose", "leaves": "leaf", "knives": "knife",
    "shelves": "shelf", "wolves": "wolf", "big": "large", "little": "small", "tiny": "small", "huge": "large", "upper": "top",
    "lower": "bottom", "under": "below", "underneath": "below", "beneath": "below", "over": "above", "worn": "wear",
    "wearing": "wear", "wore": "wear", "held": "hold", "stood": "stand", "sat": "sit", "lying": "lie", "lies": "lie", "laid": "lie",
    "laying": "lie", "shown": "show", "written": "write", "made": "make", "making": "make", "ran": "run", "built": "build",
}  # fmt: skip
_DIGITS = {name: value for value, name in enumerate(_NUMBER_WORDS.split())}
_DIGITS |= {name: 10 * n for n, name in enumerate(_TENS_WORDS.split(), 3)} | {"dozen": 12}
_TIMES = {"hundred": 100, "thousand": 1000}
_DENY = frozenset(("no", "not", "without", "never", "none", "neither", "nor", "cannot"))
_NOBODY = frozenset(("nobody", "noone"))
_LISTING = frozenset(("and", "any"))  # keep what was said before in force
_PLAIN = frozenset(_PLAIN_WORDS.split())  # may stand between an attribute and what it belongs to
_EMPTY = frozenset(_EMPTY_WORDS.split()) | _DENY  # say nothing of a picture: grammar, frames, the manner of speaking
_SUBJECTS = frozenset(_SUBJECT_WORDS.split())  # begin another clause
ROOT = 5  # letters that words of one root have in common
_COUPLE = re.compile(r"\bcouple of\b", re.IGNORECASE)


class Facts(NamedTuple):
    """`bound` are (attribute, thing) that stand side by side, such as (red, car) or (2, dog)."""

    words: frozenset[str]  # content words by stem; numbers, colours and sides not among them
    exact: frozenset[str]  # numbers as digits, colours, sides
    denied: frozenset[str]
    affirmed: frozenset[str]
    bound: frozenset[tuple[str, str]]

    @property
    def all(self) -> frozenset[str]:
        """Everything it says."""
        return self.words | self.exact

    def has(self, word: str) -> bool:
        """Whether it says this word, or one of the same root: five first letters and nearly the same length."""
        if word in self.words or word in self.exact:
            return True
        return len(word) >= ROOT and any(abs(n - len(word)) <= 3 for n in _roots(self.words).get(word[:ROOT], ()))


@lru_cache(maxsize=64)
def _roots(words: frozenset[str]) -> dict[str, set[int]]:
    """The lengths of words by their first letters."""
    found: dict[str, set[int]] = {}
    for word in words:
        found.setdefault(word[:ROOT], set()).add(len(word))
    return found


@lru_cache(maxsize=64)  # each sentence of a caption is compared with the same speech
def facts_of(text: str) -> Facts:
    """What a text says."""
    reading = _Reading()
    for token in normal(text):
        reading.take(token)
    return Facts(
        frozenset(reading.words), frozenset(reading.exact), frozenset(reading.denied), frozenset(reading.affirmed),
        frozenset(reading.bound),
    )  # fmt: skip


class _Reading:
    """Takes tokens one by one; knows what was just said of whatever comes next."""

    def __init__(self) -> None:
        self.words: set[str] = set()
        self.exact: set[str] = set()
        self.denied: set[str] = set()
        self.affirmed: set[str] = set()
        self.bound: set[tuple[str, str]] = set()
        self._attributes: list[str] = []
        self._lists = False  # a denial stands in this clause: `or` continues it
        self._denies = 0  # content words that are still denied: a noun after `no`, verb and noun after `not`

    def take(self, token: str) -> None:
        """The next token."""
        if token in _BREAK or token in _SUBJECTS:
            self._attributes, self._lists, self._denies = [], False, 0
        elif token in _DENY or token.endswith("n't"):
            self._attributes, self._lists, self._denies = [], True, 1 if token in ("no", "without") else 2
        elif token == "or":
            self._denies = max(self._denies, int(self._lists))
        elif token in _LISTING:
            pass
        elif token in _EMPTY:
            self._attributes = []
        elif is_exact(token):
            self.exact.add(token)
            self._attributes.append(token)
            (self.denied if self._denies else self.affirmed).add(token)
        else:
            self._take_word(token)

    def _take_word(self, token: str) -> None:
        self.words.add(token)
        (self.denied if self._denies else self.affirmed).add(token)
        if token not in _PLAIN:
            self.bound.update((a, token) for a in self._attributes if a not in SIDES)
            self._attributes, self._denies = [], max(self._denies - 1, 0)


def is_exact(token: str) -> bool:
    """A number, colour or side: said exactly so or not at all."""
    return token[0].isdigit() or token in COLOURS or token in SIDES


def kind_of(token: str) -> str:
    """`number`, `colour`, `side` or `word`."""
    return "number" if token[0].isdigit() else "colour" if token in COLOURS else "side" if token in SIDES else "word"


def normal(text: str) -> Iterator[str]:
    """Tokens in their normal form: lower case, stems, numbers as digits, breaks of clauses; `nobody` is no person."""
    yield from _numbers(_folded(text))


def _folded(text: str) -> Iterator[str]:
    for found in _TOKEN.finditer(_COUPLE.sub("two", text)):
        token = found[0].lower().replace("’", "'")
        if token in _NOBODY:
            yield from ("no", "person")
        elif token in _EMPTY or token in _BREAK or token in _DIGITS or token in _TIMES:
            yield token
        else:
            yield stem(token.removesuffix("'s").removesuffix("s'"))


def _numbers(tokens: Iterable[str]) -> Iterator[str]:
    """Number words become digits, `twenty five` and `two hundred` one number."""
    value: int | None = None
    small = False  # a unit was added: the next number is another one
    for token in tokens:
        if token in _TIMES:
            value, small = (value if value is not None else 1) * _TIMES[token], False
            continue
        if token in _DIGITS:
            told = _DIGITS[token]
            fits = (
                value is not None
                and not small
                and (value % 100 == 0 if told >= 10 else value % 10 == 0)
                and value > told
            )
            if value is not None and not fits:
                yield str(value)
                value = None
            value, small = (value or 0) + told, told % 10 != 0 or told == 10
            continue
        if value is not None:
            yield str(value)
            value = None
        yield token.replace(",", "") if token[0].isdigit() else token
    if value is not None:
        yield str(value)


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A light stem: plurals, -ing and -ed go; short words stay."""
    word = _SAME.get(word, word)
    if len(word) <= 3 or word in COLOURS or word in SIDES or not word.isascii():
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    if word in COLOURS:
        return word
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            if word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    return _SAME.get(word, word.removesuffix("e") if len(word) > 3 and not word.endswith("ee") else word)
