"""The folder of a collection.

OUT/recordings/<digest>.webm    what people said, of speech
OUT/recordings.jsonl            which picture, whose (by pseudonym), under which consent: what `pixmo caption OUT` reads
OUT/points.jsonl, .parquet      what people pointed at: what `pixmo.load` reads
OUT/qa.jsonl, .parquet          what they asked and answered, likewise
OUT/agreement.json              how well people who had the same task agree, of points
OUT/skips.jsonl                 which pictures were skipped, by whom, why
OUT/consent/<version>.txt       the texts people agreed to
OUT/private/                    names, links, answers as they came, unfinished uploads: not for sharing
OUT/lock
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pixmo.annotate.store import FILE, Store
from pixmo.errors import BadFolder
from pixmo.ids import digest
from pixmo.storage.lock import locked
from pixmo.storage.publish import disk_errors, publish_bytes, sweep

SPEECH, POINTS, QA = "speech", "points", "qa"
"""The kinds of collections."""
RECORDINGS, MANIFEST, SKIPS, CONSENT, UPLOADS = (
    "recordings", "recordings.jsonl", "skips.jsonl", "consent", "private/uploads",
)  # fmt: skip

_FIRST = {"lock", "private"}  # what is there when it is killed, or the disk is full, at the very beginning


@contextmanager
def collection(out: Path, images: Path | None = None, kind: str = SPEECH) -> Iterator[Store]:
    """Holds a collection's folder. With `images` it is made, of that kind, when there is none yet; else it must be there.

    Raises BadFolder for a folder that is something else, of another kind, or was begun with other pictures; InUse when another process
    holds it.
    """
    is_ours = (out / FILE).is_file()
    if not is_ours and (
        images is None or out.is_file() or (out.is_dir() and not {p.name for p in out.iterdir()} <= _FIRST)
    ):
        remedy = (
            f"`pixmo annotate {kind} IMAGES OUT` makes one"
            if images is None
            else "take an empty folder, or one it made"
        )
        raise BadFolder(f"{out}: is not a folder that `pixmo annotate` made; {remedy}")
    with disk_errors(out), locked(out, str(out)):
        sweep(out)
        store = Store(out / FILE)
        try:
            (out / UPLOADS).mkdir(exist_ok=True)
            if kind == SPEECH and images is not None:
                (out / RECORDINGS).mkdir(exist_ok=True)
            _belongs(out, store, images, kind)
            yield store
        finally:
            store.close()


def kind_of(store: Store) -> str:
    """speech, points or qa."""
    ((kind,),) = store.rows("SELECT kind FROM about")
    return str(kind)


def images_of(out: Path, store: Store) -> Path:
    """The folder of pictures a collection was begun with; where both were moved together, the one that stands now as it stood then."""
    ((images, beside),) = store.rows("SELECT images, beside FROM about")
    return Path(images) if Path(images).is_dir() else out / beside


def _belongs(out: Path, store: Store, images: Path | None, kind: str) -> None:
    begun = store.one("SELECT images, kind FROM about")
    if begun is None and images is None:
        raise BadFolder(f"{out}: holds no collection; `pixmo annotate {kind} IMAGES OUT` begins one")
    if images is None:
        return
    if begun is not None and begun[1] != kind:
        raise BadFolder(f"{out}: was begun by `pixmo annotate {begun[1]}`; go on with that, or take another OUT")
    if begun is not None and images_of(out, store).resolve() != images.resolve():
        raise BadFolder(f"{out}: was begun with the pictures of {begun[0]}; name that folder, or take another OUT")
    with store.change():
        store.do("DELETE FROM about")
        store.do(
            "INSERT INTO about VALUES (?, ?, ?)",
            str(images.resolve()), os.path.relpath(images.resolve(), out.resolve()), kind,
        )  # fmt: skip


def keep_consent(out: Path, text: str) -> str:
    """Stores a consent text; its version, which is its digest's beginning, so that another text never has the same."""
    version = f"c-{digest(text.encode())[:12]}"
    path = out / CONSENT / f"{version}.txt"
    if not path.is_file():
        publish_bytes(path, text.encode())
    return version


def publish_lines(path: Path, lines: Iterable[dict[str, Any]]) -> None:  # Any: JSON
    """Replaces a file of JSON lines, at once and durably."""
    publish_bytes(path, b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines))


def sync(folder: Path) -> None:
    """Makes durable which files a folder holds."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
