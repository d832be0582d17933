"""How well a model tells what a set says: cross-entropy and accuracy on its tokens, in all, by style and by row.

B rows, T tokens, L tokens that are learned, N vocabulary
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pixmo.dataset.rows import Rows
from pixmo.dataset.rows_chunk import Row
from pixmo.errors import BadRecord, BadSource, UnknownName
from pixmo.evaluate.statistics.formulas import mean
from pixmo.evaluate.statistics.resample import SAMPLES, Estimate, Floats, estimate, resampled
from pixmo.molmo.folder import Ready
from pixmo.molmo.loss import Z_LOSS
from pixmo.molmo.molmo import Molmo
from pixmo.molmo.molmo2 import Molmo2
from pixmo.molmo.processor import SHARED, Inputs, Processor
from pixmo.molmo.processor2 import Processor2
from pixmo.text.prompts_naming import Naming
from pixmo.text.prompts_records import examples_of
from pixmo.train.examples import Draw, Example, Examples, Texts
from pixmo.train.settings import Source

READ_ROWS = 256  # at a time
WINDOW = 4  # batches whose rows are sorted by length
MOST_DRAWN = 10**8  # rows times samples of an interval
CHUNK = 512  # tokens whose logits are held at once
OF_ALL = ""
LEARNED = ("labels", "loss_masks")


class Charged(NamedTuple):
    """What a model is charged for each learned token of a batch, row after row; `row_L` is the row a token stands in."""

    row_L: Tensor
    ce_L: Tensor
    z_L: Tensor
    right_L: Tensor  # 1 where the best guess is the label
    weight_L: Tensor


@torch.no_grad()
def charged(model: Molmo | Molmo2, batch: Inputs) -> Charged:
    """The charges of a training batch, on the CPU, without weights; never more than `CHUNK` tokens' logits are held."""
    device = model.decoder.embedding.base.device
    inputs: dict[str, Any] = {name: value.to(device) for name, value in batch.items()}  # Any: tensors
    labels_BT, weights_BT = (inputs.pop(name) for name in LEARNED)
    is_learned_BT = weights_BT > 0
    states_BTM = model.states(**inputs)
    found = []
    chunks = (torch.split(x, CHUNK) for x in (states_BTM[is_learned_BT], labels_BT[is_learned_BT]))
    for states_LM, labels in zip(*chunks, strict=True):
        logits_LN = model.decoder.logits(states_LM).float()
        labels = labels.to(logits_LN.device)
        sums = logits_LN.logsumexp(dim=-1)
        ce = sums - logits_LN.gather(-1, labels[:, None])[:, 0]
        found.append(torch.stack([ce, Z_LOSS * sums.square(), (logits_LN.argmax(dim=-1) == labels).float()]))
    ce_L, z_L, right_L = torch.cat(found, dim=1).cpu()
    return Charged(is_learned_BT.nonzero()[:, 0].cpu(), ce_L, z_L, right_L, weights_BT[is_learned_BT].cpu())


class Line(NamedTuple):
    """One style of one row: how many tokens, and sums of what they cost, weighted as the model was trained but for `plain`."""

    row: str
    style: str
    tokens: int
    plain: float  # cross-entropy without weights
    weight: float
    ce: float
    z: float
    right: float

    @property
    def loss(self) -> float:
        """Mean cross-entropy of its tokens."""
        return self.plain / self.tokens


@dataclass(frozen=True)
class Scored:
    """A model on a set: a line per row and style, in the order of the rows."""

    lines: tuple[Line, ...]
    left_out: dict[str, str]  # row → why nothing of it was scored
    cut: int  # rows of which only what stands within the context was scored

    @property
    def rows(self) -> int:
        """How many rows were scored."""
        return len({line.row for line in self.lines})

    def reasons(self) -> dict[str, int]:
        """How many rows were left out by reason, the most frequent first."""
        return dict(Counter(why.removeprefix(f"row {row}: ") for row, why in self.left_out.items()).most_common())


@dataclass(frozen=True)
class Figures:
    """The figures of a style, or of all: means over tokens with the weights of training, intervals over rows."""

    rows: int
    tokens: int
    loss: Estimate
    accuracy: Estimate
    z_loss: float
    perplexity: float  # of a token, without weights


def score(
    ready: Ready,
    source: Source,
    *,
    limit: int | None = None,
    batch: int = 8,
    loaders: int = 2,
    seed: int = 0,
    on_rows: Callable[[int, int], None] = lambda done, of: None,
) -> Scored:
    """Charge a model for every row of a set, in the words of epoch 0, in batches of like lengths.

    `limit`: only so many rows, the first. `on_rows` hears how many rows are done, of how many. Raises BadSource when nothing of the
    set can be scored, UnknownName for a style that its rows do not have.
    """
    styled = Styled(source, ready.processor, context=ready.model.config.decoder.max_positions, seed=seed)
    rows = styled.examples.rows[:limit]
    styled.require_styles(rows)
    lines: dict[int, list[Line]] = {}
    left_out: dict[str, str] = {}
    done = cut = 0
    with ThreadPoolExecutor(loaders) as threads:
        for draws in _windows(rows, batch * WINDOW):
            made = list(threads.map(styled.made, draws))
            left_out |= {draw.row.id: told for draw, told in zip(draws, made, strict=True) if isinstance(told, str)}
            found = sorted((each for each in made if not isinstance(each, str)), key=_length)
            cut += sum(_length(each) == styled.context for each in found)
            for at in range(0, len(found), batch):
                lines |= _scored(ready, found[at : at + batch])
            done += len(draws)
            on_rows(done, len(rows))
    if not lines:
        reason = next(iter(left_out.values()))
        raise BadSource(f"{source.path}: none of its {len(left_out)} rows can be scored: {reason}")
    return Scored(tuple(line for number in sorted(lines) for line in lines[number]), left_out, cut)


