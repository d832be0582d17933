"""Answers from a model: greedy, sampled, by beams; with stop strings; token by token for who wants to watch.

B rows, W beams, N vocabulary
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from pixmo.errors import BadSetting, BadSource
from pixmo.molmo.cache import Cache
from pixmo.molmo.graph import Step, can_be_static
from pixmo.molmo.molmo import Molmo
from pixmo.molmo.molmo2 import Molmo2

Model = Molmo | Molmo2
Decode = Callable[[Sequence[int]], str]


@dataclass(frozen=True)
class Generation:
    """How to answer. Temperature 0 takes the best token each time."""

    ends: tuple[int, ...]  # tokens that end an answer, not part of it
    max_new_tokens: int = 448
    temperature: float = 0.0
    top_k: int = 0  # 0: all
    top_p: float = 1.0
    seed: int = 0
    beams: int = 1
    length_penalty: float = 1.0  # a beam's score is its log-probability over its length to this power
    stop: tuple[str, ...] = ()  # strings that end an answer, not part of it; need `decode`

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1 or self.beams < 1 or self.temperature < 0 or self.top_k < 0:
            raise BadSetting("max_new_tokens and beams are at least 1, temperature and top_k at least 0")
        if not 0 < self.top_p <= 1:
            raise BadSetting(f"top_p is above 0 and at most 1, not {self.top_p}")
        if self.beams > 1 and (self.temperature or self.stop):
            raise BadSetting("beams go with neither temperature nor stop strings")
        if "" in self.stop:
            raise BadSetting("an empty stop string would end every answer")


class Answer(NamedTuple):
    """What a model said to one row."""

    ids: list[int]
    text: str | None  # None without `decode`
    reason: Literal["end", "stop", "length"]
    score: float  # sum of the log-probabilities of its tokens, that of the end included; by beams over the length


def generate(model: Model, inputs: Mapping[str, Tensor], how: Generation, decode: Decode | None = None) -> list[Answer]:
    """The answers to a batch, in the order of its rows. Rows of unequal length are padded on the left."""
    if how.beams > 1:
        return _beams(model, inputs, how, decode)
    answers = [_Row(how, decode) for _ in inputs["input_ids"]]
    for said in _tokens(model, inputs, how, answers):
        for answer, token in zip(answers, said, strict=True):
            answer.take(*token)
    return [answer.answer() for answer in answers]


def stream(model: Model, inputs: Mapping[str, Tensor], how: Generation, decode: Decode) -> Iterator[str]:
    """The answer to a single row in pieces, each as soon as its characters are whole."""
    if len(inputs["input_ids"]) != 1 or how.beams > 1:
        raise BadSetting("a stream answers one row, without beams")
    row, given = _Row(how, decode), 0
    for said in _tokens(model, inputs, how, [row]):
        row.take(*said[0])
        text = row.answer().text or ""
        # What may still become a stop string, or is half of a character, waits for the next token.
        whole = len(text) if row.reason else len(text) - max(_tail(text, stop) for stop in (*how.stop, "\ufffd"))
        if whole > given:
            yield text[given:whole]
            given = whole
    text = row.answer().text or ""
    if text[given:]:
        yield text[given:]


def _tail(text: str, stop: str) -> int:
    """Length of the longest end of `text` that `stop` begins with."""
    return next((n for n in range(min(len(stop), len(text)), 0, -1) if text.endswith(stop[:n])), 0)


class _Row:
    """The answer to one row while it is made."""

    def __init__(self, how: Generation, decode: Decode | None) -> None:
        if how.stop and decode is None:
            raise BadSetting("stop strings need a tokenizer to decode with")
        self.how, self.decode = how, decode
        self.ids: list[int] = []
        self.score = 0.0
        self.reason: Literal["end", "stop", "length"] | None = None
        # A character has at most four bytes, a token at least one: the end of the text that can hold a stop string.
        self.window = 4 * max((len(stop) for stop in how.stop), default=0) + 1

    def take(self, token: int, score: float) -> None:
        """One more token, unless the answer is complete."""
        if self.reason is not None:
            return
        self.score += score
        if token in self.how.ends:
            self.reason = "end"
            return
        self.ids.append(token)
        if self.how.stop and self.decode is not None:
            recent = self.decode(self.ids[-self.window :])
            if any(stop in recent for stop in self.how.stop):
                self.reason = "stop"

    def answer(self) -> Answer:
        """As it stands."""
        text = None if self.decode is None else self.decode(self.ids)
        if text is not None and self.reason == "stop":
            text = text[: min(at for at in (text.find(stop) for stop in self.how.stop) if at >= 0)]
        return Answer(self.ids, text, self.reason or "length", self.score)


# --- one token after the other ---------------------------------------------------------------------------------------


def _begin(model: Model, inputs: Mapping[str, Tensor], how: Generation) -> tuple[Tensor, Cache, int]:
    """Logits (B, N) of the first new token, the filled cache, and how many tokens may follow."""
    ids = inputs["input_ids"]
    most = model.config.decoder.max_positions
    if ids.shape[1] >= most:
        raise BadSetting(f"the prompt has {ids.shape[1]} tokens; this model reads at most {most - 1} before it answers")
    if bool((ids[:, -1] == -1).any()):
        raise BadSetting("rows of unequal length are padded on the left before generating")
    device = model.decoder.embedding.base.device
    new = min(how.max_new_tokens, most - ids.shape[1])
    cache = model.cache(len(ids), ids.shape[1] + new)
    moved = {name: tensor.to(device) for name, tensor in inputs.items()}
    return model(**moved, cache=cache, last_only=True)[:, -1].to(device), cache, new


def _next(model: Model, cache: Cache, token_B: Tensor) -> Tensor:
    """Logits (B, N) after one more token, where the tokens are: the head may be on another device."""
    logits_B1N: Tensor = model(token_B[:, None], cache=cache)
    return logits_B1N[:, -1].to(token_B.device)


@torch.no_grad()
def _tokens(
    model: Model, inputs: Mapping[str, Tensor], how: Generation, rows: Sequence[_Row]
) -> Iterator[list[tuple[int, float]]]:
    """The next token of every row with its log-probability, until all rows are complete."""
    logits_BN, cache, new = _begin(model, inputs, how)
    random = torch.Generator(logits_BN.device).manual_seed(how.seed) if how.temperature else None
    step = Step(model, cache) if logits_BN.is_cuda and can_be_static(model, len(rows)) else None
    for number in range(new):
        logits_BN = logits_BN.float()
        if random is not None and not bool(logits_BN.isfinite().all()):
            raise _no_numbers()
        token_B = logits_BN.argmax(dim=-1) if random is None else _sampled(logits_BN, how, random)
        score_B = logits_BN.gather(1, token_B[:, None])[:, 0] - logits_BN.logsumexp(dim=-1)
        scores = score_B.tolist()
        if not all(map(math.isfinite, scores)):
            raise _no_numbers()
        yield list(zip(token_B.tolist(), scores, strict=True))
        if number + 1 == new or all(row.reason for row in rows):
            return
        logits_BN = _next(model, cache, token_B) if step is None else step(token_B)


def _no_numbers() -> BadSource:
    return BadSource(
        "the model answers with what is no number: its weights hold such, or their type is too narrow (try bfloat16)"
    )


def _sampled(logits_BN: Tensor, how: Generation, random: torch.Generator) -> Tensor:
    """One token per row from the softmax at a temperature, cut to the `top_k` best and the best `top_p` of the mass."""
    logits_BN = (logits_BN - logits_BN.amax(dim=-1, keepdim=True)) / max(how.temperature, 1e-30)  # the best stays 0
    if how.top_k:
        least_B1 = logits_BN.topk(min(how.top_k, logits_BN.shape[1]), dim=-1).values[:, -1:]
        logits_BN = logits_BN.masked_fill(logits_BN < least_B1, float("-inf"))
    if how.top_p < 1:
        sorted_BN, order_BN = logits_BN.sort(dim=-1, descending=True)
        share_BN = sorted_BN.softmax(dim=-1)
        beyond_BN = share_BN.cumsum(dim=-1) - share_BN >= how.top_p  # the first is never beyond
        logits_BN = logits_BN.masked_fill(beyond_BN.gather(1, order_BN.argsort(dim=-1)), float("-inf"))
    return torch.multinomial(logits_BN.softmax(dim=-1), 1, generator=random)[:, 0]


# --- beams -----------------------------------------------------------------------------------------------------------


class _Beam(NamedTuple):
    """A way to answer, complete or not."""

    ids: list[int]
    total: float  # of log-probabilities


class _Search:
    """The beams of one row: those going on, and the best that have ended."""

    def __init__(self, how: Generation) -> None:
        self.how = how
        self.live = [_Beam([], 0.0)] + [_Beam([], float("-inf"))] * (how.beams - 1)
        self.ended: list[tuple[float, list[int], bool]] = []  # score, ids, whether by an end token
        self.done = False

    def score(self, total: float, length: int) -> float:
        """What beams are compared by; `length` counts the end token."""
        return float(total / length**self.how.length_penalty)

    def advance(self, candidates: Sequence[tuple[float, int, int]]) -> tuple[list[int], list[int]]:
        """Take the best continuations (total, beam, token), best first; returns whose state and which token go on."""
        live: list[_Beam] = []
        parents = []
        for rank, (total, beam, token) in enumerate(candidates):
            ids = self.live[beam].ids
            if token in self.how.ends:
                if rank < self.how.beams:
                    self._end(self.score(total, len(ids) + 1), ids, True)
            elif len(live) < self.how.beams:
                live.append(_Beam([*ids, token], total))
                parents.append(beam)
        self.live = live
        best = self.score(live[0].total, len(live[0].ids))
        # No beam going on can still win, as far as its score at its present length tells.
        self.done = self.done or (len(self.ended) == self.how.beams and self.ended[-1][0] >= best)
        return parents, [beam.ids[-1] for beam in live]

    def _end(self, score: float, ids: list[int], by_end: bool) -> None:
        if not self.done:
            self.ended = sorted([*self.ended, (score, ids, by_end)], key=lambda e: -e[0])[: self.how.beams]

    def answer(self, decode: Decode | None) -> Answer:
        """The best of all."""
        for beam in self.live:
            self._end(self.score(beam.total, len(beam.ids)), beam.ids, False)
        score, ids, by_end = self.ended[0]
        return Answer(ids, None if decode is None else decode(ids), "end" if by_end else "length", score)


@torch.no_grad()
def _beams(model: Model, inputs: Mapping[str, Tensor], how: Generation, decode: Decode | None) -> list[Answer]:
    logits_BN, cache, new = _begin(model, inputs, how)
    searches = [_Search(how) for _ in logits_BN]
    cache.select(torch.arange(len(searches), device=logits_BN.device).repeat_interleave(how.beams))
    logits_BN = logits_BN.repeat_interleave(how.beams, dim=0)
    for number in range(new):
        tops = _continuations(logits_BN, searches, how)
        parents, tokens = [], []
        for row, (search, top) in enumerate(zip(searches, tops, strict=True)):
            beams, said = search.advance(top)
            parents += [row * how.beams + beam for beam in beams]
            tokens += said
        if number + 1 == new or all(search.done for search in searches):
            break
        cache.select(torch.tensor(parents, device=logits_BN.device))
        logits_BN = _next(model, cache, torch.tensor(tokens, device=logits_BN.device))
    return [search.answer(decode) for search in searches]


def _continuations(
    logits_BN: Tensor, searches: Sequence[_Search], how: Generation
) -> list[list[tuple[float, int, int]]]:
    """For each row its best continuations (total, beam, token): as many as leave enough when the ends are taken out."""
    N = logits_BN.shape[1]
    so_far = torch.tensor([[beam.total for beam in search.live] for search in searches], device=logits_BN.device)
    total = logits_BN.float().log_softmax(dim=-1).view(len(searches), how.beams, N) + so_far[..., None]
    if not bool(logits_BN.isfinite().all()):
        raise _no_numbers()
    best = total.flatten(1).topk(min((1 + len(how.ends)) * how.beams, how.beams * N), dim=-1)
    return [
        [(value, index // N, index % N) for value, index in zip(values, indices, strict=True)]
        for values, indices in zip(best.values.tolist(), best.indices.tolist(), strict=True)
    ]
