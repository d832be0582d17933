"""A language model behind the journal: one client for all stages that ask it, opened when the first question comes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from pixmo.ask import Answer
from pixmo.engines.chat.budget import Budget
from pixmo.engines.chat.engine import ChatEngine, Check
from pixmo.engines.chat.question import ChatQuestion
from pixmo.engines.chat.settings import ChatSettings
from pixmo.errors import PixmoError
from pixmo.ids import Digest
from pixmo.stage import AnyStage


class Desk:
    """One model for all stages that ask it with the same settings: they share its places, its pace and its budget."""

    def __init__(self, settings: ChatSettings) -> None:
        self.engine = ChatEngine(settings)
        self._is_open = False

    async def ask(self, question: ChatQuestion, check: Check) -> Answer[Any]:
        """The model's text, with what it cost."""
        if not self._is_open:
            self._is_open = True
            await self.engine.__aenter__()
        return await self.engine.ask(question, check)

    async def close(self) -> None:
        """Closes the client."""
        if self._is_open:
            self._is_open = False
            await self.engine.__aexit__(None, None, None)


class Chatting:
    """Answers `chat` for one stage; its `check_answer(question, text)` says what is wrong with an answer, for one repair.

    A stage with `replay` may use only what was answered before; one with `kept_answer(question)` may know an answer from elsewhere.
    """

    def __init__(self, stage: AnyStage, desk: Desk) -> None:
        self._stage, self._desk = stage, desk
        self._may_ask = not getattr(stage, "replay", False)
        self._kept = kept_answers(stage)

    def __repr__(self) -> str:
        return f"Chatting({self._desk.engine!r})"

    patience_s = 20.0  # what is in flight may have been paid

    @property
    def budget(self) -> Budget:
        """What was spent, of what may be."""
        return self._desk.engine.budget

    @property
    def width(self) -> int:
        """As many at once as the engine wants to have at hand."""
        return self._desk.engine.width

    def key(self, question: ChatQuestion) -> Digest:
        """Of the model and all that changes its answers, and of the question."""
        return self._desk.engine.key(question)

    async def ask(self, question: ChatQuestion) -> Answer[Any]:
        """The model's text, with what it cost."""
        kept = self._kept(question)
        if kept is not None:
            return about(question, kept)
        if not self._may_ask:
            raise NotAnswered(
                f"no answer is at hand for {self.key(question)[:12]}… and --replay asks nobody: give the same predictions, references, "
                "model, address and settings as in the run that is replayed, or leave --replay out"
            )
        return about(question, await self._desk.ask(question, partial(self._stage.check_answer, question)))

    async def close(self) -> None:
        """Nothing: the desk is closed when all who share it are done."""


class NotAnswered(PixmoError):
    """A question that was never asked, where nothing may be asked."""


def kept_answers(stage: AnyStage) -> Callable[[ChatQuestion], Answer[Any] | None]:
    """Answers that another tool kept in a folder, for stages that know such a folder (`ai2_cache`)."""
    folder = getattr(stage, "ai2_cache", "")
    if not folder:
        return lambda question: None
    from pixmo.run.ai2_answers import Ai2Answers

    return Ai2Answers(Path(folder), stage.chat_settings()["model"]).get


def about(question: ChatQuestion, answer: Answer[Any]) -> Answer[Any]:
    """The answer with what it is about, so that it can be forgotten."""
    told = {"about": list(question.about)} if question.about else {}
    return Answer(answer.outcome, answer.value, answer.detail, {**(answer.facts or {}), **told}, answer.cost)


def chat_key(stage: AnyStage, question: ChatQuestion) -> Digest:
    """The name of a question, without asking."""
    return ChatEngine(ChatSettings(**stage.chat_settings())).key(question)
