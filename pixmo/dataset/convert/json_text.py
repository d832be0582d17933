"""Large JSON files, one element at a time: the text is held, its values are not.

An element is a value of the top level's array, or of an array that is a member of the top level's object: tasks, images, annotations,
samples. What is no JSON at all is told with its line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from pixmo.errors import BadSource

_SPACE = re.compile(r"[ \t\n\r]*")
_LONGEST_INT = 18  # digits; longer ones are no counts or ids, and Python's own parser refuses those of thousands


class Element(NamedTuple):
    """A value, the member of the top level it is in, and its place in that array; None where there is no such thing."""

    key: str | None
    at: int | None
    value: Any  # Any: JSON

    @property
    def where(self) -> str:
        """As a loss names it."""
        return (self.key or "") + (f"[{self.at}]" if self.at is not None else "")


class JsonText:
    """A JSON file's text. Raises BadSource naming file and line where it is none."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._text = text_of(path)
        self._decoder = json.JSONDecoder(parse_int=_int)
        self._start = self._past_space(0)

    @property
    def is_array(self) -> bool:
        """Whether the top level is an array."""
        return self._text[self._start : self._start + 1] == "["

    @property
    def is_object(self) -> bool:
        """Whether the top level is an object."""
        return self._text[self._start : self._start + 1] == "{"

    def elements(self) -> Iterator[Element]:
        """All elements in their order, each made when it is asked for."""
        if self.is_array:
            end = yield from self._array(None, self._start)
        elif self.is_object:
            end = yield from self._members(self._start)
        else:
            self._fail(self._start, "is not a JSON array or object")
        end = self._past_space(end)
        if end < len(self._text):
            self._fail(end, "has text after its JSON value")

    def value(self) -> Any:  # Any: JSON
        """The whole value, where its parts are not to be taken one by one."""
        found, end = self._value(self._start)
        if self._past_space(end) < len(self._text):
            self._fail(self._past_space(end), "has text after its JSON value")
        return found

    def _members(self, at: int) -> Generator[Element, None, int]:
        at = self._past_space(at + 1)
        while self._text[at : at + 1] != "}":
            key, at = self._value(at)
            at = self._past_space(at)
            if not isinstance(key, str) or self._text[at : at + 1] != ":":
                self._fail(at, "is not JSON: a member has no name")
            at = self._past_space(at + 1)
            if self._text[at : at + 1] == "[":
                at = yield from self._array(key, at)
            else:
                value, at = self._value(at)
                yield Element(key, None, value)
            at = self._past_comma(at, "}")
        return at + 1

    def _array(self, key: str | None, at: int) -> Generator[Element, None, int]:
        at, index = self._past_space(at + 1), 0
        while self._text[at : at + 1] != "]":
            value, at = self._value(at)
            yield Element(key, index, value)
            index += 1
            at = self._past_comma(at, "]")
        return at + 1

    def _past_comma(self, at: int, closing: str) -> int:
        at = self._past_space(at)
        found = self._text[at : at + 1]
        if found == closing:
            return at
        if found != ",":
            self._fail(at, "is not JSON: a comma is missing" if found else "is cut off: it ends inside a value")
        at = self._past_space(at + 1)
        if self._text[at : at + 1] == closing:
            self._fail(at, "is not JSON: nothing after a comma")
        return at

    def _value(self, at: int) -> tuple[Any, int]:  # Any: JSON
        try:
            return self._decoder.raw_decode(self._text, at)
        except json.JSONDecodeError as error:
            self._fail(error.pos, f"is not JSON: {error.msg}")
        except RecursionError:
            self._fail(at, "is nested too deeply")

    def _past_space(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        assert found is not None
        return found.end()

    def _fail(self, at: int, what: str) -> NoReturn:
        line = self._text.count("\n", 0, at) + 1
        raise BadSource(f"{self.name}:{line}: {what}")


def text_of(path: Path) -> str:
    """A file's text. Raises BadSource where it cannot be read or is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadSource(f"{path}: is not UTF-8 (byte {error.start:,})") from None
    except OSError as error:
        raise BadSource(f"{path}: cannot be read: {error.strerror}") from error


def _int(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INT else float(digits)
