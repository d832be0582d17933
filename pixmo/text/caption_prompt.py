"""What a language model is asked for a caption: versioned prompt files, the transcripts as data, the shape of the answer.

Transcripts are JSON between marks, and `<` is written as an escape inside: nothing that was said can end the data.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable
from importlib.resources import files
from typing import NamedTuple

from pixmo.errors import UnknownName
from pixmo.ids import digest
from pixmo.text.caption_units import Unit

OPEN, CLOSE = "<transcripts>\n", "\n</transcripts>"
REASONS = ("artefact", "aside", "corrected", "contradicted", "repeated", "instruction", "unclear")
_TEXT = {"type": "string"}


def _object(**properties: object) -> dict[str, object]:
    """All required and nothing else: what strict structured output asks for."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


SCHEMA_NAME = "caption"
SCHEMA = json.dumps(
    _object(
        sentences={"type": "array", "items": _object(text=_TEXT, units={"type": "array", "items": _TEXT})},
        omitted={"type": "array", "items": _object(unit=_TEXT, reason={"type": "string", "enum": list(REASONS)})},
    )
)


class Prompt(NamedTuple):
    """`id` is name@digest, of the file as it is in this version of pixmo."""

    id: str
    system: str
    user: str


def prompt_names() -> list[str]:
    """The prompt files there are."""
    return sorted(
        f.name.removesuffix(".md") for f in (files("pixmo.text") / "captions").iterdir() if f.name.endswith(".md")
    )


@functools.cache
def load_prompt(name: str) -> Prompt:
    """A prompt by its name, such as `merge-1`. Raises UnknownName."""
    if name not in prompt_names():
        raise UnknownName("caption prompt", name, prompt_names())
    data = (files("pixmo.text") / "captions" / f"{name}.md").read_bytes().replace(b"\r\n", b"\n")
    _, system, user = re.split(r"^# (?:System|User)\n", data.decode(), flags=re.MULTILINE)
    return Prompt(f"{name}@{digest(data)[:12]}", system.strip(), user.strip())


def messages_of(prompt: Prompt, units: Iterable[Unit], least: int, most: int) -> tuple[tuple[str, str], ...]:
    """(role, text) of what is asked; between `least` and `most` words are wanted."""
    system = prompt.system.replace("{least}", str(least)).replace("{most}", str(most))
    return ("system", system), ("user", prompt.user.replace("{transcripts}", _as_json(units)))


def told_units(text: str) -> dict[str, str]:
    """The units in a user's message, by id; empty where there are none."""
    _, begun, rest = text.partition(OPEN)
    data, ended, _ = rest.partition(CLOSE)
    if not (begun and ended):
        return {}
    return {u["id"]: u["text"] for transcript in json.loads(data) for u in transcript["units"]}


def _as_json(units: Iterable[Unit]) -> str:
    by_transcript: dict[int, list[dict[str, str]]] = {}
    for unit in units:
        by_transcript.setdefault(unit.transcript, []).append({"id": unit.id, "text": unit.text})
    told = [{"transcript": n + 1, "units": of} for n, of in by_transcript.items()]
    return json.dumps(told, ensure_ascii=False, indent=0).replace("<", "\\u003c")