def figures(scored: Scored, samples: int = SAMPLES, seed: int = 0) -> dict[str, Figures]:
    """The figures of all under `OF_ALL`, then of each style. Rows are drawn for the intervals, styles of a row together."""
    places = {row: place for place, row in enumerate(dict.fromkeys(line.row for line in scored.lines))}
    styles = (OF_ALL, *sorted({line.style for line in scored.lines}))
    sums = {style: np.zeros((len(places), 6)) for style in styles}
    for line in scored.lines:
        for style in (OF_ALL, line.style):
            sums[style][places[line.row]] += (line.ce, line.right, line.z, line.weight, line.plain, line.tokens)
    blocks = {(style, at): rows[:, (at, 3)] for style, rows in sums.items() for at in (0, 1)}
    drawn = resampled(blocks, max(100, min(samples, MOST_DRAWN // len(places))), seed)
    return {
        style: _figures(sums[style], *(estimate(blocks[style, at], drawn[style, at], mean) for at in (0, 1)))
        for style in styles
    }


def _figures(sums: Floats, loss: Estimate, accuracy: Estimate) -> Figures:
    _, _, z, weight, plain, tokens = sums.sum(axis=0).tolist()
    rows = int(np.count_nonzero(sums[:, 5]))
    return Figures(rows, int(tokens), loss, accuracy, z / weight, math.exp(min(plain / tokens, 700)))


class Styled:
    """The rows of a source as sequences that know the style of each of their annotations."""

    def __init__(
        self,
        source: Source,
        processor: Processor | Processor2,
        *,
        context: int,
        seed: int,
        naming: Naming | None = None,
    ) -> None:
        """`naming`: what stands before each question, instead of what the source's prompts say."""
        self.context, self._naming = context, naming
        self._make = partial(Examples, processor=processor, context=context, seed=seed)
        self.examples = self._named(self._make(source))
        self._by_style: dict[str, Examples] = {}

    def require_styles(self, rows: Rows) -> None:
        """Raises UnknownName for a style of the source that none of the rows has; reads their records, and only where styles are named."""
        wanted = self.examples.source.styles
        known = {style for row in rows for style in _styles(row)} if wanted else set()
        for style in wanted:
            if style not in known:
                raise UnknownName("style", style, known, self.examples.source.path)

    def example(self, draw: Draw) -> tuple[Example, list[str]]:
        """The sequence of a row, and the style of each of its annotations. Raises BadRecord where it cannot be learned."""
        told: list[tuple[str, list[str]]] = []
        reason = "nothing is known to ask about it"
        for style in self.examples.source.styles or _styles(draw.row):
            try:
                told += [(style, turns) for turns in self._of(style).texts(draw)]
            except BadRecord as error:
                reason = str(error)
        if not told:
            raise BadRecord(reason)
        texts: Texts = [turns for _, turns in told]
        return self.examples.example(draw, texts), [style for style, _ in told]

    def _of(self, style: str) -> Examples:
        if style not in self._by_style:
            source = replace(self.examples.source, styles=(style,))
            self._by_style[style] = self._named(self._make(source, rows=self.examples.rows))
        return self._by_style[style]

    def _named(self, examples: Examples) -> Examples:
        if self._naming is not None:
            examples.prompts = replace(examples.prompts, naming=self._naming)
        return examples

    def made(self, draw: Draw) -> tuple[Example, list[str]] | str:
        """As `example`; instead of an error its words."""
        try:
            return self.example(draw)
        except BadRecord as error:
            return str(error)


def _styles(row: Row) -> list[str]:
    """What the records of a row are asked in, in their order; nothing for a row that is no record."""
    try:
        return list(dict.fromkeys(each.style for record in row.records for each in examples_of(record) if each.style))
    except BadRecord:
        return []


def _windows(rows: Rows, size: int) -> Iterator[list[Draw]]:
    for start in range(0, len(rows), READ_ROWS):
        numbers = range(start, min(start + READ_ROWS, len(rows)))
        draws = [Draw(row, at) for row, at in zip(rows.take(numbers, pictures=True), numbers, strict=True)]
        yield from (draws[at : at + size] for at in range(0, len(draws), size))


def _length(made: tuple[Example, list[str]]) -> int:
    return len(made[0].inputs["input_ids"])


def _scored(ready: Ready, some: Sequence[tuple[Example, list[str]]]) -> dict[int, list[Line]]:
    """The lines of the rows of one batch, by the row's number."""
    found = charged(ready.model, ready.processor.training_batch([example.inputs for example, _ in some]))
    lines: dict[int, list[Line]] = {}
    for at, (example, styles) in enumerate(some):
        here = found.row_L == at
        style_L = _annotation(example.inputs)
        for style in dict.fromkeys(styles):
            is_of = torch.tensor([styles[int(i)] == style for i in style_L])
            ce, z, right, weight = (x[here][is_of].double() for x in found[1:])
            if len(ce):  # none where the context ended before
                sums = (float(x.sum()) for x in (ce, weight, ce * weight, z * weight, right * weight))
                lines.setdefault(example.number, []).append(Line(example.row, style, len(ce), *sums))
    return lines


def _annotation(inputs: Inputs) -> Tensor:
    """Of each learned token, which annotation it belongs to."""
    is_learned_T = inputs["loss_masks"] > 0
    if "subsegment_ids" not in inputs:
        return torch.zeros(int(is_learned_T.sum()), dtype=torch.long)
    segments_T = inputs["subsegment_ids"]
    return (segments_T - segments_T[segments_T != SHARED].min())[is_learned_T]
