"""The prompts of protocol `ai2`: a TOML file with one table per question, ours where none is given.

[recall]
user = "… {statements} … {caption} …"
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from pixmo.errors import BadSetting
from pixmo.ids import digest

NEEDED = {  # what a question cannot be asked without
    "references": ("transcripts",),
    "statements": ("caption",),
    "recall": ("statements", "caption"),
    "consistency": ("transcripts", "statements"),
    "repetition": ("caption",),
}
OPTIONAL = {"consistency": ("n_transcripts",), "references": ("n_transcripts",)}
MAY_BE_MISSING = ("references",)  # published prompts have none: the statements of people were given
OURS = "ai2-prompts.toml"


@dataclass(frozen=True)
class Ai2Prompts:
    """The text of each question, by its name; a placeholder stands in braces."""

    users: Mapping[str, str]

    def id(self, ask: str) -> str:
        """name@digest of one prompt's text."""
        return f"ai2-{ask}@{digest(self.users[ask].encode())[:12]}"

    def text(self, ask: str, **values: str) -> str:
        """What is asked. Braces in the values are text, whatever stands between them."""
        return _placeholder(ask).sub(lambda found: values[found[1]], self.users[ask])


@functools.cache
def _placeholder(ask: str) -> re.Pattern[str]:
    return re.compile("{(" + "|".join(placeholders(ask)) + ")}")


def placeholders(ask: str) -> tuple[str, ...]:
    """What may stand in braces in the prompt of a question; other braces are text."""
    return NEEDED[ask] + OPTIONAL.get(ask, ())


def load_ai2_prompts(path: Path | None = None) -> Ai2Prompts:
    """The prompts of a file, ours for None. Raises BadSetting for a file that cannot be used."""
    return read_ai2_prompts("") if path is None else read_ai2_prompts(prompts_text(path), str(path))


def prompts_text(path: Path) -> str:
    """The text of a file of prompts, not looked into. Raises BadSetting for a file that cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else f"cannot be read ({error.strerror})"
        raise BadSetting(f"{path}: {why}; prompts of protocol ai2 are a TOML file") from None


@functools.lru_cache(maxsize=8)
def read_ai2_prompts(text: str, where: str = "prompts") -> Ai2Prompts:
    """The prompts that a TOML text holds, ours for an empty one. Raises BadSetting for what cannot be asked."""
    ours = _users((files("pixmo.judge") / OURS).read_text(encoding="utf-8"), OURS, NEEDED)
    if not text.strip():
        return Ai2Prompts(ours)
    return Ai2Prompts(
        {"references": ours["references"]} | _users(text, where, [n for n in NEEDED if n not in MAY_BE_MISSING])
    )


def _users(text: str, where: str, required: Mapping[str, object] | list[str]) -> dict[str, str]:
    try:
        told = tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        raise BadSetting(f"{where}: {error}") from None
    for name in required:
        if name not in told:
            raise BadSetting(f'{where}: there is no table [{name}]; write [{name}] and user = "{_example(name)}"')
    for name in told:
        if name not in NEEDED:
            raise BadSetting(f"{where}: no question is called [{name}]; there are {', '.join(NEEDED)}")
    return {name: _user(name, table, where) for name, table in told.items()}


def _user(name: str, table: object, where: str) -> str:
    user = table.get("user") if isinstance(table, dict) else None
    if not isinstance(user, str) or not isinstance(table, dict) or set(table) != {"user"}:
        raise BadSetting(f'{where}: [{name}] holds one text, user = "{_example(name)}"')
    for needed in NEEDED[name]:
        if "{" + needed + "}" not in user:
            raise BadSetting(f"{where}: [{name}] has no {{{needed}}}: the judge would not be told it")
    return user


def _example(name: str) -> str:
    return "… " + " … ".join("{" + p + "}" for p in NEEDED[name]) + " …"
