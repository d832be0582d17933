"""What is to be done: the pictures of a folder, or a list of them with what is asked of each; and gold tasks, whose answers are known."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pixmo.annotate.pictures import fault_of, pictures_of
from pixmo.annotate.tasks import Task
from pixmo.errors import BadSource
from pixmo.sources.pictures import read_picture

SUFFIXES = (".csv", ".jsonl")
MAX_TEXT = 20_000
MAX_LABEL = 2000


class Listed(NamedTuple):
    """The folder that names begin at, the tasks, and a line for each row that cannot be one."""

    folder: Path
    tasks: list[Task]
    left_out: list[str]


def tasks_of(images: Path, column: str, told: tuple[str, ...] = ()) -> Listed:
    """The tasks of a folder (one for each picture, nothing asked), or of a CSV or JSONL file.

    A list has a column `image`, with paths from its own folder; `column` says what is asked, and may be missing; `told` are columns of
    what is known about a picture. Raises BadSource.
    """
    if not images.is_file():
        found = pictures_of(images)
        return Listed(images, [Task(file) for file in found.files], found.left_out)
    tasks: dict[tuple[str, str], Task] = {}
    left_out = []
    for where, row in rows_of(images):
        file, why = _picture(images.parent, row)
        if why:
            left_out.append(f"{where}: {why}; left out")
            continue
        label = _text(row.get(column), where, column, MAX_LABEL)
        known = "\n\n".join(filter(None, (_text(row.get(name), where, name, MAX_TEXT) for name in told)))
        tasks.setdefault((file, label), Task(file, label, known))
    if not tasks:
        raise BadSource(f"{images}: names no picture that browsers show, in a column `image`")
    return Listed(images.parent, list(tasks.values()), left_out)


def rows_of(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:  # Any: JSON, or texts
    """The rows of a CSV or JSONL file with a column `image`, and where each is. Raises BadSource."""
    if path.suffix.lower() not in SUFFIXES:
        raise BadSource(f"{path}: should be a folder of pictures, or a list in CSV or JSONL")
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise BadSource(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadSource(f"{path}: should be a text in UTF-8") from error
    try:
        rows = list(_csv(text) if path.suffix.lower() == ".csv" else _jsonl(text))
    except (ValueError, csv.Error, RecursionError) as error:
        raise BadSource(f"{path}: cannot be read: {error}") from error
    for line, row in rows:
        if not isinstance(row, dict) or not isinstance(row.get("image"), str) or not row["image"]:
            raise BadSource(f"{path}, line {line}: says no `image`")
        yield f"{path}, line {line}", row


def _csv(text: str) -> Iterator[tuple[int, Any]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    for row in reader:
        yield reader.line_num, row


def _jsonl(text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, json.loads(line)


def _picture(folder: Path, row: dict[str, Any]) -> tuple[str, str]:
    """The name of a row's picture in the folder, and why it cannot be shown."""
    try:
        head = read_picture(folder, row["image"])[:4096]
    except (BadSource, ValueError) as error:
        return "", str(error)
    return (folder / row["image"]).resolve().relative_to(folder.resolve()).as_posix(), fault_of(head) or ""


def _text(value: Any, where: str, name: str, most: int) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > most:
        raise BadSource(f"{where}: `{name}` should be a text of at most {most:,} characters")
    return value.strip().encode(errors="replace").decode()
