"""Somebody takes back what they said, pointed at or wrote."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pixmo.annotate.folder import RECORDINGS, SPEECH, UPLOADS, collection, images_of, kind_of, sync
from pixmo.annotate.manifest import publish_manifest, publish_skips
from pixmo.annotate.people import People, Person, withdrawn_name
from pixmo.annotate.results import publish_lists
from pixmo.annotate.store import Store
from pixmo.errors import UnknownName


class Withdrawn(NamedTuple):
    """Whose, and how many recordings and submissions were deleted."""

    person: str
    recordings: int
    answers: int
    kind: str


def withdraw(out: Path, person: str) -> Withdrawn:
    """Deletes all recordings or submissions of somebody, by name or pseudonym, with their name, link, consent and skips; the same again changes nothing.

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
            (answers,) = store.one("SELECT count(*) FROM answers WHERE person = ?", found.id) or (0,)
        images, kind = images_of(out, store), kind_of(store)
        publish_skips(out, images, store)
        if kind == SPEECH:
            publish_manifest(out, images, store)  # before the files go: no list names a file that is not there
            gone = _delete(out, store, found.id)
        else:
            publish_lists(kind, out, images, store)
            gone = 0
        with store.change():  # last: until then the same command finds them again
            store.do(
                "UPDATE chats SET key = 'gone ' || rowid, text = '' WHERE key IN (SELECT key FROM drafts WHERE person = ?) "
                "AND key NOT IN (SELECT key FROM drafts WHERE person != ?)",
                found.id, found.id,
            )  # fmt: skip
            # what was paid stays: it counts towards the budget
            for table in ("answers", "drafts"):
                store.do(f"DELETE FROM {table} WHERE person = ?", found.id)
        store.wipe()
        return Withdrawn(found.id, gone, int(answers), kind)


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
