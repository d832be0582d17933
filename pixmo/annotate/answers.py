"""What people submit, and what the owner says of it.

A submission has a token of the browser's making: sent twice, it is stored once. What a person gave is never changed; the owner's
correction stands beside it. One that was sent back stays until a better one replaces it.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pixmo.annotate.store import Store
from pixmo.annotate.tasks import Tasks
from pixmo.web.refused import Refused

_TOKEN = re.compile(r"[0-9a-f]{32}")
_FIELDS = "a.id, a.picture, p.file, p.label, a.person, a.value, a.consent, a.at, a.state, a.note, a.corrected, p.known"
_FROM = "FROM answers a JOIN pictures p ON p.id = a.picture JOIN people q ON q.id = a.person WHERE q.role != 'gone'"
_LIVE = "a.state IN ('given', 'accepted', 'corrected')"


class Submission(NamedTuple):
    """One, as it stands. `value` is what was given, `corrected` what the owner made of it; `known` is the answer of a gold task."""

    id: int
    picture: int
    file: str
    label: str
    person: str
    value: dict[str, Any]  # Any: JSON
    consent: str
    at: float
    state: str
    note: str
    corrected: dict[str, Any] | None
    known: Any

    @property
    def final(self) -> dict[str, Any]:
        """What counts: the correction where there is one."""
        return self.value if self.corrected is None else self.corrected


class Answers:
    """The submissions of a collection. All methods may be called from any thread."""

    def __init__(self, store: Store, tasks: Tasks, changed: Callable[[], None]) -> None:
        self._store, self._tasks, self._changed = store, tasks, changed

    def give(
        self, person: str, token: str, picture: int, consent: str, make: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """Stores a submission, durably; the value that is stored. The same token again changes nothing, and `make` is not called.

        Refused with 409 when the task is not open to them.
        """
        check_token(token)
        with self._store.change():
            found = self._store.one("SELECT picture, value FROM answers WHERE person = ? AND token = ?", person, token)
            if found is not None:
                if found[0] != picture:
                    raise Refused(409, "this was submitted for another picture", state="done")
                return dict(json.loads(found[1]))
            self.must_be_open(person, picture)
            value = make()
            self._store.do(
                "UPDATE answers SET state = 'replaced' WHERE person = ? AND picture = ? AND state = 'sent_back'",
                person,
                picture,
            )
            self._store.do(
                "INSERT INTO answers (picture, person, token, value, consent, at) VALUES (?, ?, ?, ?, ?, ?)",
                picture, person, token, json.dumps(value, ensure_ascii=False), consent, time.time(),
            )  # fmt: skip
            self._tasks.finish(picture, person)
        self._changed()
        return value

    def must_be_open(self, person: str, picture: int) -> None:
        """Refused with 409 when the task is not theirs to do now."""
        state = self._tasks.state(picture, person)
        if state != "open":
            told = "you have done this already" if state == "done" else "this picture is not yours"
            raise Refused(409, told, state=state or "")

    def sent_back(self, person: str, picture: int) -> Submission | None:
        """What somebody gave and should do better."""
        told = f"SELECT {_FIELDS} {_FROM} AND a.state = 'sent_back' AND a.person = ? AND a.picture = ? ORDER BY a.id DESC LIMIT 1"
        return next(self._read(told, person, picture), None)

    def to_review(self, after: int = 0) -> Submission | None:
        """The oldest that nobody looked at yet, gold tasks left out; those up to `after` come last."""
        told = f"SELECT {_FIELDS} {_FROM} AND a.state = 'given' AND p.known IS NULL ORDER BY a.id <= ?, a.id LIMIT 1"
        return next(self._read(told, after), None)

    def count(self) -> tuple[int, int]:
        """How many there are, and how many of them wait for a review; without gold tasks."""
        told = f"SELECT count(*), coalesce(sum(a.state = 'given'), 0) {_FROM} AND p.known IS NULL AND {_LIVE}"
        given, waiting = self._store.one(told) or (0, 0)
        return int(given), int(waiting)

    def all(self) -> Iterator[Submission]:
        """Those that count, by picture and label; gold tasks left out."""
        return self._read(f"SELECT {_FIELDS} {_FROM} AND p.known IS NULL AND {_LIVE} ORDER BY p.file, p.label, a.id")

    def gold(self) -> Iterator[Submission]:
        """Those of gold tasks."""
        return self._read(f"SELECT {_FIELDS} {_FROM} AND p.known IS NOT NULL AND {_LIVE} ORDER BY a.id")

    def numbered(self, number: int) -> Submission | None:
        """A submission by its number."""
        return next(self._read(f"SELECT {_FIELDS} {_FROM} AND a.id = ?", number), None)

    def review(self, number: int, verdict: str, note: str, corrected: dict[str, Any] | None) -> None:
        """Notes the owner's verdict: `accept`, `correct` (with the right value) or `back`. Refused with 409 when it has one."""
        with self._store.change():
            found = self.numbered(number)
            if found is None or found.state != "given":
                raise Refused(409, "this was reviewed already")
            state = {"accept": "accepted", "correct": "corrected", "back": "sent_back"}[verdict]
            told = None if corrected is None else json.dumps(corrected, ensure_ascii=False)
            self._store.do(
                "UPDATE answers SET state = ?, note = ?, corrected = ? WHERE id = ?", state, note or None, told, number
            )
            if verdict == "back":
                self._tasks.send_back(found.picture, found.person, note)
        self._changed()

    def _read(self, sql: str, *values: Any) -> Iterator[Submission]:  # Any: what SQLite can hold
        for row in self._store.rows(sql, *values):
            made = Submission(*row)
            known, corrected = (None if told is None else json.loads(told) for told in (row[11], row[10]))
            yield made._replace(value=json.loads(row[5]), note=row[9] or "", corrected=corrected, known=known)


def check_token(token: str) -> None:
    """Refused with 400 when it is no token."""
    if not _TOKEN.fullmatch(token):
        raise Refused(400, "no name of a submission")
