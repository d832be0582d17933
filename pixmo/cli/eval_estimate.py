"""What judging would cost: a pilot of about 20 questions is really asked, and the rest follows from the lengths of the texts.

Tokens are taken to be linear in the length of what a question is made of: its fixed part and its slope are fitted to the pilot, for each
kind of question, in and out. Answers of the pilot are in the journal, so the run does not ask them again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.dataset as pd

from pixmo.cli.printing import many, told
from pixmo.engines.chat.settings import ChatSettings
from pixmo.errors import PixmoError
from pixmo.run.folder import Folder
from pixmo.run.job import Effort, run_recipe
from pixmo.run.recipe import Recipe
from pixmo.stages._judging import MOST_CHARS

PILOT_CALLS = 20
FEWEST_PICTURES = 3  # else nothing can be fitted
DRAWS, LOW, HIGH = 200, 10, 90  # of the pilot's rows, for the range told
Row = Mapping[str, Any]  # Any: column values


class Kind(NamedTuple):
    """One kind of question: the columns that tell its tokens, and what its lengths go with, in and out."""

    column: str
    size_in: Callable[[Row, Row], float]
    size_out: Callable[[Row, Row], float]
    once_per_picture: bool = False


def _caption(row: Row) -> float:
    return len(row["caption"] or "")


def _transcripts(row: Row) -> float:
    return sum(map(len, row["transcripts"] or ()))


def _facts(row: Row, ratios: Row) -> float:
    """The human statements: as they are, else as long as the pilot's were beside their transcripts."""
    given = row["given_statements"]
    return sum(map(len, given)) if given is not None else ratios["facts"] * _transcripts(row)


KINDS = {
    "state_references": Kind("reference", lambda r, k: _transcripts(r), lambda r, k: _transcripts(r), True),
    "state_caption": Kind("statements", lambda r, k: _caption(r), lambda r, k: _caption(r)),
    "judge_recall": Kind("recall", lambda r, k: _caption(r) + _facts(r, k), _facts),
    "judge_consistency": Kind("consistency", lambda r, k: _transcripts(r) + k["said"] * _caption(r), lambda r, k: _caption(r)),
    "judge_repetition": Kind("repetition", lambda r, k: _caption(r), lambda r, k: 0.0),
}  # fmt: skip


@dataclass(frozen=True)
class Told:
    """The cost of judging; `low` and `high` are the range of `usd` over pilots drawn anew from this one."""

    rows: int
    pilot_rows: int
    pilot_questions: int
    tokens_in: int
    tokens_out: int
    usd: float | None
    low: float | None
    high: float | None


def print_estimate(recipe: Recipe, source: Any, out: Path, effort: Effort, as_json: bool) -> int:  # Any: a JudgedSource
    """Asks the pilot and tells. The exit code."""
    found = estimate(recipe, source, out, effort)
    if as_json:
        print(told(asdict(found)))
        return 0
    print(
        f"{many(found.rows, 'caption')} to judge; {many(found.pilot_questions, 'question')} about {found.pilot_rows} of them asked as a pilot; all would take"
    )
    print(f"  about {found.tokens_in:,} tokens in, {found.tokens_out:,} out")
    if found.usd is None:
        print("  dollars are not known: give --usd-per-mtok-in and --usd-per-mtok-out")
    else:
        print(
            f"  about {found.usd:.2f} USD ({found.low:.2f} to {found.high:.2f}); --budget-usd stops before it is passed"
        )
    return 0


def estimate(recipe: Recipe, source: Any, out: Path, effort: Effort) -> Told:  # Any: as above
    """What all questions would take, from a pilot that is asked now and kept in the store of OUT."""
    pilot = _pilot(recipe, source, out, effort)
    rows = [row for batch in source.batches() for row in _plain(batch)]
    seen = {(row["picture"], row["model"]): row for row in rows}
    known = [{**row, **seen[row["picture"], row["model"]]} for row in pilot]
    stage = next(s.stage for s in recipe.steps if getattr(s.stage, "asks", "") == "chat")
    settings = ChatSettings(**stage.chat_settings())
    uses = {s.use: s.stage.is_ai2 for s in recipe.steps if s.use in KINDS}
    asked = sum(1 for use in uses for row in known if row.get(f"{KINDS[use].column}_tokens_in"))
    if not asked:
        raise PixmoError(
            "no question of the pilot was answered, so nothing can be said of the others; look at --base-url and --judge"
        )
    tokens_in, tokens_out = _total(uses, known, rows)
    usd = settings.usd(tokens_in, tokens_out)
    low, high = _range(settings, uses, known, rows) if usd is not None else (None, None)
    return Told(len(rows), len(known), asked, tokens_in, tokens_out, usd, low, high)


