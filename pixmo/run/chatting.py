"""A language model behind the journal: one client for all questions of a stage, opened when the first is asked."""

from __future__ import annotations

from functools import partial
from typing import Any

from pixmo.ask import Answer
from pixmo.engines.chat.budget import Budget
from pixmo.engines.chat.engine import ChatEngine
from pixmo.engines.chat.question import ChatQuestion
from pixmo.engines.chat.settings import ChatSettings
from pixmo.ids import Digest
from pixmo.stage import AnyStage


class Chatting:
    """Answers `chat` for one stage; its `check_answer(question, text)` says what is wrong with an answer, for one repair."""

    def __init__(self, stage: AnyStage) -> None:
        self._stage = stage
        self._engine = ChatEngine(ChatSettings(**stage.chat_settings()))
        self._is_open = False

    patience_s = 20.0  # what is in flight may have been paid

    @property
    def budget(self) -> Budget:
        """What was spent, of what may be."""
        return self._engine.budget

    @property
    def width(self) -> int:
        """As many at once as the engine wants to have at hand."""
        return self._engine.width

    def key(self, question: ChatQuestion) -> Digest:
        """Of the model and all that changes its answers, and of the question."""
        return self._engine.key(question)

    async def ask(self, question: ChatQuestion) -> Answer[Any]:
        """The model's text, with what it cost."""
        if not self._is_open:
            self._is_open = True
            await self._engine.__aenter__()
        return about(question, await self._engine.ask(question, partial(self._stage.check_answer, question)))

    async def close(self) -> None:
        """Closes the client."""
        if self._is_open:
            await self._engine.__aexit__(None, None, None)


def about(question: ChatQuestion, answer: Answer[Any]) -> Answer[Any]:
    """The answer with what it is about, so that it can be forgotten."""
    told = {"about": list(question.about)} if question.about else {}
    return Answer(answer.outcome, answer.value, answer.detail, {**(answer.facts or {}), **told}, answer.cost)


def chat_key(stage: AnyStage, question: ChatQuestion) -> Digest:
    """The name of a question, without asking."""
    return ChatEngine(ChatSettings(**stage.chat_settings())).key(question)
