"""`pixmo view --static`: a set as a folder of files that works without a server, from `file://` and on any web host."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from pixmo.errors import BadFolder, BadSetting
from pixmo.storage.publish import disk_errors
from pixmo.view.card import Card, card_of
from pixmo.view.index_cache import claimed
from pixmo.view.source import MOST_VALUES, DataSet, Unread
from pixmo.view.static_data import PER_FILE, file_of, small_of
from pixmo.view.static_masks import write_masks
from pixmo.view.static_pages import Beside, Site, index_page, row_page, shortened_marks, style
from pixmo.view.static_pictures import MOST_PICTURES, Make, TooLarge, steps, write_pictures
from pixmo.view.static_sample import Sample, chosen, sample_of
from pixmo.view.static_sounds import SHARE, Sounds
from pixmo.view.static_statistics import statistics_page
from pixmo.view.thumbs import Pictures

ROWS, SIDE_PX, MB_PER_1000 = 1000, 768, 20.0
NOTE = "site.json"
_MADE_BY = "pixmo view --static"
_PER_PAGE, _TOGETHER = 24, 24


@dataclass(frozen=True)
class Plan:
    """Which rows a site has, and how large it may be. `mb` is for all of it, in millions of bytes; None is 20 for every 1,000 rows."""

    rows: int = ROWS
    seed: int | None = None
    side_px: int = SIDE_PX
    mb: float | None = None

    def __post_init__(self) -> None:
        if self.rows < 1:
            raise BadSetting(f"rows {self.rows}: give 1 at least")
        if not 32 <= self.side_px <= 4096:
            raise BadSetting(f"thumb-px {self.side_px}: give 32 to 4096")

    def most_bytes(self, rows: int) -> int:
        """What the site may be large."""
        return round((self.mb if self.mb is not None else MB_PER_1000 * max(1.0, rows / 1000)) * 10**6)


class Written(NamedTuple):
    """What was written: rows, bytes of all files, how pictures were made (None without any), and whether they had to be made smaller."""

    rows: int
    bytes: int
    made: Make | None
    is_smaller: bool


def write_static(
    data: DataSet, out: Path, plan: Plan | None = None, on_rows: Callable[[int], None] = lambda done: None
) -> Written:
    """Writes the site, whole or not at all; one that stands there already is replaced. `on_rows` hears how many rows are done.

    Raises BadFolder where something else stands, BadSetting where the rows do not fit into the size.
    """
    plan = plan or Plan()
    out = Path(os.path.abspath(out.expanduser()))
    before = out.with_name(f".{out.name}.before")
    _check(out, before)
    with disk_errors(out), claimed(out.parent) as work:
        written = _Writing(data, work / "site", plan, on_rows).write(work)
        _swap(work / "site", out, before)
    return written


def _check(out: Path, before: Path) -> None:
    """That nothing but a site, or nothing, stands there."""
    if before.is_dir() and not out.exists():
        before.rename(out)  # a writer was killed between two renames
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    with suppress(OSError, ValueError, AttributeError):
        if json.loads((out / NOTE).read_text(encoding="utf-8")).get("made_by") == _MADE_BY:
            return
    raise BadFolder(f"{out}: holds something else than such pages; name a new folder")


def _swap(new: Path, out: Path, before: Path) -> None:
    if not out.exists():
        new.rename(out)
        return
    shutil.rmtree(before, ignore_errors=True)
    out.rename(before)
    try:
        new.rename(out)
    except BaseException:
        before.rename(out)
        raise
    shutil.rmtree(before, ignore_errors=True)


class _Writing:
    """One site, being written into a folder that is not there yet."""

    def __init__(self, data: DataSet, folder: Path, plan: Plan, on_rows: Callable[[int], None]) -> None:
        self._data, self._folder, self._plan, self._on_rows = data, folder, plan, on_rows
        self._pictures = Pictures(data)
        self._bytes = 0

    def write(self, work: Path) -> Written:
        numbers = chosen(len(self._data.rows), self._plan.rows, self._plan.seed)
        most = self._plan.most_bytes(len(numbers))
        for name in ("rows", "data", "static", "pictures"):
            (self._folder / name).mkdir(parents=True)
        (work / "sample").mkdir()
        sample = sample_of(self._data, numbers, work / "sample")
        here = files("pixmo.view")
        self._add("static/style.css", style())
        for name in ("static.js", "view.js"):
            self._add(f"static/{name}", here.joinpath(name).read_text(encoding="utf-8"))
        several = self._rows(sample, most)
        site = self._site(sample)
        self._add("index.html", index_page(site, sample))
        self._add("statistics.html", statistics_page(site, sample))
        self._add(NOTE, "")  # its place in the size
        made = self._shrink(several, most - self._bytes - 1000)
        self._note(site, sample, made)
        size = sum(file.stat().st_size for file in self._folder.rglob("*") if file.is_file())
        return Written(len(numbers), size, made, made is not None and made != steps(self._plan.side_px)[0])

    def _site(self, sample: Sample) -> Site:
        shown, rows = len(sample.numbers), len(self._data.rows)
        return Site(self._data.name, rows, self._plan.seed, self._data.broken, -(-shown // PER_FILE), PER_FILE)

    def _add(self, name: str, text: str) -> None:
        told = text.encode()
        (self._folder / name).write_bytes(told)
        self._bytes += len(told)

    def _rows(self, sample: Sample, most: int) -> list[tuple[int, int]]:
        """The page of each row and the files of data; how many pictures each row shows."""
        sounds = Sounds(self._data.folder, self._folder / "sounds", round(SHARE * most))
        site, several, smalls = self._site(sample), [], list[dict[str, Any]]()  # Any: JSON
        for at, (card, masks) in enumerate(self._cards(sample.numbers)):
            number = sample.numbers[at]
            several.append((number, min(card.pictures, MOST_PICTURES)))
            before, after = (sample.numbers[n] if 0 <= n < len(sample.numbers) else None for n in (at - 1, at + 1))
            beside = Beside(before, after, at // _PER_PAGE + 1)
            self._add(f"rows/{number}.html", row_page(site, card, masks, beside, sounds.address))
            smalls.append(small_of(card, sample.facts[at], sample.texts[at]))
            if len(smalls) == PER_FILE or at + 1 == len(sample.numbers):
                file = at // PER_FILE
                self._add(f"data/{file}.js", file_of(file, smalls, None if file else sample.columns))
                smalls = []
            if self._bytes > most:
                raise BadSetting(
                    f"the texts of {at + 1:,} rows alone take more than {most / 1e6:g} MB; give fewer --rows, or more --max-mb"
                )
            if (at + 1) % 100 == 0:
                self._on_rows(at + 1)
        self._bytes += sounds.bytes
        return several

    def _cards(self, numbers: list[int]) -> Iterator[tuple[Card, list[int]]]:
        """Each row's card, and which of its expressions have masks; those are written."""
        for start in range(0, len(numbers), _TOGETHER):
            part = numbers[start : start + _TOGETHER]
            self._pictures.expect(part)
            for number, row in zip(part, self._data.read(part), strict=True):
                frame = partial(self._pictures.frame, number)
                card = card_of(number, row, len(self._pictures.files(number)), frame)
                if any(e.total >= MOST_VALUES for e in card.expressions):
                    card = replace(card, lengths=self._data.lengths(number))
                sizes = (
                    {}
                    if isinstance(row, Unread)
                    else write_masks(card, row, frame, self._folder / "pictures", self._plan.side_px)
                )
                self._bytes += sum(sizes.values())
                yield shortened_marks(card), list(sizes)

    def _shrink(self, several: list[tuple[int, int]], room: int) -> Make | None:
        if not any(n for _, n in several):
            return None
        try:
            return write_pictures(self._pictures, several, self._folder / "pictures", self._plan.side_px, max(0, room))
        except TooLarge as error:
            need = (error.smallest + self._bytes) / 1e6
            raise BadSetting(
                f"{len(several):,} rows take {need:.0f} MB even with small pictures; give fewer --rows, or more --max-mb"
            ) from None

    def _note(self, site: Site, sample: Sample, made: Make | None) -> None:
        told = {
            "made_by": _MADE_BY, "name": site.name, "rows": len(sample.numbers), "rows_of_the_set": site.rows, "seed": site.seed,
            "pictures": str(made) if made else None,
        }  # fmt: skip
        self._add(NOTE, json.dumps(told, indent=1) + "\n")
