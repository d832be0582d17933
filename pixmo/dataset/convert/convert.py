"""One conversion: read, write, and account for what was lost."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pixmo.dataset.convert.formats import Format, Read, format_named, format_of, reader_of, settings_of, writer_of
from pixmo.dataset.convert.items import Item, Loss, Settings
from pixmo.dataset.convert.report import LossFile, Report
from pixmo.errors import BadFolder, BadSetting
from pixmo.storage.publish import disk_errors, publishing


def convert(
    source: Path, out: Path, target: str, *, source_format: str | None = None, settings: Mapping[str, str] | None = None,
    keypoints_lossy: bool = False, overwrite: bool = False, on_records: Callable[[int], None] = lambda n: None,
) -> Report:  # fmt: skip
    """Turns records into another format, and tells what could not be carried; OUT is there when all of it is written.

    `source_format` is told from the file when it is not given. Raises BadSource, BadSetting, UnknownSetting, UnknownName, BadFolder.
    """
    into = format_named(target)
    begin = source_format or format_of(source)
    read = reader_of(begin, into)
    told = settings_of(settings or {}, begin, target, keypoints_lossy=keypoints_lossy)
    place = out / into.file if into.file and not out.suffix else out
    _check(source, place, into, overwrite)
    report = Report(source, place, begin, target)
    with LossFile(place) as losses:

        def lost(loss: Loss) -> None:
            report.add(loss)
            losses.add(loss)

        with _opened(place, into) as unfinished:
            for loss in writer_of(target)(_counted(read, source, told, report, lost, on_records), unfinished, told):
                report.left_out += loss.left_out
                lost(loss)
        report.losses_file = losses.path if report.losses else None
    return report


def _counted(
    read: Read, source: Path, told: Settings, report: Report, lost: Callable[[Loss], None], on_records: Callable[[int], None]
) -> Iterator[Item]:  # fmt: skip
    for found in read(source, told):
        if isinstance(found, Loss):
            lost(found)
            continue
        report.read += 1
        on_records(1)
        yield found


def _check(source: Path, out: Path, into: Format, overwrite: bool) -> None:
    if out.exists() and out.samefile(source):
        raise BadSetting(f"{out}: is what is read; choose another name")
    if into.is_folder and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadFolder(f"{out}: is there and not empty; choose another folder")
    if not into.is_folder and out.is_dir():
        raise BadFolder(f"{out}: is a folder; name the file")
    if not into.is_folder and out.exists() and not overwrite:
        raise BadFolder(f"{out}: is there already; --overwrite replaces it")


@contextlib.contextmanager
def _opened(out: Path, into: Format) -> Iterator[Path]:
    """A path to write to; it has its final name when all went well."""
    if not into.is_folder:
        with publishing(out) as temporary:
            yield temporary
        return
    temporary = out.with_name(f".tmp-{os.getpid()}-{out.name}")
    try:
        with disk_errors(out):
            temporary.mkdir(parents=True)
            yield temporary
            os.replace(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
