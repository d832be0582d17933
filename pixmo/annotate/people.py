"""Who takes part: a pseudonym for the data, a name for the owner, a key for the link, and what they agreed to."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from typing import NamedTuple

from pixmo.annotate.store import Store
from pixmo.errors import BadSetting
from pixmo.ids import digest
from pixmo.web.keys import new_key, same

MAX_NAME = 40
MAX_PEOPLE = 1000
OWNER = "owner"


class Person(NamedTuple):
    """`id` is the pseudonym, the only one of these that data hold."""

    id: str
    name: str
    key: str
    role: str


class People:
    """The people of a collection."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def invite(self, names: Iterable[str]) -> None:
        """Adds whoever is not here yet. A person who withdrew stays away."""
        for name in names:
            with self._store.change():
                if self.named(name) is None:
                    self._add(name, "annotator")

    def owner(self) -> Person:
        """Whoever watches the progress."""
        with self._store.change():
            if self.named(OWNER) is None:
                self._add(OWNER, "owner")
        found = self.named(OWNER)
        assert found is not None
        return found

    def annotators(self) -> list[Person]:
        """In the order they were invited."""
        rows = self._store.rows("SELECT id, name, key, role FROM people WHERE role = 'annotator' ORDER BY rowid")
        return [Person(*row) for row in rows]

    def named(self, name: str) -> Person | None:
        """By name, also those who withdrew."""
        found = self._store.one(
            "SELECT id, name, key, role FROM people WHERE name IN (?, ?)", name, withdrawn_name(name)
        )
        return Person(*found) if found else None

    def known_by(self, key: str) -> Person | None:
        """Whose link it is."""
        everyone = [Person(*row) for row in self._store.rows("SELECT id, name, key, role FROM people WHERE key != ''")]
        matching = [p for p in everyone if same(key, p.key)]  # all are compared: the time tells nothing
        return matching[0] if matching else None

    def with_key(self, person: str, key: str) -> Person | None:
        """The person of that pseudonym, when the key is theirs."""
        found = self.known_by(key)
        return found if found is not None and found.id == person else None

    def has_agreed(self, person: str, version: str) -> bool:
        """Whether they agreed to that consent text."""
        return self._store.one("SELECT 1 FROM agreements WHERE person = ? AND version = ?", person, version) is not None

    def agree(self, person: str, version: str) -> None:
        """Notes that they did, and when. Twice is once."""
        with self._store.change():
            self._store.do("INSERT OR IGNORE INTO agreements VALUES (?, ?, ?)", person, version, time.time())

    def _add(self, name: str, role: str) -> None:
        self._store.do("INSERT INTO people VALUES (?, ?, ?, ?)", f"p-{secrets.token_hex(6)}", name, new_key(), role)


def withdrawn_name(name: str) -> str:
    """What stands in the place of a name that was deleted: enough to know it again, not to read it."""
    return f"withdrawn {digest(name.encode())[:16]}"


def names_of(text: str) -> list[str]:
    """The people of `--annotators`: names with commas between, or how many there are. Raises BadSetting."""
    if text.strip().isdecimal():
        count = int(text)
        if not 1 <= count <= MAX_PEOPLE:
            raise BadSetting(f"--annotators {text.strip()}: should be 1 to {MAX_PEOPLE}")
        return [f"annotator-{n + 1}" for n in range(count)]
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if len(name) > MAX_NAME or not name.isprintable() or name == OWNER or name.startswith("withdrawn "):
            raise BadSetting(
                f"--annotators: {name[:60]!r} cannot be a name; take up to {MAX_NAME} letters, not 'owner'"
            )
    if not names or len(names) > MAX_PEOPLE or len(set(names)) < len(names):
        raise BadSetting(
            "--annotators: give different names with commas between, such as anna,ben, or how many there are"
        )
    return names
