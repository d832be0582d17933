"""Turns written for models, and as cap-qa publishes them."""

from __future__ import annotations

import pytest

from pixmo.errors import BadRecord
from pixmo.text.messages import Layout, Message, Role, laid_out, media_marks, messages_of, question_of


def test_the_user_speaks_first_then_by_turns():
    """Even turns are the user's."""
    told = messages_of(["a", "b", "c"])
    assert told == [Message(Role.USER, "a"), Message(Role.ASSISTANT, "b"), Message(Role.USER, "c")]


def test_molmo1_has_roles_and_spaces():
    """Before the first turn only if asked for; without roles the turns are as they are."""
    turns = ["What?", "This.", "And?"]
    assert laid_out(turns, Layout.ROLE) == [" User: What? Assistant:", " This.", " User: And? Assistant:"]
    assert laid_out(turns, Layout.ROLE, always_start_with_space=False)[0] == "User: What? Assistant:"
    assert laid_out(turns, Layout.NONE) == [" What?", " This.", " And?"]


def test_molmo2_chats():
    """Put behind each other the turns are what the released models' template renders, but for its stray space."""
    rendered = media_marks(1) + "".join(laid_out(["Hi?"], Layout.CHAT))
    assert rendered == "<|image|><|im_start|>user\nHi?<|im_end|>\n<|im_start|>assistant\n"
    history = "".join(laid_out(["Q1", "A1", "Q2"], Layout.CHAT))
    assert history == (
        "<|im_start|>user\nQ1<|im_end|>\n<|im_start|>assistant\nA1<|im_end|>\n"
        "<|im_start|>user\nQ2<|im_end|>\n<|im_start|>assistant\n"
    )


def test_molmo2_numbers_its_pictures_where_there_are_several():
    """One has no number, and a video has a mark of its own."""
    assert media_marks(2) == "Image 1<|image|>Image 2<|image|>"
    assert (media_marks(), media_marks(1), media_marks(video=True)) == ("", "<|image|>", "<|video|>")


@pytest.mark.parametrize(
    "turns", [[], ["a"], ["a", "b", "c"], ["", "b"], [" a", "b"], ["[USER]", "b"], ["a", "x[ASSISTANT]", "c", "d"]]
)
def test_turns_that_would_not_come_back_are_refused(turns):
    """Unanswered, empty, with white space around, or with a mark inside."""
    with pytest.raises(BadRecord):
        question_of(turns)
