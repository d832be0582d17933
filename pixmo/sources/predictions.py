"""Captions that models wrote, by picture: in Ai2's file, in tables, in a folder pixmo made, in texts named after pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from pixmo.errors import BadSetting, BadSource, UnknownName
from pixmo.sources.judged_table import Table, open_table, texts
from pixmo.sources.pictures import walk
from pixmo.sources.place import one_line
from pixmo.sources.references import KEYS, listed
from pixmo.sources.sniff import suffix_kind

COLUMNS = ("prediction", "caption", "generated_text", "text", "response")
"""Where captions are looked for, the first one wins."""
END = "<|endoftext|>"
_AI2_FILE, _AI2_FOLDER = "predictions.json", "*dense_caption_eval-test*"
_TEXTS = (".txt", ".caption")
_SAYS_NOTHING = {"predictions", "prediction", "captions", "caption", "results", "output", "out", "data", "test"}


class Named(NamedTuple):
    """Predictions as they were asked for."""

    name: str
    path: str


class Predictions:
    """One model's captions: `keys` are the columns that may tie them to references, one value per caption.

    `by_stem` says that captions are texts named after pictures: any column of names or paths may tie them, without its suffix.
    """

    def __init__(
        self, named: Named, keys: dict[str, list[str | None]], captions: list[str | None], columns: list[str],
        by_stem: bool = False,
    ) -> None:  # fmt: skip
        self.name, self.path = named
        self.columns = columns
        self.by_stem = by_stem
        self._keys = keys
        self._captions = captions

    def __len__(self) -> int:
        return len(self._captions)

    def ties(self, column: str) -> list[str | None]:
        """Each caption's value of a column; none where there is no such column."""
        return self._keys.get("" if self.by_stem else column, [])

    def captions(self) -> Iterator[str | None]:
        """The captions as they are scored; None where there was none."""
        return (None if c is None else cleaned(c) for c in self._captions)


def cleaned(caption: str) -> str:
    """A caption without the mark that a model ends with, and without white space around it."""
    caption = caption.strip()
    while caption.endswith(END):
        caption = caption.removesuffix(END).strip()
    return caption


def stem(value: str) -> str:
    """A file's name or path without its suffix."""
    return str(PurePosixPath(value).with_suffix("")) if PurePosixPath(value).name else value


def named(specs: Sequence[str]) -> list[Named]:
    """The names and paths that `PATH`, `NAME=PATH` and `NAME::PATH` give; a name not given is taken from the path.

    Raises BadSetting where two would have one name.
    """
    given = [_split(spec) for spec in specs]
    taken: dict[str, str] = {}
    for name, path in given:
        if name is not None and taken.setdefault(name, path) != path:
            raise BadSetting(f"two predictions are called {name!r} ({taken[name]}, {path}); give each its own name")
    out = []
    short = [_names(path)[0] if name is None else name for name, path in given]
    for (name, path), first in zip(given, short, strict=True):
        out.append(Named(name or (first if short.count(first) == 1 else _names(path)[1]), path))
    names = [n for n, _ in out]
    if twice := next((n for n in names if names.count(n) > 1), None):
        raise BadSetting(f"two predictions would be called {twice!r}; name them with NAME=PATH")
    return out


def read_predictions(asked: Named, column: str | None = None, key: str | None = None) -> Predictions:
    """All captions of one model. `column` holds them, `key` ties them, where they are not found. Raises BadSource."""
    path = Path(asked.path).expanduser()
    if path.is_dir():
        found = _in_folder(path)
        if isinstance(found, list):
            if column or key not in (None, *KEYS):
                raise BadSource(f"{path}: holds texts named after pictures; such have no columns to choose")
            return _of_texts(asked, path, found)
        path = found
    return _of_table(asked, open_table(_list(asked.path, path)), column, key)


def _of_table(asked: Named, table: Table, column: str | None, key: str | None) -> Predictions:
    names: list[str] = table.schema.names
    if not names:
        raise BadSource(_no_rows(table))
    text = _text_column(table, column)
    ties = [n for n in ([key] if key else KEYS) if n in names and n != text and table.is_text(n)]
    keys: dict[str, list[str | None]] = {n: [] for n in ties}
    captions: list[str | None] = []
    for batch in table.batches([text, *ties]):
        captions += texts(batch.column(0), f"{table.name}: column {text!r}")
        for i, name in enumerate(ties, 1):
            keys[name] += texts(batch.column(i), f"{table.name}: column {name!r}")
    if not captions:
        raise BadSource(_no_rows(table))
    return Predictions(asked, keys, captions, names)


