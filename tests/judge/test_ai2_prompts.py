"""The file of prompts that protocol `ai2` takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixmo.errors import BadSetting
from pixmo.judge.ai2_prompts import NEEDED, load_ai2_prompts, placeholders, read_ai2_prompts

THEIRS = '''
[statements]
user = "List what this says: {caption}"
[recall]
user = """
Facts:
{statements}

 Caption: {caption}"""
[consistency]
user = "{n_transcripts} people: {transcripts} Claims: {statements}"
[repetition]
user = 'Is {this} {"json": 1} repeating? {caption}'
'''


def test_prompts_are_used_to_the_letter(tmp_path: Path) -> None:
    """Values stand where the placeholders stood; the rest is as in the file, so that answers kept by a script are found again."""
    (tmp_path / "p.toml").write_text(THEIRS)
    prompts = load_ai2_prompts(tmp_path / "p.toml")
    assert prompts.text("recall", statements="1. A\n2. B", caption="C") == "Facts:\n1. A\n2. B\n\n Caption: C"
    assert prompts.text("consistency", n_transcripts="2", transcripts="a\n\nb", statements="1. A") == (
        "2 people: a\n\nb Claims: 1. A"
    )


def test_braces_in_a_caption_are_no_placeholders() -> None:
    """Nor are other braces in a prompt."""
    prompts = read_ai2_prompts(THEIRS)
    assert prompts.text("recall", statements="{caption}", caption="{statements} \\1 {0}").endswith(
        "{caption}\n\n Caption: {statements} \\1 {0}"
    )
    assert prompts.text("repetition", caption="x") == 'Is {this} {"json": 1} repeating? x'


def test_ours_stand_in_where_none_are_given() -> None:
    """All questions can be asked; what a file may leave out comes from ours."""
    ours = load_ai2_prompts()
    for ask in NEEDED:
        told = ours.text(ask, **{name: f"<{name}>" for name in placeholders(ask)})
        assert all(f"<{name}>" in told for name in NEEDED[ask])
    assert read_ai2_prompts(THEIRS).users["references"] == ours.users["references"]
    assert read_ai2_prompts(" \n") == ours


def test_a_prompt_is_named_after_its_text() -> None:
    """The same text under another file's roof is the same prompt; line ends of Windows are none."""
    one, other = read_ai2_prompts(THEIRS), read_ai2_prompts(THEIRS.replace("\n", "\r\n").replace("Is {this}", "Is it"))
    assert one.id("recall") == other.id("recall")
    assert one.id("repetition") != other.id("repetition")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[recall]", "[recal]", r"there is no table \[recall\]; write \[recall\] and user = "),
        ("{transcripts}", "them", r"\[consistency\] has no {transcripts}"),
        ("Caption: {caption}", "", r"\[recall\] has no {caption}"),
        ("[repetition]\nuser", "[repetition]\nsystem", r"\[repetition\] holds one text"),
        ("[repetition]", "more = 1\n[repetition]", r"\[consistency\] holds one text"),
        ("[statements]", "statements = 'x'\n[other]", r"no question is called \[other\]"),
        ("[statements]", "[statements", r"p\.toml: .*line 2"),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    """With the file, the table and what is wrong."""
    assert old in THEIRS
    (tmp_path / "p.toml").write_text(THEIRS.replace(old, new))
    with pytest.raises(BadSetting, match=told) as error:
        load_ai2_prompts(tmp_path / "p.toml")
    assert str(error.value).startswith(str(tmp_path / "p.toml"))
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Not there, or no text."""
    with pytest.raises(BadSetting, match="cannot be read"):
        load_ai2_prompts(tmp_path / "none.toml")
    (tmp_path / "p.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadSetting, match="is not UTF-8"):
        load_ai2_prompts(tmp_path / "p.toml")
