"""What one question took so far: tries, tokens, money. It becomes the facts of the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pixmo.engines.chat.question import ChatQuestion
from pixmo.engines.chat.settings import ChatSettings
from pixmo.engines.chat.wire import Completion, parameters


@dataclass(slots=True)
class Ledger:
    """Filled while a question is asked; tokens that the endpoint does not tell make all of them unknown."""

    settings: ChatSettings
    tries: int = 0
    repaired: bool = False
    tokens_in: int | None = 0
    tokens_out: int | None = 0
    cost: float = 0.0  # USD, of what the endpoint told
    unsure: float = 0.0  # USD, the worst case of what it did not tell: time-outs, spoiled answers

    def paid(self, completion: Completion, worst: float) -> float:
        """Enters a completion; what it costs, at `worst` where the endpoint does not say."""
        n_in, n_out = completion.tokens_in, completion.tokens_out
        self.tokens_in = None if n_in is None or self.tokens_in is None else self.tokens_in + n_in
        self.tokens_out = None if n_out is None or self.tokens_out is None else self.tokens_out + n_out
        if n_in is None or n_out is None:
            return self.unsure_of(worst)
        usd = self.settings.usd(n_in, n_out) or 0.0
        self.cost += usd
        return usd

    def unsure_of(self, worst: float) -> float:
        """Enters a request that may have been charged."""
        self.unsure += worst
        return worst

    def facts(self, question: ChatQuestion, completion: Completion | None) -> dict[str, Any]:
        """Plain JSON for the journal."""
        priced = self.settings.usd(0, 0) is not None
        told: dict[str, Any] = {
            "model": self.settings.model,
            "prompt": question.prompt,
            "params": parameters(self.settings)
            | {"structured": self.settings.structured if question.schema else "none"},
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "cost_usd": self.cost if priced else None,
            "tries": self.tries,
            "repaired": self.repaired,
        }
        if self.unsure and priced:
            told["unsure_usd"] = self.unsure
        if completion is None:
            return told
        return told | {
            "text": completion.text,
            "model": completion.model or self.settings.model,
            "finish_reason": completion.finish_reason,
            "request_id": completion.request_id,
            "system_fingerprint": completion.system_fingerprint,
        }
