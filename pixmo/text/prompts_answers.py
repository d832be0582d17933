"""The answers of examples: one of several, points, options; each as the model writes it."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Sequence

from pixmo.errors import BadRecord, BadSetting
from pixmo.records.explanation import PLACEHOLDER
from pixmo.text.molmo1 import format_points as v1_points
from pixmo.text.molmo2 import format_multi_image, format_video
from pixmo.text.molmo2 import format_points as v2_points
from pixmo.text.prompts_draws import Draws
from pixmo.text.prompts_examples import (
    Annotated,
    Asked,
    Conversation,
    Example,
    MultipleChoice,
    Places,
    Pointed,
    PointedInSet,
    PointedInVideo,
)
from pixmo.text.prompts_styles import Model

MODES = {
    "point_count": "point_count", "point_then_count": "point_then_count", "count_then_point": "count_then_point",
    "multi_image_counting": "count", "multi_image_point_then_count": "point_then_count",
    "multi_image_count_then_point": "count_then_point", "video_point_count": "point_count", "video_count": "count",
    "video_count_point": "count_point",
}  # fmt: skip
"""How the answers of a style tell points; those of all others just point."""

LETTERS = {Model.MOLMO1: "ABCDEFG", Model.MOLMO2: string.ascii_uppercase}


def answer_text(example: Example, model: Model, draws: Draws) -> str:
    """The answer of an example that lacks none. Raises BadRecord where the model's format cannot hold it."""
    match example:
        case Asked(answer=str(answer)):
            return answer
        case Asked(answer=tuple(answers)):
            return _most_frequent(answers, draws)
        case Conversation():
            return example.messages[-1]
        case MultipleChoice(answer=int(right)):
            return _chosen(example, right, model)
        case Annotated(text=str(text)):
            return _annotated(text, example, model)
        case Pointed(places=Places() as places):
            label = example.question or "" if example.label is None else example.label.lower()
            return _points(places, label, None, MODES.get(example.style, "point"), model)
        case PointedInSet() | PointedInVideo() if model is Model.MOLMO2:
            return _grouped(example)
        case PointedInSet() | PointedInVideo():
            raise BadSetting(f"Molmo v1 has no text for places in {_several(example)}; use settings of Molmo2")
    raise BadRecord(f"an example of style {example.style!r} has no answer")


def _most_frequent(answers: Sequence[str], draws: Draws) -> str:
    counts = Counter(answers)
    best = [answer for answer, count in counts.items() if count == max(counts.values())]
    return best[draws.index(len(best))]


def option_names(example: MultipleChoice, model: Model) -> Sequence[str]:
    """What an answer is compared with: the letters, or the options themselves. Raises BadRecord for more options than letters."""
    if not example.lettered:
        return example.options
    letters = LETTERS[model]
    if len(example.options) > len(letters):
        raise BadRecord(f"{len(example.options)} options; {model} has letters for {len(letters)}")
    return letters[: len(example.options)]


def option_lines(example: MultipleChoice, model: Model) -> str:
    """The options, one on a line: `A: soup` for Molmo v1, `A. soup` for Molmo2, bare where they have no letters."""
    names = option_names(example, model)
    return "\n".join(_named(name, option, example, model) for name, option in zip(names, example.options, strict=True))


def _named(name: str, option: str, example: MultipleChoice, model: Model) -> str:
    mark = ":" if model is Model.MOLMO1 else "."
    return f"{name}{mark} {option}" if example.lettered else option


def _chosen(example: MultipleChoice, right: int, model: Model) -> str:
    name = option_names(example, model)[right]
    return name if model is Model.MOLMO1 else _named(name, example.options[right], example, model)


def _annotated(text: str, example: Annotated, model: Model) -> str:
    before, *parts = text.split(PLACEHOLDER)
    told = [
        _points(tag.places, tag.inline_text, tag.alt_text, "point", model) + part
        for tag, part in zip(example.tags, parts, strict=True)
    ]
    return before + "".join(told)


def _points(places: Places, label: str, alt_text: str | None, mode: str, model: Model) -> str:
    if model is Model.MOLMO2:
        return v2_points(places.points, label, scale=places.scale, alt_text=alt_text, mode=mode)
    return v1_points(places.points, label, scale=places.scale, alt_text=alt_text, mode=mode, dtype=places.dtype)


def _grouped(example: PointedInSet | PointedInVideo) -> str:
    mode, label = MODES.get(example.style, "point"), example.label.lower()
    points = [places.points for places in example.places]
    scales = [places.scale for places in example.places]
    if isinstance(example, PointedInVideo):
        return format_video(example.times_s, points, label, scale=scales[0] if scales else 100, mode=mode)
    return format_multi_image(range(1, len(points) + 1), points, label, scale=scales, mode=mode)


def _several(example: PointedInSet | PointedInVideo) -> str:
    return "a video" if isinstance(example, PointedInVideo) else "several pictures"
