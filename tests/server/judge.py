"""A judge whose verdicts are known beforehand: `answer` for a ChatServer, by rule, with noise and faults of known rate.

    with ChatServer(answer=Judge(noise=0.1, faults={"missing": 0.05})) as server: …

It reads its questions as a model would: by the prompt, and the data in the user's message (protocol `pixmo`, any of the ways a
schema is enforced), or by the text of `prompts` (protocol `ai2`).

- The statements of a caption, or of transcripts, are their sentences, without full stop; equal ones once.
- A statement is stated when the caption contains it (in any case of letters).
- A statement is consistent when a transcript contains it, inconsistent when a transcript contains `not: ` and the statement,
  else the judge cannot tell. (With `ai2`: "Not enough information".) For video: stated, or not.
- A caption repeats itself when two of its sentences are equal.

`noise` is the share of verdicts turned into their opposite (`cannot_tell` stays); drawn from the seed, the question, the statement
and the seed or count of the request, so the same in every process. `faults` are shares of verdicts that are `missing`, `doubled`,
under an `unknown` id, or of a wrong `label`; `prose` is the share of answers that are no JSON at all.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from functools import cached_property
from typing import Any

from pixmo.judge.ai2 import statements_of
from pixmo.judge.ai2_prompts import Ai2Prompts, placeholders, read_ai2_prompts
from pixmo.judge.asks import ASKS, CATEGORIES, Ask
from pixmo.judge.prompt import told_data
from pixmo.records.judgement import Verdict
from pixmo.text.caption_checks import sentences_of

Body = dict[str, Any]  # Any: as it comes over the wire
OPPOSITE = {Verdict.YES: Verdict.NO, Verdict.NO: Verdict.YES, Verdict.CANNOT_TELL: Verdict.CANNOT_TELL}
AI2_WORDS = {
    "recall": {Verdict.YES: "Stated", Verdict.NO: "Not Stated"},
    "consistency": {
        Verdict.YES: "Consistent",
        Verdict.NO: "Inconsistent",
        Verdict.CANNOT_TELL: "Not enough information",
    },
}


def plain(text: str) -> str:
    """For comparing: without case, outer space and full stop."""
    return text.strip().rstrip(".").casefold()


def facts_in(text: str) -> list[str]:
    """The statements of a text: its sentences, equal ones once."""
    found: dict[str, str] = {}
    for sentence in sentences_of(text):
        found.setdefault(plain(sentence), sentence.strip().rstrip("."))
    return [s for s in found.values() if s]


def is_stated(statement: str, caption: str) -> bool:
    """Whether the caption contains it."""
    return plain(statement) in caption.casefold()


def consistency_of(statement: str, transcripts: list[str]) -> Verdict:
    """What the transcripts say of it."""
    said = "\n".join(transcripts).casefold()
    if f"not: {plain(statement)}" in said:
        return Verdict.NO
    return Verdict.YES if plain(statement) in said else Verdict.CANNOT_TELL


class Judge:
    """See the module. Callable with the body of a request."""

    def __init__(
        self,
        *,
        noise: float = 0.0,
        faults: dict[str, float] | None = None,
        seed: int = 0,
        prompts: Ai2Prompts | None = None,
    ) -> None:
        self.noise, self.faults, self.seed = noise, faults or {}, seed
        self.prompts = prompts or read_ai2_prompts("")
        self._asked: Counter[str] = Counter()

    def __call__(self, body: Body) -> str:
        messages = body["messages"]
        if messages[0]["role"] != "system":
            return self._free_text(messages[0]["content"])
        kind, name, ask = self._asks[messages[0]["content"]]
        question = "\n".join(m["content"] for m in messages[1:])
        draw = f"{self.seed}/{question}/{self._nth(question, body)}"
        if random.Random(f"{draw}/prose").random() < self.faults.get("prose", 0.0):
            return "Let me think about these statements one by one."
        data = told_data(messages[1]["content"])
        if name == "repetition":
            return json.dumps({"is_repeating": self._repeats(data["caption"])})
        if not ask.labels:
            texts = data["transcripts"] if name == "references" else [data["caption"]]
            return json.dumps({"statements": list(self._statements(texts, ask))})
        return json.dumps({"verdicts": self._verdicts(kind, name, ask, data, draw)})

    @cached_property
    def _asks(self) -> dict[str, tuple[str, str, Ask]]:
        """By what the system says. The same question may belong to pictures and to videos."""
        return {ask.prompt.system: (kind, name, ask) for kind, asks in ASKS.items() for name, ask in asks.items()}

    def _nth(self, question: str, body: Body) -> str:
        if body.get("seed") is not None:
            return f"seed {body['seed']}"
        self._asked[question] += 1
        return str(self._asked[question])

    def _statements(self, texts: list[str], ask: Ask) -> Any:
        for n, text in enumerate(facts_in(" ".join(texts))):
            category = {"category": CATEGORIES[n % len(CATEGORIES)]} if ask.has_categories else {}
            yield {"text": text} | category

    def _verdicts(self, kind: str, name: str, ask: Ask, data: dict[str, Any], draw: str) -> list[dict[str, str]]:
        words = {verdict: word for word, verdict in ask.labels.items()}
        found = []
        for statement in data["statements"]:
            at, chance = statement["id"], random.Random(f"{draw}/{statement['id']}")
            if name == "recall" or kind == "video":
                caption = data["caption"] if name == "recall" else " ".join(data["transcripts"])
                verdict = Verdict.YES if is_stated(statement["text"], caption) else Verdict.NO
            else:
                verdict = consistency_of(statement["text"], data["transcripts"])
            word = words[self._noisy(verdict, chance)]
            fault = self._fault(chance)
            one = {"id": f"x{at}" if fault == "unknown" else at, "verdict": "maybe" if fault == "label" else word}
            found += [] if fault == "missing" else [one, one] if fault == "doubled" else [one]
        return found

    def _noisy(self, verdict: Verdict, chance: random.Random) -> Verdict:
        return OPPOSITE[verdict] if chance.random() < self.noise else verdict

    def _fault(self, chance: random.Random) -> str:
        at = chance.random()
        for fault in ("missing", "doubled", "unknown", "label"):
            if (at := at - self.faults.get(fault, 0.0)) < 0:
                return fault
        return ""

    @staticmethod
    def _repeats(caption: str) -> bool:
        told = [plain(s) for s in sentences_of(caption)]
        return len(set(told)) < len(told)

    # protocol ai2

    def _free_text(self, text: str) -> str:
        name, told = next((n, found) for n in AI2_ORDER if (found := self._told(n, text)) is not None)
        if name == "repetition":
            return "Yes" if self._repeats(told["caption"]) else "No"
        if name in ("statements", "references"):
            facts = facts_in(told["caption"] if name == "statements" else told["transcripts"])
            return "\n".join(f"{n}. {fact}" for n, fact in enumerate(facts, 1))
        self._asked[text] += 1
        chance = random.Random(f"{self.seed}/{text}/{self._asked[text]}")
        lines = []
        for number, statement in enumerate(statements_of(told["statements"]), 1):
            if name == "recall":
                verdict = Verdict.YES if is_stated(statement, told["caption"]) else Verdict.NO
            else:
                verdict = consistency_of(statement, [told["transcripts"]])
            lines.append(f"{number}. {AI2_WORDS[name][self._noisy(verdict, chance)]}")
        return "\n".join(lines)

    def _told(self, name: str, text: str) -> dict[str, str] | None:
        """The values that stand in a prompt in place of its placeholders; None for the text of another prompt."""
        parts = re.split("{(" + "|".join(placeholders(name)) + ")}", self.prompts.users[name])
        pattern = "".join(f"(?P<{part}>.*)" if n % 2 else re.escape(part) for n, part in enumerate(parts))
        found = re.fullmatch(pattern, text, re.DOTALL)
        return found.groupdict() if found else None


AI2_ORDER = ("recall", "consistency", "statements", "references", "repetition")
