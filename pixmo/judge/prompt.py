"""What a judge is told: versioned prompt files, and captions, transcripts and statements as JSON between marks.

`<` and what could confuse a reader of the text (control characters, marks of writing direction, invisible tags) are written as escapes inside:
no content can end the data, look like a mark or turn the text around.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, NamedTuple

from pixmo.errors import UnknownName
from pixmo.ids import digest

OPEN, CLOSE = "<data>\n", "\n</data>"
_ESCAPED = re.compile(
    "[<\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)


class Prompt(NamedTuple):
    """`id` is name@digest, of the file as it is in this version of pixmo."""

    id: str
    system: str
    user: str


def prompt_names() -> list[str]:
    """The prompt files there are."""
    folder = files("pixmo.judge") / "prompts"
    return sorted(f.name.removesuffix(".md") for f in folder.iterdir() if f.name.endswith(".md"))


@functools.cache
def load_prompt(name: str) -> Prompt:
    """A prompt by its name, such as `recall-1`. Raises UnknownName."""
    if name not in prompt_names():
        raise UnknownName("judge prompt", name, prompt_names())
    data = (files("pixmo.judge") / "prompts" / f"{name}.md").read_bytes().replace(b"\r\n", b"\n")
    _, system, user = re.split(r"^# (?:System|User)\n", data.decode(), flags=re.MULTILINE)
    return Prompt(f"{name}@{digest(data)[:12]}", system.strip(), user.strip())


def user_text(prompt: Prompt, data: Mapping[str, Any]) -> str:  # Any: plain JSON
    """The user's message: the data in its place."""
    return prompt.user.replace("{data}", as_json(data))


def as_json(data: Mapping[str, Any]) -> str:  # Any: plain JSON
    """One line of JSON per entry of the object, with nothing in it that could be taken for anything but data."""
    lines = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in data.items()]
    return _ESCAPED.sub(_escape, "{" + ",\n".join(lines) + "}")


def _escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[n : n + 4]}" for n in range(0, len(units), 4))


def told_data(text: str) -> dict[str, Any]:  # Any: plain JSON
    """The data in a user's message; empty where there is none."""
    _, begun, rest = text.partition(OPEN)
    data, ended, _ = rest.partition(CLOSE)
    found = json.loads(data) if begun and ended else {}
    return found if isinstance(found, dict) else {}
