"""Examples in the words of Molmo v1 and Molmo2: prompt, style, length, roles, answer.

    format_example(Pointed(style="pointing", label="Cups", places=Places(((50, 50),))), settings_named("molmo1"), RandomDraws(0))

gives the turns as the model reads them. Chances are taken in this order: a template, one of several answers, whether the style is
named, the length's noise. What golden data pins, and what it does not, is told in docs/messages.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pixmo.errors import BadRecord, BadSetting, UnknownName
from pixmo.text.messages import Layout, laid_out
from pixmo.text.prompts_answers import answer_text, option_lines
from pixmo.text.prompts_draws import Draws
from pixmo.text.prompts_examples import (
    Annotated,
    Asked,
    Conversation,
    Example,
    MultipleChoice,
    Pointed,
    PointedInSet,
    PointedInVideo,
)
from pixmo.text.prompts_naming import Naming, style_prefix
from pixmo.text.prompts_styles import Model, Templates, default_templates, filled


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSettings:
    """How examples are put into words. A style without templates is asked by its bare label, or not at all but by its name."""

    model: Model = Model.MOLMO1
    templates: Templates = field(default_factory=dict)
    layout: Layout = Layout.ROLE
    naming: Naming = Naming.NONE
    always_start_with_space: bool = True
    inference_length: int | None = 65  # asked for at inference where lengths are told; None: none is

    def __post_init__(self) -> None:
        for style, texts in self.templates.items():
            if isinstance(texts, str) or not texts:
                raise BadSetting(f"templates of style {style!r} are {texts!r}, should be a list of at least one text")


_NAMED: Mapping[str, PromptSettings] = {
    "molmo1": PromptSettings(naming=Naming.DEMO_OR_STYLE),
    "molmo1-captioner": PromptSettings(layout=Layout.NONE, naming=Naming.STYLE_AND_LENGTH),
    "molmo1-released": PromptSettings(),
    "molmo2": PromptSettings(model=Model.MOLMO2, layout=Layout.CHAT, naming=Naming.DEMO_OR_STYLE_V2),
    "molmo2-captioner": PromptSettings(model=Model.MOLMO2, layout=Layout.CHAT, naming=Naming.STYLE_AND_LENGTH_V2),
    "molmo2-released": PromptSettings(model=Model.MOLMO2, layout=Layout.CHAT, naming=Naming.DEMO_OR_STYLE_V2),
}
TEMPLATED = ("molmo1", "molmo2")
NAMES = tuple(_NAMED)
"""What `settings_named` knows."""


def settings_named(name: str) -> PromptSettings:
    """As a model was trained (`molmo1`, `molmo2`, with our templates; `…-captioner`) or is asked (`…-released`). Raises UnknownName."""
    if name not in _NAMED:
        raise UnknownName("prompt settings", name, _NAMED)
    found = _NAMED[name]
    return replace(found, templates=default_templates()) if name in TEMPLATED else found


def format_example(
    example: Example, settings: PromptSettings, draws: Draws, *, for_inference: bool = False
) -> list[str]:
    """The turns of one example as the model reads them, prompt and answer by turns; at inference the last answer is left out.

    Raises BadRecord for an example whose answer is not known, or that the model's format cannot hold.
    """
    if example.lacks and not for_inference:
        raise BadRecord(f"an example of style {example.style!r} has no text to train on: {example.lacks}")
    turns = _turns(example, settings, draws, for_inference)
    told = None if for_inference else turns[-1]
    prefix = style_prefix(example.style, told, settings.naming, settings.model, draws, settings.inference_length)
    turns[0] = " ".join(part for part in (prefix, turns[0]) if part)
    return laid_out(turns, settings.layout, always_start_with_space=settings.always_start_with_space)


def message_list(examples: Iterable[Example], settings: PromptSettings, draws: Draws) -> list[list[str]]:
    """The turns of each annotation of one picture, in the order given: they share the picture and do not see each other."""
    return [format_example(example, settings, draws) for example in examples]


def _turns(example: Example, settings: PromptSettings, draws: Draws, for_inference: bool) -> list[str]:
    if isinstance(example, Conversation):
        return list(example.messages[:-1] if for_inference and not example.lacks else example.messages)
    prompt = _prompt(example, settings, draws)
    return [prompt] if for_inference else [prompt, answer_text(example, settings.model, draws)]


def _prompt(example: Example, settings: PromptSettings, draws: Draws) -> str:
    match example:
        case MultipleChoice():
            return _choice(example, settings, draws)
        case (
            Asked(question=str(own))
            | Annotated(question=own)
            | Pointed(question=str(own))
            | PointedInVideo(question=str(own))
        ):
            return own
        case Pointed(label=str(label)) | PointedInSet(label=label) | PointedInVideo(label=label):
            lower = label.lower()
            return _templated(example.style, lower, settings, draws, label=lower)
    return _templated(example.style, "", settings, draws)


def _choice(example: MultipleChoice, settings: PromptSettings, draws: Draws) -> str:
    options = option_lines(example, settings.model)
    own = f"{example.question}\n{options}\n"
    if settings.model is Model.MOLMO1:  # which never has other words around options
        return own
    return _templated("multiple_choice", own, settings, draws, question=example.question, options=options)


def _templated(style: str | None, bare: str, settings: PromptSettings, draws: Draws, **fields: str) -> str:
    texts = settings.templates.get(style or "")
    return filled(texts[draws.index(len(texts))], **fields) if texts else bare


def without_pointing(
    example: Asked | Conversation, prefixes: Sequence[str], draws: Draws, *, legacy: bool = False
) -> Asked | Conversation:
    """The example with a prefix before each question that begins with `how many`, so that it does not teach counting without points.

    `legacy`: a later question of a conversation is then replaced by its first one, as in the training data of Molmo v1.
    """
    if isinstance(example, Asked):
        return replace(example, question=_prefixed(example.question or "", "", prefixes, draws) or example.question)
    turns = list(example.messages)
    for i in range(0, len(turns), 2):
        turns[i] = _prefixed(turns[i], turns[0] if legacy else "", prefixes, draws)
    return replace(example, messages=tuple(turns))


def _prefixed(question: str, instead: str, prefixes: Sequence[str], draws: Draws) -> str:
    if not re.fullmatch("how many.*", question.lower()):
        return question
    return prefixes[draws.index(len(prefixes))] + (instead or question)
