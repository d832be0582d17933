"""What styles.toml says: templates in our words, and which styles each model names in its prompts."""

from __future__ import annotations

import enum
import functools
import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

from pixmo.errors import BadSetting

Templates = Mapping[str, Sequence[str]]


class Model(enum.StrEnum):
    """Whose text: they differ in how points, options and turns are written."""

    MOLMO1 = "molmo1"
    MOLMO2 = "molmo2"


class Styles(NamedTuple):
    """How a model treats styles by name."""

    demo: frozenset[str]
    multiple_choice: frozenset[str]
    never_named: frozenset[str]
    without_length: frozenset[str]
    aliases: Mapping[str, str]


def default_templates() -> Templates:
    """Our own wording, a dozen for each style that has none of its own."""
    told: Templates = _read()["templates"]
    return told


def without_pointing_prefixes() -> Sequence[str]:
    """What can be put before a question so that it is not answered by pointing."""
    told: Sequence[str] = _read()["without_pointing"]["prefixes"]
    return told


@functools.cache
def styles_of(model: Model) -> Styles:
    """The styles a model knows by name; any other name may be a style too."""
    told = _read()[model]
    names = {key: frozenset(told.get(key, ())) for key in Styles._fields if key != "aliases"}
    return Styles(**names, aliases=told["aliases"])


@functools.cache
def _read() -> dict[str, Any]:  # Any: what TOML can say
    return tomllib.loads(files("pixmo.text").joinpath("styles.toml").read_text(encoding="utf-8"))


_FIELD = re.compile(r"\{(\w+)\}")


def filled(template: str, **fields: str) -> str:
    """The template with its fields; braces inside a field's text stay. Raises BadSetting for a field that is not there."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in fields:
            raise BadSetting(
                f"the template {template!r} asks for {{{name}}}; it may use: {', '.join(fields) or 'nothing'}"
            )
        return fields[name]

    return _FIELD.sub(value, template)
