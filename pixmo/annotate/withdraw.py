"""Somebody takes back what they said."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pixmo.annotate.folder import RECORDINGS, UPLOADS, collection, images_of, sync
from pixmo.annotate.manifest import publish_manifest, publish_skips
from pixmo.annotate.people import People, Person, withdrawn_name
from pixmo.annotate.store import Store
from pixmo.errors import UnknownName


class Withdrawn(NamedTuple):
    """Whose, and how many recordings were deleted."""

    person: str
    recordings: int


def withdraw(out: Path, person: str) -> Withdrawn:
    """Deletes all recordings of somebody, by name or pseudonym, with their name, link, consent and skips; the same again changes nothing.

    Their pictures are given to others at the next start, and a link of theirs opens nothing. Raises UnknownName, and InUse while the
    server runs.
    """
    with collection(out) as store:
        found = _person(out, store, person)
        with store.change():
            store.do("DELETE FROM agreements WHERE person = ?", found.id)
            store.do("DELETE FROM assignments WHERE person = ?", found.id)
            name = found.name if found.role == "gone" else withdrawn_name(found.name)
            store.do("UPDATE people SET name = ?, key = '', role = 'gone' WHERE id = ?", name, found.id)
        images = images_of(out, store)
        publish_manifest(out, images, store)  # before the files go: no list names a file that is not there
        publish_skips(out, images, store)
        gone = _delete(out, store, found.id)
        store.wipe()
        return Withdrawn(found.id, gone)


def _delete(out: Path, store: Store, person: str) -> int:
    rows = store.rows("SELECT id, file FROM uploads WHERE person = ?", person)
    for number, file in rows:
        (out / UPLOADS / f"{number}.part").unlink(missing_ok=True)
        if file and not store.rows("SELECT 1 FROM uploads WHERE file = ? AND person != ?", file, person):
            (out / file).unlink(missing_ok=True)
    sync(out / RECORDINGS)
    with store.change():  # last: until then the same command finds them again
        store.do("DELETE FROM uploads WHERE person = ?", person)
    return sum(file is not None for _, file in rows)


def _person(out: Path, store: Store, name: str) -> Person:
    known = store.rows("SELECT id, name, key, role FROM people WHERE role != 'owner'")
    found = People(store).named(name) or next((Person(*row) for row in known if row[0] == name), None)
    if found is None or found.role == "owner":
        raise UnknownName("annotator", name, [n for _, n, _, role in known if role == "annotator"], str(out))
    return found
