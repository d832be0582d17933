"""When a prompt names its style, and how it tells a length. Molmo v1's own are pinned by golden data in test_prompts."""

from __future__ import annotations

import pytest

from pixmo.text.prompts_draws import RandomDraws
from pixmo.text.prompts_naming import Naming, style_prefix
from pixmo.text.prompts_styles import Model, styles_of
from tests.text.told import Told

V2, V3 = Naming.STYLE_AND_LENGTH_V2, Naming.STYLE_AND_LENGTH_V3


def prefix(style, naming, draws, answer="x" * 1000, **more):
    """A prefix of Molmo2, whose answer is 1,000 characters long."""
    return style_prefix(style, answer, naming, Model.MOLMO2, draws, **more)


def test_molmo2_tells_lengths_as_molmo1_but_leaves_no_space():
    """In 15 characters, nine times in ten; the tenth names the style alone."""
    assert prefix("long_caption", V2, Told(("uniform", 0.5), ("normal", 0, 25, 30.9))) == "long_caption 68:"
    assert prefix("long_caption", V2, Told(("uniform", 0.1))) == "long_caption:"


def test_molmo2_tells_no_length_of_points():
    """And takes no chance either."""
    for style in ("pointing", "point_count", "cosyn_point", "video_point"):
        assert prefix(style, V2, Told()) == f"{style}:"


@pytest.mark.parametrize(("drawn", "told"), [(1.02, 40), (0.3, 20), (1.9, 60)])
def test_the_third_way_of_telling_lengths(drawn, told):
    """In 25 characters, the noise a share of the length, never off by more than half."""
    assert prefix("long_caption", V3, Told(("uniform", 0.9), ("normal", 1, 0.05, drawn))) == f"long_caption {told}:"


@pytest.mark.parametrize("naming", [V2, V3])
@pytest.mark.parametrize(
    ("length", "told"), [(65, "long_caption 65:"), (20, "long_caption 20:"), (None, "long_caption:")]
)
def test_at_inference_the_length_is_the_one_asked_for(naming, length, told):
    """No chance is taken; without a length the style stands alone."""
    assert prefix("long_caption", naming, Told(), answer=None, inference_length=length) == told


def test_molmo2_names_neither_demo_styles_nor_multiple_choice():
    """All others are named, without chance."""
    naming = Naming.DEMO_OR_STYLE_V2
    for style in (
        "pointing",
        "user_qa",
        "long_caption",
        "multi_image_counting",
        "a_okvqa_mc",
        "eval_multiple_choice",
        "demo",
    ):
        assert prefix(style, naming, Told()) == ""
    assert prefix("synthetic_qa", naming, Told()) == "synthetic_qa:"
    assert prefix("point_qa", naming, Told()) == "point_qa:"


def test_styles_for_evaluation_are_named_as_those_trained_on():
    """A short answer is asked for as VQA is; multi-image styles lose their `eval_`."""
    aliases = {
        "eval_short_answer": "vqa2:", "video_eval_short_answer": "video_short_answer:",
        "eval_multi_image_qa": "multi_image_qa:",
    }  # fmt: skip
    for style, told in aliases.items():
        assert prefix(style, Naming.STYLE, Told()) == told
    assert style_prefix("eval_multi_image_qa", None, Naming.STYLE, Model.MOLMO1, Told()) == "eval_multi_image_qa:"


def test_without_a_style_nothing_is_named():
    """As people ask the released models."""
    for naming in Naming:
        assert prefix(None, naming, Told()) == ""


def test_molmo2_knows_as_many_styles_as_its_reference():
    """28 of the demo, 13 of multiple choice."""
    styles = styles_of(Model.MOLMO2)
    assert (len(styles.demo), len(styles.multiple_choice)) == (28, 13)


def test_one_in_ten_demo_prompts_of_molmo1_names_its_style():
    """Over many rows, each with draws of its own."""
    rows = [RandomDraws.for_row(f"row {i}") for i in range(2000)]
    named = [style_prefix("pointing", "x", Naming.DEMO_OR_STYLE, Model.MOLMO1, draws) for draws in rows]
    assert 150 < named.count("pointing:") < 250
    assert named.count("") == 2000 - named.count("pointing:")
