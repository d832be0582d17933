"""What somebody asks of a set: the address of a page and back, and the words of SQL and of the search it becomes."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode

from pixmo.errors import BadSetting, UnknownName

OPS = {"is": "=", "not": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "has": "has", "starts": "starts"}
"""How an operator is spelled in an address."""

_SPELLED = {op: word for word, op in OPS.items()}
_PREFIX = "f."
LONGEST = 4000  # characters of a search, a filter's value, a SQL expression
MOST_FILTERS = 50
_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")
_EAST = re.compile("([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af\U00020000-\U0003ffff])")


@dataclass(frozen=True)
class Column:
    """A fact of every row. `kind` is text, texts (several in a row), number or yes_no."""

    name: str
    kind: str
    meaning: str = ""


@dataclass(frozen=True, order=True)
class Filter:
    """`op` is one of = != < <= > >= has starts."""

    column: str
    op: str
    value: str


@dataclass(frozen=True)
class Query:
    """Filters hold together, but several `=` on one column are alternatives. A seed shuffles, whatever `sort` says."""

    search: str = ""
    filters: tuple[Filter, ...] = ()
    sort: str = ""
    descending: bool = False
    seed: int | None = None
    sql: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "filters", tuple(sorted(set(self.filters))))
        if self.seed is not None or not self.sort:
            object.__setattr__(self, "descending", False)
        if self.seed is not None:
            object.__setattr__(self, "sort", "")

    @property
    def needs_index(self) -> bool:
        """Whether rows have to be known before this can be answered; all rows in order, or shuffled, need not."""
        return bool(self.search or self.filters or self.sort or self.sql)

    @classmethod
    def parse(cls, params: str | Mapping[str, str | list[str]]) -> Query:
        """The query in an address: `q`, `f.COLUMN.OP`, `sort`, `descending`, `seed`, `sql`; others are not ours, empty ones nothing.

        Raises BadSetting for nonsense.
        """
        told = parse_qs(params.removeprefix("?")) if isinstance(params, str) else params
        values = {name: [value] if isinstance(value, str) else list(value) for name, value in told.items()}
        filters = tuple(
            one
            for name in values
            if name.startswith(_PREFIX)
            for value in values[name]
            if (one := _filter(name, value))
        )
        if len(filters) > MOST_FILTERS:
            raise BadSetting(f"{len(filters)} filters; give {MOST_FILTERS} at most")
        single = {name: _text(name, values.get(name, [])) for name in ("q", "sort", "descending", "seed", "sql")}
        return cls(
            single["q"],
            filters,
            single["sort"],
            single["descending"] in ("1", *_YES, "on"),
            _seed(single["seed"]),
            single["sql"],
        )

    def address(self) -> str:
        """The query string, the same for equal queries; empty for all rows in order."""
        told: list[tuple[str, str]] = [("q", self.search)] if self.search else []
        told += [(f"{_PREFIX}{f.column}.{_SPELLED[f.op]}", f.value) for f in self.filters]
        told += [("sort", self.sort)] if self.sort else []
        told += [("descending", "1")] if self.descending else []
        told += [("seed", str(self.seed))] if self.seed is not None else []
        return urlencode([*told, ("sql", self.sql)] if self.sql else told)


def _filter(name: str, value: str) -> Filter | None:
    column, _, op = name.removeprefix(_PREFIX).rpartition(".")
    if not column or op not in OPS:
        raise BadSetting(f"filter {name[:80]!r}: write f.COLUMN.OP, with OP one of {', '.join(OPS)}")
    value = _text(name, [value])
    return Filter(column, OPS[op], value) if value else None


def _text(name: str, values: Sequence[str]) -> str:
    value = values[-1].strip() if values else ""
    if len(value) > LONGEST:
        raise BadSetting(f"{name[:80]}: {len(value):,} characters; give {LONGEST:,} at most")
    if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise BadSetting(f"{name[:80]}: holds a character that no text has")
    return value


def _seed(text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise BadSetting(f"seed {text[:80]!r}: give a whole number from 0, of 18 digits at most")
    return int(text)


def where(query: Query, columns: Sequence[Column]) -> tuple[str, list[Any]]:  # Any: parameters of SQL
    """The filters as a condition with parameters. Raises UnknownName, or BadSetting for a value its column cannot have."""
    kinds = {c.name: c.kind for c in columns}
    clauses: list[str] = []
    values: list[Any] = []
    alternatives: dict[str, list[str]] = {}
    for one in query.filters:
        known_column(one.column, columns)
        clause, value = _clause(one, kinds[one.column])
        if one.op == "=":
            alternatives.setdefault(one.column, []).append(clause)
        else:
            clauses.append(clause)
        values.append((one.op != "=", one.column, value))
    told = [value for other, _, value in values if other]
    for column, either in alternatives.items():
        clauses.append(f"({' OR '.join(either)})")
        told += [value for other, name, value in values if not other and name == column]
    return " AND ".join(clauses) or "true", told


def _clause(one: Filter, kind: str) -> tuple[str, Any]:  # Any: a parameter of SQL
    name = quoted(one.column)
    value: Any = one.value
    if kind == "number":
        value = _number(one)
    elif kind == "yes_no":
        value = yes_no(one)
    if one.op in ("has", "starts"):
        text = f"lower(array_to_string({name}, ' '))" if kind == "texts" else f"lower({name}::VARCHAR)"
        return f"{'contains' if one.op == 'has' else 'starts_with'}({text}, lower(?))", one.value
    if kind == "texts":
        if one.op not in ("=", "!="):
            raise BadSetting(f"{one.column} {one.op}: rows have several of it; ask with =, !=, has or starts")
        return f"{'' if one.op == '=' else 'NOT '}coalesce(list_contains({name}, ?), false)", value
    return (f"{name} IS DISTINCT FROM ?" if one.op == "!=" else f"{name} {one.op} ?"), value


def _number(one: Filter) -> float:
    if one.op in ("has", "starts"):
        return 0.0
    try:
        value = float(one.value)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise BadSetting(f"{one.column} {one.op} {one.value[:80]!r}: {one.column} is a number")
    return value


def yes_no(one: Filter) -> bool:
    """What is asked of a column that is yes or no. Raises BadSetting."""
    value = one.value.lower()
    if one.op not in ("=", "!=") or value not in (*_YES, *_NO):
        raise BadSetting(f"{one.column} {one.op} {one.value[:80]!r}: {one.column} is yes or no; ask with = or !=")
    return value in _YES


def known_column(name: str, columns: Sequence[Column]) -> Column:
    """The column of that name. Raises UnknownName."""
    for column in columns:
        if column.name == name:
            return column
    raise UnknownName("column", name[:80], [c.name for c in columns])


def quoted(name: str) -> str:
    """A column's name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def spread(text: str) -> str:
    """The text with characters of scripts that have no spaces between words standing alone, so that each is a word."""
    return text if text.isascii() else _EAST.sub(r" \1 ", text)


def match(search: str) -> str:
    """The search as FTS5 reads it: words and "phrases" that must all be there, a word* by its beginning, none of -word.

    Empty where nothing is searched for. Raises BadSetting where only words to leave out are given.
    """
    wanted: list[str] = []
    unwanted: list[str] = []
    for minus, phrase, word in re.findall(r'(-?)(?:"([^"]*)"?|([^\s"]+))', search):
        begins = not phrase and word.endswith("*")
        words = _tokens(spread(phrase or word))
        if words:
            (unwanted if minus else wanted).append(f'"{words}"' + ("*" if begins else ""))
    if unwanted and not wanted:
        raise BadSetting(f"search {search[:80]!r}: say what should be there as well")
    told = " AND ".join(wanted)
    return f"({told}) NOT ({' OR '.join(unwanted)})" if unwanted else told


def _tokens(text: str) -> str:
    """The words of a text, with single spaces; punctuation stands for a space, as in the index."""
    kept = (c if unicodedata.category(c)[0] in "LNM" or unicodedata.category(c) == "Co" else " " for c in text)
    return " ".join("".join(kept).split())
