"""Examples become the text Molmo was trained on, character by character, with the same chances taken in the same order."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pixmo.errors import BadRecord, BadSetting, UnknownName
from pixmo.text.messages import Layout
from pixmo.text.prompts import NAMES, PromptSettings, format_example, message_list, settings_named, without_pointing
from pixmo.text.prompts_answers import option_names
from pixmo.text.prompts_draws import RandomDraws
from pixmo.text.prompts_examples import Annotated, Asked, Conversation, MultipleChoice, Places, Pointed, Tagged
from pixmo.text.prompts_naming import Naming
from pixmo.text.prompts_styles import Model
from tests.text.told import Told

GOLDEN = Path(__file__).parent.parent / "golden" / "prompts.json"
CASES = json.loads(GOLDEN.read_text(encoding="utf-8"))["v1_format"]


def told_draws(case):
    """The draws of a golden case."""
    shapes = {
        "randint": lambda d: ("randint", d["high"], d["value"]),
        "uniform": lambda d: ("uniform", d["value"]),
        "normal": lambda d: ("normal", 0, d["scale"], d["value"]),
    }
    return Told(*(shapes[d["call"]](d) for d in case["draws"]))


def example(told):
    """A golden case's example."""
    style, question = told["style"], told.get("question", told.get("prompt"))
    if "messages" in told:
        return Conversation(style=style, messages=tuple(told["messages"]))
    if options := told.get("options") or told.get("unlabelled_options"):
        right = told.get("answer_idx")
        return MultipleChoice(
            style=style, question=question, options=tuple(options), answer=right, lettered="options" in told
        )
    if "points" in told:
        scale = told.get("point_scale") or tuple(told["image_size"])
        places = Places(tuple(map(tuple, told["points"])), scale, told.get("points_dtype"))
        return Pointed(style=style, label=told.get("label"), question=question, places=places)
    if "answer_annotations" in told:
        tags = [
            Tagged(a["inline_text"], a["alt_text"], Places(tuple(map(tuple, a["points"]))))
            for a in told["answer_annotations"]
        ]
        return Annotated(style=style, question=question, text=told["answer"], tags=tuple(tags))
    answer = tuple(told["answers"]) if "answers" in told else told.get("answer", told.get("text"))
    return Asked(style=style, question=question, answer=answer)


def examples(case):
    """All examples of a golden case, and whether they are a list."""
    told = case["example"]
    return [example(t) for t in told.get("message_list", [told])], "message_list" in told


def settings(case):
    """The settings of a golden case; its templates stand where they were drawn, in tables as long as the original ones."""
    builder = case["builder"]
    tables = {}
    of_styles = iter([e.style for e in examples(case)[0]])
    for draw in case["draws"]:
        if "template" in draw:
            tables[next(of_styles)] = [
                *["not this one"] * draw["value"],
                draw["template"],
                *["nor this"] * (draw["high"] - draw["value"] - 1),
            ]
    assert not tables or builder["prompt_templates"] == "uber_model"
    return PromptSettings(
        model=Model.MOLMO1, templates=tables, layout=Layout(builder["message_format"]),
        naming=Naming(builder["system_prompt"]), always_start_with_space=builder["always_start_with_space"],
        inference_length=builder.get("default_inference_len", 65) or None,
    )  # fmt: skip


def formatted(case, draws):
    """What we make of a golden case."""
    asked, is_list = examples(case)
    if is_list:
        return message_list(asked, settings(case), draws)
    return format_example(asked[0], settings(case), draws, for_inference=case["for_inference"])


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["id"])
def test_golden_text_of_molmo1(case):
    """With the golden draws the golden text comes out, and no draw is left."""
    draws = told_draws(case)
    assert formatted(case, draws) == case["messages"]
    assert draws.left == []


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["id"])
def test_golden_seeds_of_molmo1(case):
    """From the golden seed our draws are the golden ones, in kind, order and value."""
    assert formatted(case, RandomDraws(case["seed"])) == case["messages"]


@pytest.mark.parametrize("case", [c for c in CASES if "option_names" in c], ids=lambda c: c["id"])
def test_golden_option_names(case):
    """An answer is compared with letters, or with the options where they have none."""
    assert list(option_names(examples(case)[0][0], Model.MOLMO1)) == case["option_names"]


def test_an_example_without_an_answer_can_be_asked_but_not_trained_on():
    """The error names the style and what is missing; at inference there is just the prompt."""
    unanswered = Asked(style="vqa2", question="How many?")
    with pytest.raises(BadRecord, match="'vqa2' has no text to train on: it has no answer"):
        format_example(unanswered, settings_named("molmo1"), Told())
    assert format_example(unanswered, settings_named("molmo1"), Told(), for_inference=True) == [
        " User: vqa2: How many? Assistant:"
    ]


