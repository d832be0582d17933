"""Conversations that stand inside questions, as in cap-qa."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.errors import BadRecord
from pixmo.records.qa import QuestionAnswer
from pixmo.text.messages import conversation_of, first_difference, question_of
from pixmo.text.prompts_examples import Conversation
from pixmo.text.prompts_records import examples_of


def qa(question, answer="An answer.", messages=None):
    """A row of a question set."""
    return QuestionAnswer(question=question, answer=answer, messages=messages)


def test_a_conversation_is_read_from_its_question():
    """Each turn without the white space around it, then the answer as published."""
    record = qa("[USER] What is it? [ASSISTANT] A lamp.\n[USER]Is it on?[ASSISTANT]", " Yes. ")
    assert conversation_of(record) == ("What is it?", "A lamp.", "Is it on?", " Yes. ")


def test_a_plain_question_is_one_turn():
    """As it was published, brackets and all."""
    record = qa(" What does [X] mean? ")
    assert conversation_of(record) == (" What does [X] mean? ", "An answer.")


@pytest.mark.parametrize(
    "question",
    [
        "[USER] a",
        "[USER] a [ASSISTANT] b",
        "[USER] [ASSISTANT]",
        "a [ASSISTANT]",
        "[USER] a [USER] b [ASSISTANT]",
        "[USER]",
    ],
)
def test_marks_without_a_conversation_are_refused(question):
    """What has marks is never taken for a plain question."""
    with pytest.raises(BadRecord, match="question is no conversation"):
        conversation_of(qa(question))


def test_messages_that_agree_with_the_question():
    """There is no difference, nor where a revision has no messages."""
    question = "[USER] What is it? [ASSISTANT] A lamp. [USER] On? [ASSISTANT]"
    assert first_difference(qa(question, "Yes.", ("What is it?", "A lamp.", "On?", "Yes."))) is None
    assert first_difference(qa(question, "Yes.")) is None


@pytest.mark.parametrize(
    ("messages", "told"),
    [(("Q", "B"), 1), (("q", "A"), 0), (("Q",), 1), (("Q", "A", "more"), 2), ((), 0)],
)
def test_messages_that_differ_from_the_question(messages, told):
    """The first turn that is another, is missing, or is too many."""
    assert first_difference(qa("[USER] Q [ASSISTANT]", "A", messages)) == told


@given(
    st.lists(st.sampled_from(["[USER]", "[ASSISTANT]", " ", "a", "[", "\n"]), max_size=12).map("".join),
    st.text(max_size=3),
)
def test_any_question_is_a_conversation_or_a_bad_record(question, answer):
    """The answer comes last, the turns are even in number, and nothing else is raised."""
    try:
        turns = conversation_of(qa(question, answer))
    except BadRecord:
        return
    assert turns[-1] == answer
    assert len(turns) % 2 == 0
    assert turns == (question, answer) or not any(
        mark in turn for turn in turns[:-1] for mark in ("[USER]", "[ASSISTANT]")
    )


def text():
    """A turn that can stand between marks."""
    plain = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1).map(str.strip)
    return plain.filter(lambda t: t and "[USER]" not in t and "[ASSISTANT]" not in t)


@given(st.lists(st.tuples(text(), text()), min_size=1, max_size=4))
def test_a_conversation_comes_back_from_its_question(pairs):
    """Written as cap-qa publishes it and read again."""
    turns = [turn for pair in pairs for turn in pair]
    question, answer = question_of(turns)
    assert conversation_of(qa(question, answer)) == tuple(turns)


def test_a_conversation_is_asked_turn_by_turn():
    """In the style of answers that a model made."""
    talk = qa("[USER] a [ASSISTANT] b [USER] c [ASSISTANT]", "d")
    assert examples_of(talk) == [Conversation(style="synthetic_qa", messages=("a", "b", "c", "d"))]


def test_a_conversation_that_cannot_be_read_is_not_asked():
    """It is a bad record."""
    with pytest.raises(BadRecord, match="no conversation"):
        examples_of(qa("[USER] a", "b"))
