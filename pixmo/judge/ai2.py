"""Protocol `ai2`: how the published script reads a judge's answers, oddities included.

An answer is cut at line feeds; every line that is not blank is an answer of its own, whatever it is numbered, also chatter.
So there may be more verdicts or fewer than statements, `Not Stated.` with its full stop counts as stated, and `Not consistent`
as consistent. A line that says neither or both is unscored. Those who want none of this use protocol `pixmo`.
"""

from __future__ import annotations

import re

from pixmo.records.judgement import Verdict

NO_CAPTION = "No caption provided."  # stands for an empty caption when its recall is asked
_NOT_STATED = re.compile(r"\bnot st[a-z]+\Z", re.IGNORECASE)
_INCONSISTENT = re.compile(
    r"[^a-z](?:i?inconsis?ten|inconsisent|iconsistent|incorrect|incomplete|contradictory)", re.IGNORECASE
)
_CONSISTENT = re.compile(r"[^a-z](?:consistent|constistent|correct)", re.IGNORECASE)
_NUMBER = re.compile(r"\s*\d+\s*[.):]\s*")


def lines_of(text: str) -> list[str]:
    """The lines that are read: cut at line feeds only, stripped, none of them empty."""
    return [line for part in text.split("\n") if (line := part.strip())]


def statements_of(text: str) -> list[str]:
    """Statements as they are listed, without their numbers."""
    found = (_NUMBER.sub("", line, count=1) if _NUMBER.match(line) else line for line in lines_of(text))
    return [statement for statement in found if statement]


def recall_verdicts(text: str) -> list[Verdict]:
    """A verdict for each line of an answer about recall."""
    return [_recall(line) for line in lines_of(text)]


def consistency_verdicts(text: str) -> list[Verdict]:
    """A verdict for each line of an answer about consistency."""
    return [_consistency(line) for line in lines_of(text)]


def is_repeating(text: str) -> bool | None:
    """Whether the judge finds that a caption repeats itself; None where the answer says neither."""
    said = text.strip().lower()
    return True if "yes" in said else False if "no" in said else None


def _recall(line: str) -> Verdict:
    if _NOT_STATED.search(line):
        return Verdict.NO
    return Verdict.YES if " stated" in line.lower() else Verdict.UNSCORED


def _consistency(line: str) -> Verdict:
    against, supports = _INCONSISTENT.search(line), _CONSISTENT.search(line)
    if bool(against) == bool(supports):
        return Verdict.UNSCORED
    return Verdict.NO if against else Verdict.YES
