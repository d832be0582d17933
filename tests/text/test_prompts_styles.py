"""Our own wording: enough of it, usable, and ours."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pixmo.text.prompts_styles import default_templates, without_pointing_prefixes

GOLDEN = Path(__file__).parent.parent / "golden" / "prompts.json"
FIELDS = {"multiple_choice": {"question", "options"}}
TABLES = default_templates()


@pytest.mark.parametrize("style", TABLES)
def test_each_style_has_a_dozen_different_templates(style):
    """No two alike, not even in case."""
    assert len({text.lower() for text in TABLES[style]}) == len(TABLES[style]) >= 12


@pytest.mark.parametrize("style", TABLES)
def test_each_template_uses_what_its_style_has(style):
    """Points have a label, multiple choice a question and options, all others nothing."""
    pointed = any(word in style for word in ("point", "count"))
    wanted = FIELDS.get(style, {"label"} if pointed else set())
    for text in TABLES[style]:
        assert set(re.findall(r"\{(\w+)\}", text)) == wanted, text


def test_the_wording_is_our_own():
    """None of it stands in the golden data, which holds templates of Molmo v1."""
    draws = [d for case in json.loads(GOLDEN.read_text(encoding="utf-8"))["v1_format"] for d in case["draws"]]
    theirs = {d["template"].lower().rstrip(".") for d in draws if "template" in d}
    assert len(theirs) > 10
    assert theirs.isdisjoint(text.lower().rstrip(".") for texts in TABLES.values() for text in texts)


def test_prefixes_end_where_a_question_may_begin():
    """A dozen, each with a space or a line's end."""
    prefixes = without_pointing_prefixes()
    assert len(set(prefixes)) == len(prefixes) >= 12
    assert all(p[-1] in " \n" and p[0] != " " for p in prefixes)
