"""What a judge said of a caption, and what a model predicted, beside the truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pixmo.storage.export.meanings_judge import JUDGED
from pixmo.text.molmo1 import parse_points
from pixmo.view.card_pieces import Block, Compared, Conversation, Expression, Frame, Judged, Mark, Text, Verdicts
from pixmo.view.card_records import Gathered

VERDICTS = frozenset(JUDGED)
PREDICTION = "prediction"
_LISTS = (
    ("statements", "consistency_verdicts", "What the caption says: does it agree with what people said?"),
    ("reference_statements", "recall_verdicts", "What people said: does the caption tell it?"),
)
_TRUTHS = ("answer", "caption", "truth", "reference", "ground_truth", "label")


def verdicts_of(columns: Mapping[str, Any]) -> list[Verdicts]:  # Any: column values
    """Statements with their verdicts, as `pixmo eval caption` leaves them: a list per repeat, or one list."""
    found = []
    for texts_name, name, head in _LISTS:
        texts, verdicts = columns.get(texts_name), columns.get(name)
        if isinstance(texts, list) and texts and isinstance(verdicts, list):
            repeats = verdicts if verdicts and isinstance(verdicts[0], list) else [verdicts]
            said = [
                Judged(str(text), tuple(str(r[n]) for r in repeats if isinstance(r, list) and n < len(r)))
                for n, text in enumerate(texts)
            ]
            found.append(Verdicts(head, tuple(said), frozenset({texts_name, name})))
    return found


class Predicted(NamedTuple):
    """What a model said: beside the truth, and the points in it."""

    blocks: list[Block]
    expressions: list[Expression]


def predicted(
    columns: Mapping[str, Any], told: Gathered, frame_of: Callable[[int], Frame | None]
) -> Predicted:  # Any: column values
    """The column `prediction`, if there is one. Points in it are read as Molmo writes them."""
    said = columns.get(PREDICTION)
    if not isinstance(said, str):
        return Predicted([], [])
    mine, truth = frozenset({PREDICTION}), _truth(columns, told)
    block: Block = Compared("Prediction", said, (("Truth", truth),), mine) if truth else Text("Prediction", said, mine)
    pairs = parse_points(said) if told.expressions and len(said) < 1_000_000 else []
    marks = tuple(Mark(x, y, n) for n, (x, y) in enumerate(pairs, 1))
    drawn = [Expression("prediction", marks, len(marks), is_predicted=True)] if marks else []
    return Predicted([block], drawn)


def _truth(columns: Mapping[str, Any], told: Gathered) -> str:  # Any: column values
    for block in told.blocks:
        if isinstance(block, Conversation) and block.turns:
            return block.turns[-1]
        if isinstance(block, Compared | Text):
            return block.body
    if told.expressions:
        return ""
    return next((v for name in _TRUTHS if isinstance(v := columns.get(name), str) and v), "")
