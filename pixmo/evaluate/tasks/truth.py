"""Ground truth: rows of files or of the catalog become examples that a metric can score."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pixmo.errors import BadSource
from pixmo.evaluate.tasks.truth_files import Row, file_rows
from pixmo.ids import Digest, digest_of
from pixmo.sources.resolve import HubName, SetName, resolve

SHOWN = 5  # ids named in a complaint

ID = ("id", "question_id", "questionId", "pid", "qid", "example_id", "uid")
PICTURE = ("image_url", "image_id", "imgname", "image_path", "file_path", "file_name", "image_file", "image", "picture")
QUESTION = ("question", "query", "prompt")
LABEL = ("label",)
Names = tuple[str, ...]  # a column goes by one of these


class Field(NamedTuple):
    """What a metric needs of an example: its name, the columns it may stand in, and how it is read."""

    name: str
    columns: Names
    meaning: str
    read: Callable[[Any], Any]  # Any: a value of a file; raises ValueError or TypeError for one that cannot be meant
    optional: bool = False


class Example(NamedTuple):
    """One question about one picture, and what is right."""

    id: str
    picture: str  # what is drawn together when samples are drawn: questions about one picture are not independent
    truth: Row
    groups: tuple[tuple[str, str], ...]  # (field, value) it is counted under besides


class Truth(NamedTuple):
    """Rows with what is right, as they were found."""

    name: str
    rows: Sequence[Row]
    origin: Mapping[str, Any] | None = None  # of a set: which commit was read


def read_truth(spec: str | Sequence[str], split: str | None = None) -> Truth:
    """The rows of files, of a finished folder, of a set of the catalog or of the Hub.

    Of several files the first says which rows there are, the others add columns to them by id: VQA's questions and annotations.
    """
    specs = [spec] if isinstance(spec, str) else list(spec)
    first, *others = [_read(one, split) for one in specs]
    for other in others:
        first = _joined(first, other)
    if not first.rows:
        raise BadSource(f"{first.name}: has no rows")
    return first


def _read(spec: str, split: str | None) -> Truth:
    if (Path(spec) / "manifest.json").is_file():
        return Truth(Path(spec).name, list(_finished(Path(spec), split)))
    found = resolve(spec)
    if isinstance(found, (HubName, SetName)):
        return _of_set(found, split)
    if split is not None:
        raise BadSource(f"--split {split}: only sets and finished folders have splits; {spec!r} is a file")
    return Truth(Path(spec).name, list(file_rows(spec)))


def _of_set(found: HubName | SetName, split: str | None) -> Truth:
    from pixmo.evaluate.tasks.truth_sets import set_rows  # `datasets` takes a second to import

    return set_rows(found, split)


def _finished(folder: Path, split: str | None) -> Iterator[Row]:
    from pixmo.evaluate.tasks.truth_sets import folder_rows

    return folder_rows(folder, split)


def _joined(first: Truth, other: Truth) -> Truth:
    key = common_key(((ID,),), first.rows, other.rows, (first.name, other.name))
    added = {key_of(row, key.there): row for row in other.rows}
    return Truth(first.name, [added.get(key_of(row, key.here), {}) | row for row in first.rows], first.origin)


class Key(NamedTuple):
    """The columns that tell rows apart, in the one table and in the other."""

    here: Names
    there: Names


def common_key(
    candidates: Iterable[tuple[Names, ...]], here: Sequence[Row], there: Sequence[Row], names: tuple[str, str],
    asked: Sequence[str] = (),
) -> Key:  # fmt: skip
    """The first candidate both tables have; `asked` are column names the user gave instead. Raises BadSource when there is none."""
    candidates = [tuple((name,) for name in asked)] if asked else list(candidates)
    have = _usable(here), _usable(there)
    for candidate in candidates:
        columns = [tuple(next((n for n in names if n in usable), "") for names in candidate) for usable in have]
        if all(all(found) for found in columns):
            return Key(columns[0], columns[1])
    told = " or ".join(" and ".join(names[0] for names in candidate) for candidate in candidates)
    raise BadSource(
        f"{names[1]} and {names[0]} share no column that says which row belongs to which ({told}); "
        f"{names[1]} has {', '.join(sorted(have[1])) or 'none'}, {names[0]} has {', '.join(sorted(have[0])) or 'none'}"
    )


def _usable(rows: Sequence[Row]) -> set[str]:
    """Columns whose values can be part of an id."""
    seen = rows[:1000]
    return {k for row in seen for k, v in row.items() if isinstance(v, (str, int))}


def key_of(row: Row, columns: Names) -> str:
    """The id of a row as text, the same for 17 and "17"."""
    return " | ".join(_plain(row.get(name)) for name in columns)


def require_key(row: Row, columns: Names, where: str) -> str:
    """As `key_of`. Raises BadSource where a part of the id is not there."""
    for name in columns:
        if row.get(name) is None:
            raise BadSource(f"{where}: has no {name}, which says what the row is about")
    return key_of(row, columns)


def _plain(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def examples(
    rows: Sequence[Row], fields: Sequence[Field], groups: Sequence[Field], key: Names, name: str
) -> list[Example]:
    """The rows as examples, in order. Raises BadSource for a column that is missing, a value that cannot be meant, ids that repeat."""
    columns = {field.name: _column(field, rows, name) for field in (*fields, *groups)}
    found: dict[str, Example] = {}
    twice: list[str] = []
    for number, row in enumerate(rows, 1):
        id_ = require_key(row, key, f"{name}: row {number}")
        if id_ in found:
            twice.append(id_)
            continue
        truth = {field.name: _value(field, row, columns[field.name], f"{name}: row {number}") for field in fields}
        picture = next((_plain(row[n]) for n in PICTURE if isinstance(row.get(n), (str, int))), id_)
        found[id_] = Example(id_, picture, truth, tuple(_groups(row, groups, columns)))
    if twice:
        raise BadSource(
            f"{name}: {len(twice):,} rows have an id ({', '.join(key)}) that another row has, {shown(twice)}; "
            "say which columns tell them apart with --id COLUMN,COLUMN"
        )
    return list(found.values())


def shown(ids: Sequence[str]) -> str:
    """The first few, for one line."""
    return "the first " + ", ".join(repr(i[:120]) for i in ids[:SHOWN]) if len(ids) > 1 else f"namely {ids[0][:120]!r}"


def _column(field: Field, rows: Sequence[Row], name: str) -> str | None:
    have = {k for row in rows[:1000] for k in row}
    found = next((column for column in field.columns if column in have), None)
    if found is None and not field.optional:
        raise BadSource(
            f"{name}: no column holds the {field.name} ({field.meaning}); it is looked for as {' or '.join(field.columns)}, "
            f"and there are {', '.join(sorted(have))}"
        )
    return found


def _value(field: Field, row: Row, column: str | None, where: str) -> Any:  # Any: as the metric takes it
    value = row.get(column) if column is not None else None
    if value is None:
        if field.optional:
            return None
        raise BadSource(f"{where}: {column} is null; the {field.name} is needed")
    try:
        return field.read(value)
    except (ValueError, TypeError, KeyError) as error:
        raise BadSource(f"{where}: {column} is {str(value)[:60]!r}, not {field.meaning}: {error}") from error


def _groups(row: Row, groups: Sequence[Field], columns: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
    for field in groups:
        column = columns[field.name]
        value = row.get(column) if column is not None else None
        for one in value if isinstance(value, list) else [value]:
            told = None if one is None else field.read(one)
            if told is not None:
                yield field.name, str(told)


def truth_digest(found: Sequence[Example]) -> Digest:
    """What was right, whatever file it came from: the same for the same examples in the same order."""
    return digest_of([[e.id, e.picture, e.truth, list(e.groups)] for e in found])
