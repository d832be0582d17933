"""Who does which task: each is given to k people, and to another when one of them skips it or stays away.

A task is a picture, with a label where something is asked of it. Gold tasks, whose answer is known, are mixed in at a rate, each to everybody.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

from pixmo.annotate.folder import POINTS, QA, SPEECH
from pixmo.annotate.store import Store

LEASE_S = (
    3600.0  # how long an open picture is kept for somebody who shows no sign of life; also when the clock was set back
)
REASONS = {
    "not_shown": "I cannot see the picture",
    "unclear": "It is too blurred or too small",
    "disturbing": "It is disturbing",
    "private": "It shows something private",
    "no_words": "I do not know what to say about it",
    "other": "Something else",
}
"""Why a picture is skipped: the word that is stored, the words on the page."""
UNSURE = {"unsure": "I do not understand what is asked"}
_PLAIN = {word: told for word, told in REASONS.items() if word != "no_words"}
REASONS_OF = {SPEECH: REASONS, POINTS: UNSURE | _PLAIN, QA: UNSURE | _PLAIN}
"""The reasons of each kind."""

_NEW = """
SELECT p.id FROM pictures p WHERE p.is_here AND p.known IS NULL
AND NOT EXISTS (SELECT 1 FROM assignments WHERE picture = p.id AND person = ?)
AND (SELECT count(*) FROM assignments WHERE picture = p.id AND (state = 'done' OR (state = 'open' AND abs(at - ?) < ?))) = ?
ORDER BY p.id LIMIT 1
"""
_GOLD = """
SELECT p.id FROM pictures p WHERE p.is_here AND p.known IS NOT NULL AND p.id NOT IN (SELECT picture FROM assignments WHERE person = ?)
ORDER BY p.id LIMIT 1
"""
_HAD = """
SELECT count(*), coalesce(sum(p.known IS NOT NULL), 0) FROM assignments a JOIN pictures p ON p.id = a.picture WHERE a.person = ?
"""
_OPEN = """
SELECT a.picture FROM assignments a JOIN pictures p ON p.id = a.picture
WHERE a.person = ? AND a.state = 'open' AND p.is_here
ORDER BY a.note IS NULL, a.at, a.picture LIMIT 1
"""


class Task(NamedTuple):
    """A picture and what is asked of it; `told` is what is known about it, `known` the answer of a gold task, as JSON."""

    file: str
    label: str = ""
    told: str = ""
    known: str | None = None


class Tasks:
    """The pictures of a collection and how far they are."""

    def __init__(self, store: Store, per_picture: int, gold_rate: float = 0.0) -> None:
        self._store = store
        self._gold_rate = gold_rate
        self.per_picture = per_picture

    def take_in(self, files: Iterable[str | Task]) -> None:
        """The pictures there are now; those that left are no longer given out."""
        with self._store.change():
            self._store.do("UPDATE pictures SET is_here = 0")
            for task in files:
                self._store.do(
                    "INSERT INTO pictures (file, label, told, known, is_here) VALUES (?, ?, ?, ?, 1) "
                    "ON CONFLICT (file, label, known IS NULL) DO UPDATE SET is_here = 1, told = excluded.told, known = excluded.known",
                    *(Task(task) if isinstance(task, str) else task),
                )

    def task(self, picture: int) -> Task | None:
        """A task by its number."""
        found = self._store.one("SELECT file, label, told, known FROM pictures WHERE id = ?", picture)
        return None if found is None else Task(*found)

    def next_for(self, person: str) -> int | None:
        """The picture somebody should do now: one that was sent back, one they have open, else one with the fewest descriptions."""
        with self._store.change():
            found = self._store.one(_OPEN, person)
            if found is None and self._is_time_for_gold(person):
                found = self._store.one(_GOLD, person)
            for had_by in range(self.per_picture if found is None else 0):  # so the first of a million is found at once
                found = found or self._store.one(_NEW, person, time.time(), LEASE_S, had_by)
            if found is None:
                return None
            self._store.do(
                "INSERT INTO assignments VALUES (?, ?, 'open', NULL, NULL, ?) ON CONFLICT DO UPDATE SET at = excluded.at",
                found[0], person, time.time(),
            )  # fmt: skip
            return int(found[0])

    def _is_time_for_gold(self, person: str) -> bool:
        """Whether they had fewer gold tasks than the rate asks for; never at first, and never twice in a row."""
        had, gold = self._store.one(_HAD, person) or (0, 0)
        return bool(gold < self._gold_rate * had)

    def file_of(self, picture: int, person: str) -> str | None:
        """The file of a picture that was given to somebody."""
        found = self._store.one(
            "SELECT file FROM pictures JOIN assignments ON picture = id WHERE id = ? AND person = ? AND is_here",
            picture,
            person,
        )
        return None if found is None else str(found[0])

    def finish(self, picture: int, person: str) -> None:
        """Notes that an open picture is done."""
        self._store.do(
            "UPDATE assignments SET state = 'done', at = ? WHERE picture = ? AND person = ?",
            time.time(),
            picture,
            person,
        )

    def send_back(self, picture: int, person: str, note: str) -> None:
        """Opens a task again, with what to do better."""
        self._store.do(
            "UPDATE assignments SET state = 'open', reason = NULL, note = ?, at = ? WHERE picture = ? AND person = ?",
            note, time.time(), picture, person,
        )  # fmt: skip

    def note_of(self, picture: int, person: str) -> str:
        """What the owner wrote to a task that was sent back; else nothing."""
        found = self._store.one("SELECT note FROM assignments WHERE picture = ? AND person = ?", picture, person)
        return str(found[0] or "") if found else ""

    def state(self, picture: int, person: str) -> str | None:
        """open, done, skipped; None when the picture is not theirs."""
        found = self._store.one("SELECT state FROM assignments WHERE picture = ? AND person = ?", picture, person)
        return None if found is None else str(found[0])

    def skip(self, picture: int, person: str, reason: str, note: str) -> bool:
        """Notes why an open picture is not described. False when it is not open."""
        with self._store.change():
            if self.state(picture, person) != "open":
                return False
            self._store.do(
                "UPDATE assignments SET state = 'skipped', reason = ?, note = ?, at = ? WHERE picture = ? AND person = ?",
                reason, note or None, time.time(), picture, person,
            )  # fmt: skip
            return True

    def done_by(self, person: str) -> int:
        """How many pictures somebody described."""
        found = self._store.one("SELECT count(*) FROM assignments WHERE person = ? AND state = 'done'", person)
        return int(found[0]) if found else 0