def test_at_inference_a_conversation_ends_with_its_last_question():
    """Whether it was answered or not."""
    asked = Conversation(style="synthetic_qa", messages=("a?", "b", "c?"))
    answered = replace(asked, messages=("a?", "b", "c?", "d"))
    told = [" User: a? Assistant:", " b", " User: c? Assistant:"]
    for one in (asked, answered):
        assert format_example(one, settings_named("molmo1-released"), Told(), for_inference=True) == told


def test_what_a_label_says_is_never_taken_for_a_template():
    """Braces in labels and questions stay as they are."""
    templated = PromptSettings(
        model=Model.MOLMO2, templates={"pointing": ["at {label}"], "multiple_choice": ["{options}|{question}"]}
    )
    braces = Pointed(style="pointing", label="{Label} {0}", places=Places(((1, 2),)))
    assert format_example(braces, templated, Told(("randint", 1, 0)))[0] == " User: at {label} {0} Assistant:"
    choice = MultipleChoice(style=None, question="{options}?", options=("{question}",), answer=0)
    assert format_example(choice, templated, Told(("randint", 1, 0)))[0] == " User: A. {question}|{options}? Assistant:"


def test_a_template_may_only_use_what_its_examples_have():
    """The error names the template's field and those there are."""
    wrong = PromptSettings(templates={"pointing": ["the {thing}"]})
    with pytest.raises(BadSetting, match=r"asks for \{thing\}; it may use: label"):
        format_example(Pointed(style="pointing", label="x", places=Places(())), wrong, RandomDraws(0))


@pytest.mark.parametrize("texts", [[], "Point to {label}"])
def test_templates_are_lists_of_at_least_one_text(texts):
    """None to draw from, or a bare text, is told when the settings are made."""
    with pytest.raises(BadSetting, match="templates of style 'pointing'"):
        PromptSettings(templates={"pointing": texts})


def test_molmo1_has_letters_for_seven_options():
    """An eighth is refused instead of going without; Molmo2 has the whole alphabet."""
    eight = MultipleChoice(style="vqa", question="?", options=tuple("abcdefgh"), answer=7)
    with pytest.raises(BadRecord, match="8 options; molmo1 has letters for 7"):
        format_example(eight, settings_named("molmo1"), Told())
    assert format_example(eight, settings_named("molmo2-released"), Told())[1] == "H. h"


@pytest.mark.parametrize("name", NAMES)
def test_all_named_settings_can_be_used(name):
    """With our templates where a model was trained with some."""
    settings = settings_named(name)
    assert settings.model == name.split("-")[0]
    turns = format_example(Asked(style="long_caption", answer="A cup."), settings, RandomDraws(1))
    assert turns[1].strip() == "A cup."
    assert bool(settings.templates) == (name in ("molmo1", "molmo2"))


def test_an_unknown_name_of_settings_is_told_with_the_nearest():
    """As everywhere."""
    with pytest.raises(UnknownName, match="did you mean 'molmo2'"):
        settings_named("molmo3")


def test_molmo1_points_or_counts_by_pointing():
    """The other orders are Molmo2's."""
    example = Pointed(style="count_then_point", label="x", places=Places(((1, 2),)))
    with pytest.raises(UnknownName, match="no mode of pointing named 'count_then_point'"):
        format_example(example, settings_named("molmo1-released"), Told())


@pytest.mark.parametrize("name", ["molmo1", "molmo2"])
def test_a_point_that_is_nowhere_is_a_bad_record(name):
    """Text has no word for it."""
    example = Pointed(style="pointing", label="x", places=Places(((float("nan"), 2),)))
    with pytest.raises(BadRecord, match="only finite coordinates"):
        format_example(example, settings_named(name), RandomDraws(0))


@pytest.mark.parametrize("empty", [lambda: Conversation(style=None, messages=()), lambda: Pointed(style="pointing")])
def test_examples_that_ask_nothing_are_refused(empty):
    """A conversation without turns, and pointing at something unnamed."""
    with pytest.raises(BadRecord):
        empty()


COUNTING = Conversation(style="synthetic_qa", messages=("What is it?", "Cups.", "How many are red?", "Two."))


def test_counting_questions_can_be_told_apart_from_pointing():
    """The prefix goes before those turns that ask how many, and each question stays its own."""
    prefixed = without_pointing(COUNTING, ["(no points) ", "In words: "], Told(("randint", 2, 1)))
    assert prefixed.messages == ("What is it?", "Cups.", "In words: How many are red?", "Two.")
    asked = without_pointing(
        Asked(style="user_qa", question="HOW MANY?", answer="2"), ["No: "], Told(("randint", 1, 0))
    )
    assert asked.question == "No: HOW MANY?"
    other = Asked(style="user_qa", question="So how many?", answer="2")
    assert without_pointing(other, ["No: "], Told()) == other


def test_legacy_counting_questions_are_lost():
    """In Molmo v1's training data a later counting question was replaced by the first question."""
    legacy = without_pointing(COUNTING, ["In words: "], Told(("randint", 1, 0)), legacy=True)
    assert legacy.messages == ("What is it?", "Cups.", "In words: What is it?", "Two.")
