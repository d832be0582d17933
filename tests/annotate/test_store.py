"""The file of a collection, of older versions too."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from pixmo.annotate.folder import collection, kind_of
from pixmo.annotate.manifest import publish_manifest
from pixmo.annotate.store import VERSION, Store
from pixmo.annotate.tasks import Task, Tasks
from tests.annotate.serving import make_pictures

FIRST = """
CREATE TABLE about (images TEXT NOT NULL, beside TEXT NOT NULL);
CREATE TABLE people (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, key TEXT NOT NULL, role TEXT NOT NULL CHECK (role IN ('annotator', 'owner', 'gone')));
CREATE TABLE agreements (
    person TEXT NOT NULL REFERENCES people, version TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (person, version));
CREATE TABLE pictures (id INTEGER PRIMARY KEY, file TEXT NOT NULL UNIQUE, is_here INTEGER NOT NULL);
CREATE TABLE assignments (
    picture INTEGER NOT NULL REFERENCES pictures, person TEXT NOT NULL REFERENCES people,
    state TEXT NOT NULL CHECK (state IN ('open', 'done', 'skipped')), reason TEXT, note TEXT, at REAL NOT NULL,
    PRIMARY KEY (picture, person));
CREATE TABLE uploads (
    id INTEGER PRIMARY KEY AUTOINCREMENT, person TEXT NOT NULL REFERENCES people, token TEXT NOT NULL, picture INTEGER NOT NULL,
    sha256 TEXT, file TEXT, bytes INTEGER, consent TEXT, at REAL NOT NULL, UNIQUE (person, token));
INSERT INTO people VALUES ('p-1', 'anna', 'key', 'annotator');
INSERT INTO agreements VALUES ('p-1', 'c-1', 1.0);
INSERT INTO pictures VALUES (7, 'a.png', 1), (9, 'b.jpg', 1);
INSERT INTO assignments VALUES (7, 'p-1', 'done', NULL, NULL, 1.0), (9, 'p-1', 'skipped', 'other', 'no', 2.0);
INSERT INTO uploads VALUES (3, 'p-1', 't', 7, 's', 'recordings/x.wav', 4, 'c-1', 1.0);
PRAGMA user_version = 1;
"""
"""As version 1 was made, with a picture described and one skipped."""


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """A collection that version 1 began."""
    images, out = make_pictures(tmp_path / "pictures", 2), tmp_path / "out"
    (out / "private").mkdir(parents=True)
    with sqlite3.connect(out / "private" / "tasks.sqlite") as db:
        db.executescript(FIRST)
        db.execute("INSERT INTO about VALUES (?, ?)", (str(images), "../pictures"))
    db.close()
    return out


def test_a_file_of_version_1_goes_on(first: Path) -> None:
    """Numbers, people, recordings and skips are as they were; it is a collection of speech."""
    with collection(first, first.parent / "pictures") as store:
        assert kind_of(store) == "speech"
        assert store.rows("SELECT id, file, label, known FROM pictures") == [
            (7, "a.png", "", None),
            (9, "b.jpg", "", None),
        ]
        assert Tasks(store, 1).state(7, "p-1") == "done"
        assert store.rows("PRAGMA foreign_key_check") == []
        assert store.one("PRAGMA user_version") == (VERSION,)
        publish_manifest(first, first.parent / "pictures", store)
    assert '"audio": ["recordings/x.wav"]' in (first / "recordings.jsonl").read_text()


def test_tables_are_the_same_however_they_came(first: Path, tmp_path: Path) -> None:
    """Brought up to date or made anew; and references go where they went."""
    told = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT IN ('about', 'sqlite_sequence') ORDER BY name"
    old, new = Store(first / "private" / "tasks.sqlite"), Store(tmp_path / "new.sqlite")
    assert old.rows(told) == new.rows(told)
    with pytest.raises(sqlite3.IntegrityError):
        old.do("INSERT INTO assignments VALUES (99, 'p-1', 'open', NULL, NULL, 1.0)")
    old.close()
    new.close()


def test_a_picture_may_be_asked_of_twice(tmp_path: Path) -> None:
    """By another label; the same label is the same task, with what is told of it now."""
    store = Store(tmp_path / "tasks.sqlite")
    tasks = Tasks(store, 1)
    tasks.take_in([Task("a.png", "cats"), Task("a.png", "dogs")])
    tasks.take_in([Task("a.png", "dogs", "a dog"), "b.png"])
    assert [tasks.task(n) for n in (1, 2, 3)] == [Task("a.png", "cats"), Task("a.png", "dogs", "a dog"), Task("b.png")]
    assert store.rows("SELECT id FROM pictures WHERE is_here") == [(2,), (3,)]
    store.close()
