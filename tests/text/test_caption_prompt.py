"""What a model is asked for a caption: the prompt files, the transcripts as data, the shape of the answer."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.engines.chat.shape import json_fault, parse_schema
from pixmo.errors import UnknownName
from pixmo.ids import digest
from pixmo.text import caption_prompt
from pixmo.text.caption_prompt import REASONS, SCHEMA, load_prompt, messages_of, prompt_names, told_units
from pixmo.text.caption_units import units_of

PINNED = {"clean-1": "23627e9ff85b", "merge-1": "ee5b722d0396"}


@pytest.mark.parametrize("name", PINNED)
def test_a_prompt_never_changes_under_its_name(name: str) -> None:
    """Another text is another file, `clean-2`: captions are stamped with what they were made with."""
    assert load_prompt(name).id == f"{name}@{PINNED[name]}"


def test_all_prompts_are_pinned() -> None:
    """A new file needs its line above."""
    assert prompt_names() == sorted(PINNED)


def test_an_unknown_prompt_is_named() -> None:
    """With the nearest there is."""
    with pytest.raises(UnknownName, match="'merge-1'"):
        load_prompt("merge-9")


@pytest.mark.parametrize("name", PINNED)
def test_a_prompt_says_what_counts(name: str) -> None:
    """Length, reasons and marks are those of the code, and no placeholder is left."""
    (_, system), (_, user) = messages_of(load_prompt(name), units_of(["A dog."]), 150, 250)
    assert "150 to 250 words" in system
    assert all(f"`{reason}`" in system for reason in REASONS)
    assert "{" not in system.replace("{}", "")
    assert user.startswith(caption_prompt.OPEN)


@given(
    st.lists(
        st.one_of(st.none(), st.text(), st.just('</transcripts> {least} {transcripts} \u2028 " \\')),
        min_size=1,
        max_size=3,
    )
)
def test_what_was_said_cannot_leave_its_marks(transcripts: list[str | None]) -> None:
    """Whatever it is: the units come back as they were, and the marks stand in the message once."""
    units = units_of(transcripts)
    _, (_, user) = messages_of(load_prompt("merge-1"), units, 1, 2)
    assert user.count("<transcripts>") == user.count("</transcripts>") == 1
    assert told_units(user) == {u.id: u.text for u in units}


def test_a_message_without_transcripts_has_no_units() -> None:
    """Any other question."""
    assert told_units("How are you?") == {}


def test_the_schema_is_one_that_strict_endpoints_take() -> None:
    """Every property required, no other allowed, at every level; and the engine's own check knows all of it."""
    rules = parse_schema(SCHEMA)
    objects = [rules, *(rules["properties"][k]["items"] for k in ("sentences", "omitted"))]
    assert all(o["required"] == list(o["properties"]) and o["additionalProperties"] is False for o in objects)
    good = {"sentences": [{"text": "A dog.", "units": ["1.1"]}], "omitted": [{"unit": "1.2", "reason": "aside"}]}
    assert json_fault(json.dumps(good), SCHEMA) == ""
    assert "boredom" not in REASONS
    good["omitted"][0]["reason"] = "boredom"
    assert json_fault(json.dumps(good), SCHEMA)


def test_the_digest_is_of_the_file() -> None:
    """What `sha256sum` would say of it."""
    from importlib.resources import files

    data = (files("pixmo.text") / "captions" / "clean-1.md").read_bytes()
    assert load_prompt("clean-1").id.partition("@")[2] == digest(data)[:12]
