"""The two lists that a collection hands on: what was said, and what was skipped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pixmo.annotate.folder import MANIFEST, SKIPS, publish_lines
from pixmo.annotate.store import Store

_SAID = """
SELECT p.file, u.file, u.person, u.consent FROM uploads u JOIN pictures p ON p.id = u.picture JOIN people q ON q.id = u.person
WHERE u.file IS NOT NULL AND q.role != 'gone' ORDER BY p.file, u.id
"""
_SKIPPED = """
SELECT p.file, p.label, a.person, a.reason, a.note FROM assignments a JOIN pictures p ON p.id = a.picture
WHERE a.state = 'skipped' AND p.known IS NULL ORDER BY p.file, a.at
"""


def publish_manifest(out: Path, images: Path, store: Store) -> None:
    """Writes `recordings.jsonl`: a line per picture that has recordings."""
    publish_lines(out / MANIFEST, _said(Names(out, images), store))


def publish_skips(out: Path, images: Path, store: Store) -> None:
    """Writes `skips.jsonl`: a line per skip; `label` is what was asked, where something was."""
    names = Names(out, images)
    publish_lines(
        out / SKIPS,
        (
            {
                "image": names.of(file),
                **({"label": label} if label else {}),
                "annotator": person,
                "reason": reason,
                "note": note,
            }
            for file, label, person, reason, note in store.rows(_SKIPPED)
        ),
    )


def _said(names: Names, store: Store) -> Iterator[dict[str, Any]]:  # Any: JSON
    line: dict[str, Any] = {}
    for picture, audio, person, consent in store.rows(_SAID):
        image = names.of(picture)
        if line.get("image") != image:
            if line:
                yield line
            line = {"image": image, "audio": [], "annotator": [], "consent": []}
        line["audio"].append(audio)
        line["annotator"].append(person)
        line["consent"].append(consent)
    if line:
        yield line


class Names:
    """Pictures as seen from OUT, so that both folders may move together."""

    def __init__(self, out: Path, images: Path) -> None:
        self._prefix = os.path.relpath(images.resolve(), out.resolve())

    def of(self, file: str) -> str:
        """The path of a picture, from OUT."""
        return os.path.normpath(os.path.join(self._prefix, file)).replace(os.sep, "/")
