"""Find captions that repeat themselves: by the share of what is said again, or by asking a judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from pixmo.ask import Answer, ChatOutcome
from pixmo.engines.chat.question import ChatQuestion
from pixmo.errors import BadSetting
from pixmo.judge.ai2 import is_repeating
from pixmo.judge.reading import read_repetition
from pixmo.stage import World, meaning
from pixmo.stages._judging import (
    EMPTY_CAPTION,
    MOST_CHARS,
    TOO_LONG,
    USED,
    JudgeStage,
    outcome_of,
    rows_of,
    said_by,
    usage_of,
)
from pixmo.text.caption_checks import repeated_share, sentences_of

RULE, JUDGE = "rule", "judge"
PREFIX = "repetition"
ADDS = pa.schema(
    [("repeated_share", pa.float64()), ("is_repeating", pa.bool_())]
    + [(f"{PREFIX}_{name}", pa.string()) for name in ("by", "outcome", "detail")]
    + [(f"{PREFIX}_{name}", kind) for name, kind in USED]
)


@dataclass(frozen=True)
class JudgeRepetition(JudgeStage):
    """The share is always told. By rule a caption repeats itself when the share is above `max_repeated`, and nobody is asked."""

    ask_name: ClassVar[str] = "repetition"

    repetition: str = meaning("rule", "who decides: rule, by the share that is said again, or judge")
    max_repeated: float = meaning(0.2, "most of a caption that may be said again, as a share; for the rule")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.repetition not in (RULE, JUDGE):
            raise BadSetting(f"repetition {self.repetition!r} is none of {RULE}, {JUDGE}")
        if not 0 <= self.max_repeated <= 1:
            raise BadSetting(f"max_repeated must be a share from 0 to 1, not {self.max_repeated!r}")

    @property
    def needs(self) -> pa.Schema:
        """The caption."""
        return pa.schema([("caption", pa.string())])

    @property
    def adds(self) -> pa.Schema:
        """The share, the verdict, and how it came about."""
        return ADDS

    def content(self) -> list[str]:
        """The prompt, where it is used."""
        return super().content() if self.repetition == JUDGE else []

    def check(self) -> None:
        """As all judges, where one is asked."""
        if self.repetition == JUDGE:
            super().check()

    def questions(self, batch: pa.RecordBatch) -> list[ChatQuestion]:
        """What is asked over these rows, in order."""
        return [self._question(caption) for caption in _captions(batch) if not self._instead(caption)]

    def check_answer(self, question: ChatQuestion, text: str) -> str:
        """Why a text is no verdict, for one repair; '' when it is one."""
        return "" if self.is_ai2 else _fault(text)

    async def __call__(self, batch: pa.RecordBatch, world: World) -> pa.RecordBatch:
        """One verdict per caption."""
        asked = self.questions(batch)
        answers = iter(await world.ask("chat", asked) if asked else ())
        told = [self._told(c, [] if self._instead(c) else [next(answers)]) for c in _captions(batch)]
        return pa.RecordBatch.from_pylist(told, ADDS)

    def _instead(self, caption: str) -> str:
        """Why nobody is asked; '' to ask."""
        if self.repetition == RULE:
            return RULE
        if len(caption) > MOST_CHARS:
            return TOO_LONG
        return "" if caption.strip() or self.is_ai2 else EMPTY_CAPTION

    def _question(self, caption: str) -> ChatQuestion:
        return self.free_question(caption=caption) if self.is_ai2 else self.question({"caption": caption})

    def _told(self, caption: str, answers: list[Answer[Any]]) -> dict[str, Any]:  # Any: column values
        share = repeated_share(sentences_of(caption))
        told = usage_of(answers, PREFIX) | {"repeated_share": share, "is_repeating": None}
        instead = self._instead(caption)
        if instead == RULE:
            return told | {"is_repeating": share > self.max_repeated, f"{PREFIX}_by": RULE}
        if instead:
            return told | {f"{PREFIX}_outcome": instead, "is_repeating": False if instead == EMPTY_CAPTION else None}
        outcome, detail = outcome_of(answers)
        if outcome == ChatOutcome.OK:
            said = said_by(answers[0])
            fault = "" if self.is_ai2 else _fault(said)
            verdict = is_repeating(said) if self.is_ai2 else None if fault else read_repetition(said)
            told["is_repeating"] = verdict
            if verdict is None:
                outcome, detail = str(ChatOutcome.UNPARSABLE), fault or "it says neither yes nor no"
        return told | {f"{PREFIX}_outcome": outcome, f"{PREFIX}_detail": detail}


def _captions(batch: pa.RecordBatch) -> list[str]:
    return [row["caption"] or "" for row in rows_of(batch)]


def _fault(text: str) -> str:
    try:
        read_repetition(text)
    except ValueError as error:
        return str(error)
    return ""