def _list(spec: str, path: Path) -> str:
    """What to open: never a set of the Hub, for which a mistyped path could be taken."""
    if path.exists():
        return str(path) if path.is_absolute() else f"./{path}"
    if "://" not in spec and not any(c in spec for c in "*?["):
        raise BadSource(f"{spec}: no such file or folder of predictions")
    return spec


def _no_rows(table: Table) -> str:
    return f"{table.name}: has no rows; were predictions written?"


def _text_column(table: Table, given: str | None) -> str:
    names: list[str] = table.schema.names
    if given is not None:
        if given not in names:
            raise UnknownName("column", given, names, table.name)
        return given
    found = next((n for n in COLUMNS if n in names), None)
    if found is None:
        raise BadSource(
            f"{table.name}: no column of captions ({', '.join(COLUMNS)}); it has {listed(names)}; "
            "name it with --prediction-column"
        )
    return found


def _in_folder(folder: Path) -> Path | list[Path]:
    """The one list a folder stands for, or its texts. Raises BadSource for a folder that holds neither."""
    if (folder / _AI2_FILE).is_file():
        return folder / _AI2_FILE
    evaluated = sorted(p for p in folder.glob(_AI2_FOLDER) if p.is_dir())
    if len(evaluated) > 1:
        raise BadSource(f"{folder}: holds {len(evaluated)} folders {_AI2_FOLDER}; give one of them: {evaluated[0]}")
    if evaluated:
        if not (evaluated[0] / _AI2_FILE).is_file():
            raise BadSource(f"{evaluated[0]}: holds no {_AI2_FILE}; was the evaluation run to its end?")
        return evaluated[0] / _AI2_FILE
    if (folder / "manifest.json").is_file():
        return folder
    files = list(walk(folder))
    found = [p for p in files if p.suffix.lower() in _TEXTS]
    if found and not any(suffix_kind(p.name) not in (None, "text") for p in files):
        return found
    if not files:
        raise BadSource(
            f"{folder}: is empty; predictions are a list (Parquet, CSV, JSON) or texts named after pictures"
        )
    return folder


def _of_texts(asked: Named, folder: Path, files: list[Path]) -> Predictions:
    stems: list[str | None] = [
        stem(os.fsencode(p.relative_to(folder).as_posix()).decode(errors="backslashreplace")) for p in files
    ]
    return Predictions(asked, {"": stems}, [_text(p) for p in files], ["(names of texts)"], by_stem=True)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadSource(f"{path}: is not UTF-8; save it as UTF-8") from None
    except OSError as error:
        raise BadSource(f"{path}: cannot be read: {one_line(error.strerror or str(error))}") from error


# names


def _split(spec: str) -> tuple[str | None, str]:
    """(name, path); a path that is there is one, whatever marks are in it."""
    if Path(spec).expanduser().exists():
        return None, spec
    for mark in ("::", "="):
        name, found, path = spec.partition(mark)
        if found and "://" not in name:
            if not name.strip() or not path.strip():
                raise BadSetting(f"{spec}: write NAME=PATH, such as small=predictions.json")
            return name.strip(), path.strip()
    return None, spec


def _names(path: str) -> tuple[str, str]:
    """A short name for a path, and a longer one; names that say nothing give way to their folder's."""
    pure = PurePosixPath(Path(path).expanduser().absolute().as_posix())
    parts = [p for p in pure.parts if p != "/"] or [path]
    parts[-1] = _bare(parts[-1])
    while len(parts) > 1 and parts[-1].lower() in _SAYS_NOTHING:
        parts.pop()
    return parts[-1], "/".join(parts[-2:])


def _bare(name: str) -> str:
    """A file's name without the suffixes of lists."""
    for _ in range(2):
        base, dot, suffix = name.rpartition(".")
        if base and dot and (suffix.lower() in ("gz", "zst", "gzip", "zstd") or suffix_kind(name)):
            name = base
    return name
