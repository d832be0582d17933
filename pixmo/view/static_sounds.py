"""Recordings of a static site: those that the set's folder keeps, as far as they fit into their part of its size."""

from __future__ import annotations

import shutil
from pathlib import Path

from pixmo.view.card_pieces import Sound
from pixmo.view.sounds import sound_of

SHARE = 0.25  # of the size of the site: the rest is for pictures


class Sounds:
    """Copies recordings into a folder when a page asks for their address; `bytes` is what they take."""

    def __init__(self, kept_in: Path | None, folder: Path, room: int) -> None:
        self._kept_in, self._folder, self._room = kept_in, folder, room
        self.bytes = 0

    def address(self, sound: Sound) -> str | None:
        """The address in a row's page; None where the recording is not kept, or does not fit."""
        found = sound_of(self._kept_in, sound.sha256)
        if found is None or not found.path.is_file():
            return None
        copy = self._folder / found.path.name
        if not copy.exists():
            size = found.path.stat().st_size
            if self.bytes + size > self._room:
                return None
            self._folder.mkdir(exist_ok=True)
            shutil.copyfile(found.path, copy)
            self.bytes += size
        return f"./../sounds/{copy.name}"
