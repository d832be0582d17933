"""Answers of the asked shape pass, others are told why in words."""

from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmo.engines.chat.shape import fault, json_fault, parse_schema, unfenced
from pixmo.errors import BadSetting

SENTENCES = json.dumps(
    {
        "type": "object",
        "required": ["sentences"],
        "additionalProperties": False,
        "properties": {"sentences": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/sentence"}}},
        "$defs": {
            "sentence": {
                "type": "object",
                "required": ["text", "n"],
                "properties": {
                    "text": {"type": "string", "minLength": 1},
                    "n": {"type": ["integer", "null"], "minimum": 0},
                },
            }
        },
    }
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"sentences": [{"text": "A cup.", "n": 1}]}', ""),
        ('{"sentences": [{"text": "A cup.", "n": null}]}', ""),
        ("Sure: {}", "it is no JSON: "),
        ('{"sentences": [NaN]}', "it is no JSON: NaN"),
        ("[" * 100_000, "it is nested too deeply"),
        ("[]", "it is array, not object"),
        ("{}", "it has no 'sentences'"),
        ('{"sentences": []}', "sentences has 0 items"),
        ('{"sentences": [{"text": "A cup."}]}', "sentences[0] has no 'n'"),
        ('{"sentences": [{"text": "", "n": 1}]}', "sentences[0].text has 0 characters"),
        ('{"sentences": [{"text": "A", "n": true}]}', "sentences[0].n is boolean, not integer or null"),
        ('{"sentences": [{"text": "A", "n": -1}]}', "sentences[0].n is -1, out of range"),
        ('{"sentences": [{"text": "A", "n": 1}], "more": 1}', "it has 'more', which is not asked for"),
        ('{"sentences": [{"text": "\\ud83d", "n": 1}]}', "a string holds half a character"),
        ('{"sentences": [{"text": "\\ud83d\\ude00", "n": 1}]}', ""),
    ],
    ids=lambda v: v[:40],
)
def test_the_first_fault_is_told_with_its_place(text, why):
    """'' for what is right; else where and what."""
    told = json_fault(text, SENTENCES)
    assert told.startswith(why)
    assert bool(told) == bool(why)


@pytest.mark.parametrize("text", ['```json\n{"a": 1}\n```', '\n```\n{"a": 1}\n```\n', '{"a": 1}'])
def test_a_code_fence_around_all_of_it_is_taken_off(text):
    """Models wrap JSON in Markdown."""
    assert unfenced(text) == '{"a": 1}'


@pytest.mark.parametrize(
    "schema",
    ["{", "[]", '{"pattern": "a"}', '{"type": "text"}', '{"$ref": "#/$defs/none"}', '{"items": {"oneOf": []}}'],
)
def test_a_schema_that_cannot_be_checked_is_a_wrong_request(schema):
    """Rather than being half checked."""
    with pytest.raises(BadSetting, match="the schema of an answer"):
        parse_schema(schema)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0]) | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=6,
)
KINDS = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"])
RULES = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": KINDS | st.lists(KINDS, min_size=1, max_size=3, unique=True),
            "enum": st.lists(VALUES, min_size=1, max_size=3),
            "const": VALUES,
            "minimum": st.integers(-2, 2),
            "maximum": st.integers(-2, 2),
            "minLength": st.integers(0, 2),
            "maxLength": st.integers(0, 2),
            "minItems": st.integers(0, 2),
            "maxItems": st.integers(0, 2),
            "required": st.lists(st.sampled_from("xyz"), max_size=2, unique=True),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from("xyz"), inner, max_size=2),
            "additionalProperties": st.booleans() | inner,
            "items": inner,
            "anyOf": st.lists(inner, min_size=1, max_size=2),
        },
    ),
    max_leaves=4,
)


@settings(deadline=None, max_examples=300)
@given(VALUES, RULES)
def test_it_agrees_with_jsonschema(value, rules):
    """A value passes here exactly when it passes there."""
    assert (fault(value, rules, rules) == "") == jsonschema.Draft202012Validator(rules).is_valid(value)
