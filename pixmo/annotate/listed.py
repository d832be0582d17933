"""What is to be done: the pictures of a folder, or a list of them with what is asked of each; and gold tasks, whose answers are known."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pixmo.annotate.pictures import beginning_of, fault_of, pictures_of
from pixmo.annotate.tasks import Task
from pixmo.errors import BadSource

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
        try:
            file = picture_in(images.parent, row)
        except BadSource as error:
            left_out.append(f"{where}: {error}; left out")
            continue
        label = text_in(row, column, where, MAX_LABEL)
        known = "\n\n".join(filter(None, (text_in(row, name, where, MAX_TEXT) for name in told)))
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


def picture_in(folder: Path, row: dict[str, Any]) -> str:
    """The name of a row's picture in the folder. Raises BadSource when it cannot be shown."""
    why = fault_of(beginning_of(folder, row["image"]))
    if why:
        raise BadSource(f"{folder / row['image']}: {why}")
    name: str = row["image"]
    return (folder / name).resolve().relative_to(folder.resolve()).as_posix()


def text_in(row: dict[str, Any], name: str, where: str, most: int) -> str:
    """A text of a row, empty where it has none. Raises BadSource for what is no text, or too long."""
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > most:
        raise BadSource(f"{where}: `{name}` should be a text of at most {most:,} characters")
    return value.strip().encode(errors="replace").decode()
