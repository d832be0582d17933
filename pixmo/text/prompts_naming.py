"""Whether a prompt begins with its style, and with the length asked for: `vqa2: …`, `long_caption 83:`."""

from __future__ import annotations

import enum

from pixmo.text.prompts_draws import Draws
from pixmo.text.prompts_styles import Model, styles_of


class Naming(enum.StrEnum):
    """When a prompt begins with its style."""

    NONE = "none"
    STYLE = "style"
    DEMO_OR_STYLE = "demo_or_style"  # of the demo's styles only one in ten examples
    DEMO_OR_STYLE_V2 = "demo_or_style_v2"  # never the demo's styles and multiple choice
    STYLE_AND_LENGTH = "style_and_length"  # nine in ten with the length, in 15 characters
    STYLE_AND_LENGTH_V2 = "style_and_length_v2"  # the same, but points have no length
    STYLE_AND_LENGTH_V3 = "style_and_length_v3"  # in 25 characters, and the noise is a share of the length


P_OTHERWISE = 0.1
"""How often a demo style is named all the same, and how often a length is not told."""


def style_prefix(
    style: str | None, answer: str | None, naming: Naming, model: Model, draws: Draws, inference_length: int | None = 65
) -> str:
    """What stands before the prompt, empty for nothing. `answer` is the text whose length is told; None at inference."""
    if style is None or naming is Naming.NONE:
        return ""
    known = styles_of(model)
    style = known.aliases.get(style, style)
    if model is Model.MOLMO2 and style.startswith("eval_multi_image_"):
        style = style.removeprefix("eval_")
    named = f"{style}:"
    if naming is Naming.DEMO_OR_STYLE:
        unnamed = style in known.never_named or (style in known.demo and draws.uniform() > P_OTHERWISE)
        return "" if unnamed else named
    if naming is Naming.DEMO_OR_STYLE_V2:
        return "" if style in known.never_named | known.demo | known.multiple_choice else named
    if naming is Naming.STYLE or (naming is Naming.STYLE_AND_LENGTH_V2 and style in known.without_length):
        return named
    length = inference_length if answer is None else _length(answer, naming, draws)
    if length is None:
        return f"{style} :" if naming is Naming.STYLE_AND_LENGTH else named
    return f"{style} {length}:"


def _length(answer: str, naming: Naming, draws: Draws) -> int | None:
    """In units of the naming, off by chance so that the model learns a wish, not a rule; short texts may come out below zero."""
    if draws.uniform() <= P_OTHERWISE:
        return None
    if naming is Naming.STYLE_AND_LENGTH_V3:
        return int(len(answer) * min(max(draws.normal(1, 0.05), 0.5), 1.5) / 25)
    return (len(answer) + int(draws.normal(0, 25))) // 15
