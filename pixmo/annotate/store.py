"""The one SQLite file of a collection, and the lock around it: `OUT/private/tasks.sqlite`.

It holds tasks, people, the state of uploads, and what people pointed at, asked and answered; what they said are files. It knows names
and links, so it lies in a folder of its own that is not for sharing. A file of an older version is brought up to date when it is opened.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pixmo.errors import BadFolder
from pixmo.storage.publish import disk_errors

FILE = "private/tasks.sqlite"
VERSION = 2
_SCHEMA = """
CREATE TABLE about (images TEXT NOT NULL, beside TEXT NOT NULL, kind TEXT NOT NULL);  -- absolute, and as seen from OUT
CREATE TABLE people (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, key TEXT NOT NULL, role TEXT NOT NULL CHECK (role IN ('annotator', 'owner', 'gone')));
CREATE TABLE agreements (
    person TEXT NOT NULL REFERENCES people, version TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (person, version));
{pictures}
CREATE TABLE assignments (
    picture INTEGER NOT NULL REFERENCES pictures, person TEXT NOT NULL REFERENCES people,
    state TEXT NOT NULL CHECK (state IN ('open', 'done', 'skipped')), reason TEXT, note TEXT, at REAL NOT NULL,
    PRIMARY KEY (picture, person));
CREATE TABLE uploads (
    id INTEGER PRIMARY KEY AUTOINCREMENT, person TEXT NOT NULL REFERENCES people, token TEXT NOT NULL, picture INTEGER NOT NULL,
    sha256 TEXT, file TEXT, bytes INTEGER, consent TEXT, at REAL NOT NULL, UNIQUE (person, token));
{answers}
"""
# a picture with what is asked of it, which is nothing but the label; `told`: what is known of it; `known`: the answer, of a gold task,
# which is never the same as an ordinary one: what was given in one is not taken for the other when lists change
_PICTURES = """
CREATE TABLE pictures (
    id INTEGER PRIMARY KEY, file TEXT NOT NULL, is_here INTEGER NOT NULL, label TEXT NOT NULL DEFAULT '', told TEXT NOT NULL DEFAULT '',
    known TEXT);
CREATE UNIQUE INDEX one_task ON pictures (file, label, known IS NULL);
"""
_ANSWERS = """
CREATE TABLE answers (
    id INTEGER PRIMARY KEY AUTOINCREMENT, picture INTEGER NOT NULL REFERENCES pictures, person TEXT NOT NULL REFERENCES people,
    token TEXT NOT NULL, value TEXT NOT NULL, consent TEXT NOT NULL, at REAL NOT NULL,
    state TEXT NOT NULL DEFAULT 'given' CHECK (state IN ('given', 'accepted', 'corrected', 'sent_back', 'replaced')), note TEXT,
    corrected TEXT, UNIQUE (person, token));
CREATE INDEX answers_of ON answers (picture, person);
CREATE TABLE drafts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, picture INTEGER NOT NULL REFERENCES pictures, person TEXT NOT NULL REFERENCES people,
    token TEXT NOT NULL, question TEXT NOT NULL, draft TEXT NOT NULL, model TEXT NOT NULL, key TEXT NOT NULL, reason TEXT, at REAL NOT NULL,
    UNIQUE (person, token));
CREATE TABLE chats (key TEXT PRIMARY KEY, text TEXT NOT NULL, usd REAL NOT NULL, at REAL NOT NULL);
"""
_FROM_1 = f"""
ALTER TABLE about ADD COLUMN kind TEXT NOT NULL DEFAULT 'speech';
ALTER TABLE pictures RENAME TO pictures_1;
{_PICTURES}
INSERT INTO pictures (id, file, is_here) SELECT id, file, is_here FROM pictures_1;
DROP TABLE pictures_1;
{_ANSWERS}
"""


class Store:
    """Rows by SQL; each `with store.change()` is one durable transaction, one at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        with disk_errors(path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._prepare()
        except sqlite3.OperationalError as error:
            raise BadFolder(
                f"{path}: cannot be read or written ({error}); make sure that its disk has room, nothing is lost"
            ) from error
        except sqlite3.DatabaseError as error:
            raise BadFolder(
                f"{path}: is damaged ({error}); put it back from a copy, or take another folder for OUT"
            ) from error

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    def _prepare(self) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "legacy_alter_table=ON"):
            self._db.execute(f"PRAGMA {pragma}")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        steps = {0: _SCHEMA.format(pictures=_PICTURES, answers=_ANSWERS), 1: _FROM_1}.get(version)
        if steps is not None:  # before foreign keys are heeded: a table is put in the place of another
            self._db.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version={VERSION}; COMMIT;")
        elif version != VERSION:
            raise BadFolder(f"{self.path}: was written by another version of pixmo; use that one, or another OUT")
        self._db.execute("PRAGMA foreign_keys=ON")
        ((told,),) = self._db.execute("PRAGMA quick_check(1)").fetchall()
        if told != "ok":
            raise sqlite3.DatabaseError(told)

    @contextmanager
    def change(self) -> Iterator[None]:
        """All that is done within is kept, or nothing of it."""
        with self._lock, disk_errors(self.path):
            if self._db.in_transaction:  # part of a larger one
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.OperationalError):  # a full disk may have ended it
                    self._db.execute("ROLLBACK")
                raise

    def do(self, sql: str, *values: Any) -> int:  # Any: what SQLite can hold
        """Carries out one statement; the id of the row it put in."""
        with self._lock:
            return self._db.execute(sql, values).lastrowid or 0

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a question gives."""
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        """The first row, None when there is none."""
        found = self.rows(sql, *values)
        return found[0] if found else None

    def wipe(self) -> None:
        """Leaves nothing of what was deleted in the file or beside it."""
        with self._lock:
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._db.close()
