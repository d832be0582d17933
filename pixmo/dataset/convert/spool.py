"""Records of one picture brought together, on disk: a set of millions takes little memory."""

from __future__ import annotations

import pickle
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

from pixmo.dataset.convert.items import Item
from pixmo.storage.publish import disk_errors


def by_picture(items: Iterable[Item]) -> Iterator[list[Item]]:
    """The items of each picture, in their order; pictures in the order of their first item. Nothing comes before all were read.

    Items that do not name their picture come alone.
    """
    places: dict[str | int, array[int]] = {}
    with disk_errors(Path(tempfile.gettempdir())), tempfile.TemporaryFile(prefix="pixmo-") as file:
        for number, item in enumerate(items):
            places.setdefault(number if item.picture is None else item.picture, array("Q")).append(file.tell())
            pickle.dump(item, file, pickle.HIGHEST_PROTOCOL)
        for offsets in places.values():
            found = []
            for offset in offsets:
                file.seek(offset)
                found.append(pickle.load(file))
            yield found