def _pilot(
    recipe: Recipe, source: Any, out: Path, effort: Effort
) -> list[dict[str, Any]]:  # Any: as above; column values
    """The judged rows of a few pictures: the first of the sample, which is drawn by chance."""
    uses = [
        s.use for s in recipe.steps if s.use in KINDS and (s.use != "judge_repetition" or s.stage.repetition == "judge")
    ]
    models = max(1, len(source.models))
    per_picture = sum(1 if KINDS[use].once_per_picture else models for use in uses) or 1
    pictures = min(source.pictures, max(FEWEST_PICTURES, PILOT_CALLS // per_picture))
    store = effort.store or Folder(out).store_path()
    with tempfile.TemporaryDirectory(prefix="pixmo-pilot-") as folder:
        small = replace(recipe, source={**recipe.source, "sample": pictures})
        run_recipe(small, Path(folder) / "out", replace(effort, store=store, quiet=True))
        table = pd.dataset(Path(folder) / "out" / "data", format="parquet").to_table()
        return [row for row in table.to_pylist() if row is not None]


def _plain(batch: Any) -> list[dict[str, Any]]:  # Any: a RecordBatch; column values
    names = [n for n in ("picture", "model", "caption", "transcripts", "given_statements") if n in batch.schema.names]
    rows: list[dict[str, Any]] = batch.select(names).to_pylist()
    return rows


def is_asked(use: str, is_ai2: bool, row: Row) -> bool:
    """Whether a row's question is sent: none is about what is empty, given, or too long to send."""
    given, caption = row["given_statements"], _caption(row)
    is_spoken_of = 0 < _transcripts(row) <= MOST_CHARS
    if use == "state_references":
        return given is None and is_spoken_of
    if (use == "judge_consistency" or (use == "judge_recall" and given is None)) and not is_spoken_of:
        return False
    return caption <= MOST_CHARS and (caption > 0 or is_ai2)


def _total(uses: Mapping[str, bool], pilot: Sequence[Row], rows: Sequence[Row]) -> tuple[int, int]:
    """(tokens in, tokens out) of all rows; `uses` are the stages, and whether they are of protocol ai2."""
    ratios = {
        "facts": _ratio(pilot, "reference_statements", _transcripts),
        "said": _ratio(pilot, "statements", _caption),
    }
    total = [0.0, 0.0]
    for use, is_ai2 in uses.items():
        kind = KINDS[use]
        asked = [row for row in pilot if row.get(f"{kind.column}_tokens_in")]
        if not asked:
            continue
        over = list({row["picture"]: row for row in rows}.values()) if kind.once_per_picture else rows
        over = [row for row in over if is_asked(use, is_ai2, row)]
        for side, name, size in ((0, "tokens_in", kind.size_in), (1, "tokens_out", kind.size_out)):
            x = np.array([size(row, ratios) for row in asked])
            y = np.array([row[f"{kind.column}_{name}"] or 0 for row in asked], float)
            base, slope = line_through(x, y)
            total[side] += base * len(over) + slope * sum(size(row, ratios) for row in over)
    return round(total[0]), round(total[1])


def line_through(x: Any, y: Any) -> tuple[float, float]:  # Any: arrays
    """(base, slope) of the line nearest to the points; level where they show no slope, and never falling."""
    spread = ((x - x.mean()) ** 2).sum()
    slope = ((x - x.mean()) * (y - y.mean())).sum() / spread if spread > 0 else 0.0
    slope = max(0.0, slope)
    base = y.mean() - slope * x.mean()
    if base < 0:  # through the origin then: no question is shorter than nothing
        return 0.0, y.mean() / x.mean()
    return base, slope


def _ratio(pilot: Sequence[Row], column: str, size: Callable[[Row], float]) -> float:
    whole = sum(size(row) for row in pilot)
    return sum(sum(map(len, row.get(column) or ())) for row in pilot) / whole if whole else 1.0


def _range(
    settings: ChatSettings, uses: Mapping[str, bool], pilot: Sequence[Row], rows: Sequence[Row]
) -> tuple[float, float]:
    chance = np.random.default_rng(0)
    some = rows if len(rows) <= 500 else [rows[i] for i in chance.choice(len(rows), 500, replace=False)]
    drawn = []
    for _ in range(DRAWS):
        again = [pilot[i] for i in chance.integers(0, len(pilot), len(pilot))]
        usd = settings.usd(*_total(uses, again, some))
        assert usd is not None
        drawn.append(usd * len(rows) / len(some))
    low, high = np.percentile(drawn, [LOW, HIGH])
    return float(low), float(high)
