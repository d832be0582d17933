"""The questions a judge is asked: for each its prompt, the shape of the answer, and which words mean which verdict."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pixmo.judge.prompt import Prompt, load_prompt, user_text
from pixmo.records.judgement import Verdict

IMAGE, VIDEO = "image", "video"
CATEGORIES = (  # as the statements published for videos name them
    "Object", "Action", "Attribute", "Relation", "Location", "Quantity/Number", "State/Condition", "Event",
    "Motion/Trajectory", "Pose", "Gesture", "Emotion/Affect", "Identity", "OCR", "Camera", "Lighting/Weather",
    "Scene/Context", "Causation/Purpose",
)  # fmt: skip
STATED = {"stated": Verdict.YES, "not_stated": Verdict.NO}
CONSISTENT = {
    "consistent": Verdict.YES,
    "inconsistent": Verdict.NO,
    "cannot_tell": Verdict.CANNOT_TELL,
}
_TEXT = {"type": "string"}


@dataclass(frozen=True)
class Ask:
    """One kind of question. `labels` are the words of its verdicts; empty where it asks for statements or repetition."""

    name: str  # of the answer's shape, sent with it
    prompt_name: str
    schema: str
    labels: Mapping[str, Verdict] = field(default_factory=dict)
    has_categories: bool = False

    @property
    def prompt(self) -> Prompt:
        """The prompt as it is in this version."""
        told = load_prompt(self.prompt_name)
        return told._replace(system=told.system.replace("{categories}", ", ".join(CATEGORIES)))

    def messages(self, data: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:  # Any: plain JSON
        """(role, text) of what is asked about the data."""
        prompt = self.prompt
        return ("system", prompt.system), ("user", user_text(prompt, data))


def _object(**properties: object) -> dict[str, object]:
    """All required and nothing else: what strict structured output asks for."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _list(name: str, **properties: object) -> str:
    return json.dumps(_object(**{name: {"type": "array", "items": _object(**properties)}}))


def _statements(name: str, has_categories: bool = False) -> Ask:
    category = {"category": {"type": "string", "enum": list(CATEGORIES)}} if has_categories else {}
    schema = _list("statements", text=_TEXT, **category)
    return Ask(name, name.replace("_", "-") + "-1", schema, has_categories=has_categories)


def _verdicts(name: str, labels: Mapping[str, Verdict]) -> Ask:
    schema = _list("verdicts", id=_TEXT, verdict={"type": "string", "enum": list(labels)})
    return Ask(name, name.replace("_", "-") + "-1", schema, labels)


_OF_IMAGES = {
    "references": _statements("transcript_statements"),
    "statements": _statements("caption_statements"),
    "recall": _verdicts("recall", STATED),
    "consistency": _verdicts("consistency", CONSISTENT),
    "repetition": Ask("repetition", "repetition-1", json.dumps(_object(is_repeating={"type": "boolean"}))),
}
ASKS = {
    IMAGE: _OF_IMAGES,
    VIDEO: _OF_IMAGES | {
        "references": _statements("video_reference_statements", has_categories=True),
        "statements": _statements("video_caption_statements", has_categories=True),
        "consistency": _verdicts("video_consistency", STATED),
    },
}  # fmt: skip


def numbered(statements: Sequence[str], numbers: Iterable[int]) -> list[dict[str, str]]:
    """Some of the statements with their ids, as they are told to a judge; numbers count from 0."""
    return [{"id": id_of(n), "text": statements[n]} for n in numbers]


def id_of(number: int) -> str:
    """The id of a statement: s1 is the first, number 0."""
    return f"s{number + 1}"
