"""Three questions to a set, each answered by a small training run.

Can a batch of it be learned by heart? Do its pictures tell something about its captions? Which rows cost a model most that was trained on
the others? Each training run is a *piece*, kept under a key of everything it was made from: a probe that was stopped goes on with the next.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from pixmo.errors import BadFolder, BadSource, UnknownName
from pixmo.evaluate.statistics.formulas import mean
from pixmo.evaluate.statistics.paired import p_value
from pixmo.evaluate.statistics.resample import Estimate, Floats, estimate, resampled
from pixmo.ids import digest_of, short
from pixmo.molmo.folder import weights_digest
from pixmo.molmo.processor import Inputs
from pixmo.storage.lock import locked
from pixmo.storage.publish import is_temporary, publish_bytes, publishing, sweep
from pixmo.text.prompts_naming import Naming
from pixmo.train.probe_fit import Learner, costs
from pixmo.train.probe_page import Suspect, page_of, words_of
from pixmo.train.probe_sample import Sample, dealt, halves, order
from pixmo.train.probe_settings import PIECES, Probe
from pixmo.train.score import Styled
from pixmo.train.score_report import plain_estimate, version_here

VERSION = 1  # of the way pieces are made
BATCH, GOAL = 8, 0.05  # rows learned by heart, and the loss at which they are
FEWEST = 16  # rows and pictures, of which each half gets some
TOP = 24  # rows shown
SURE = 0.99  # of a verdict about pictures: a set is asked once, and chance has many sets
TELLS, NO_DIFFERENCE, WORSE, NOT_MEASURED = (
    "pictures tell about captions",
    "no difference measured",
    "worse",
    "not measured",
)
LEARNED, NOT_LEARNED = "learned by heart", "not learned by heart"
Plain = dict[str, Any]  # JSON
OnStep = Callable[[str, int, int, float], None]
"""Hears the piece, the step, the steps of the piece at most, and the loss."""


class Piece(NamedTuple):
    """One training run: the loss of its steps, what each learned token of the rows it is asked about costs, and that with another's picture."""

    curve: list[float]
    seconds: float
    own: dict[int, list[float]]
    other: dict[int, list[float]]


def probe(
    settings: Probe,
    out: Path,
    only: Sequence[str] = tuple(PIECES),
    *,
    device: torch.device | str = "cpu",
    on_step: OnStep = lambda piece, step, steps, loss: None,
) -> Plain:
    """Answers the questions of `only` and those answered before; writes probe.html, rows.parquet and, last, probe.json into `out`.

    Raises UnknownName for another question, BadSource for a set or model that cannot be probed, BadFolder for a folder of something else.
    """
    for name in only:
        if name not in PIECES:
            raise UnknownName("question", name, PIECES)
    _require_ours(out)
    learner = Learner(
        settings.model, torch.device(device), steps=settings.steps, rate=settings.rate, seed=settings.seed
    )
    # with lengths told, as captioners are trained, rows could be learned by heart from the question alone
    styled = Styled(
        settings.source, learner.processor, context=learner.context, seed=settings.seed, naming=Naming.STYLE
    )
    styled.require_styles(styled.examples.rows)
    sample = Sample(styled, settings.rows, settings.seed)
    with locked(out, str(out)):
        sweep(out)
        run = _Run(settings, out, learner, sample, on_step)
        asked = [name for name in PIECES if name in only or all(run.path(piece).is_file() for piece in PIECES[name])]
        if set(asked) - {"overfit"}:
            _require_halves(settings, sample)
        answers: Plain = {name: _ANSWERS[name](run) for name in asked}
        results = _about(settings, run) | answers
        suspects = run.suspects(results["suspicious"]["rows"]) if "suspicious" in results else []
        if run.table:
            _write_rows(out / "rows.parquet", run.table)
        publish_bytes(out / "probe.html", page_of(results, suspects).encode())
        publish_bytes(out / "probe.json", (json.dumps(results, indent=1, ensure_ascii=False) + "\n").encode())
        run.forget_others()
    return results


_OURS = {"lock", "pieces", "probe.json", "probe.html", "rows.parquet"}


class _Run:
    """A sample, and the pieces that are made from it."""

    def __init__(self, settings: Probe, out: Path, learner: Learner, sample: Sample, on_step: OnStep) -> None:
        self.settings, self.learner, self.sample, self._on_step = settings, learner, sample, on_step
        self.halves = halves(sample.pictures, settings.seed)
        self.said = [each.said for each in sample.told]
        self.table: list[Plain] = []
        made_of = {"version": VERSION, "sample": sample.digest(), "model": _model_digest(settings.model)}
        steps = {
            name: value for name, value in asdict(settings).items() if name in ("steps", "batch_size", "rate", "seed")
        }
        self._folder, self._key = out / "pieces", short(digest_of(made_of | steps))

    def path(self, piece: str) -> Path:
        """Where a piece is kept."""
        return self._folder / f"{piece}.{self._key}.json"

    def piece(self, name: str) -> Piece:
        """A piece, made now unless it is there."""
        path = self.path(name)
        if not path.is_file():
            made = self._batch() if name == "batch" else self._half(name)
            publish_bytes(path, json.dumps(made._asdict()).encode())
        told = json.loads(path.read_bytes())
        own, other = ({int(row): costs for row, costs in told[side].items()} for side in ("own", "other"))
        return Piece(told["curve"], told["seconds"], own, other)

    def deal(self, rows: Sequence[int], seed: int) -> dict[int, int] | None:
        """For each of some rows another of them, which says something else; None where too many say the same."""
        gets = dealt([self.said[row] for row in rows], seed)
        return None if gets is None else {row: rows[at] for row, at in zip(rows, gets, strict=True)}

    def forget_others(self) -> None:
        """Removes pieces made from something else."""
        for path in self._folder.glob("*.json"):
            if path.name.split(".")[-2] != self._key:
                path.unlink()

    def suspects(self, top: Sequence[Plain]) -> list[Suspect]:
        """The rows on top, with picture and words."""
        places = {each.id: row for row, each in enumerate(self.sample.told)}
        costs = self.piece("true-0").own | self.piece("true-1").own
        found = []
        for told in top:
            row = places[told["row_id"]]
            inputs = self.sample.inputs(row, row)
            ids = inputs["labels"][inputs["loss_masks"] > 0].tolist()
            words = words_of(self.learner.processor.tokens, ids, costs[row])
            found.append(Suspect(told, self.sample.told[row].draw.row, words))
        return found

    def _batch(self) -> Piece:
        rows = range(min(BATCH, len(self.sample)))
        whole = self.sample.batch(rows, rows)
        begun = monotonic()
        model, curve = self.learner.fit([lambda: whole] * self.settings.steps, self._heard("batch"), GOAL)
        return _piece(curve, begun, costs(model, rows, lambda some: self.sample.batch(some, some)), {})

    def _half(self, name: str) -> Piece:
        """Trained on one half, true or shuffled; asked about the other, with the rows' own pictures and with others'."""
        number = int(name[-1])
        learned, asked = self.halves[number], self.halves[1 - number]
        says = self.deal(learned, self.settings.seed) if name.startswith("shuffled") else {row: row for row in learned}
        if says is None:
            raise BadSource(_too_alike(learned))
        begun = monotonic()

        def batch(rows: Sequence[int]) -> Callable[[], Inputs]:
            return lambda: self.sample.batch(rows, [says[row] for row in rows])

        plan = order(learned, self.settings.steps, self.settings.batch_size, self.settings.seed)
        model, curve = self.learner.fit([batch(rows) for rows in plan], self._heard(name))
        own = costs(model, asked, lambda some: self.sample.batch(some, some))
        shown = self.deal(asked, self.settings.seed + 1) or {}
        other = costs(model, list(shown), lambda some: self.sample.batch([shown[row] for row in some], some))
        return _piece(curve, begun, own, other)

    def _heard(self, piece: str) -> Callable[[int, float], None]:
        return lambda step, loss: self._on_step(piece, step, self.settings.steps, loss)


def _overfit(run: _Run) -> Plain:
    """Whether a batch was learned by heart, and where it was not, what still costs something and why that may be."""
    piece = run.piece("batch")
    rows = {row: sum(own) / len(own) for row, own in piece.own.items()}
    is_learned = piece.curve[-1] < GOAL
    left = sorted((row for row in rows if rows[row] >= GOAL and not is_learned), key=lambda row: -rows[row])
    return {
        "verdict": LEARNED if is_learned else NOT_LEARNED,
        "loss": round(piece.curve[-1], 6),
        "goal": GOAL,
        "rows": len(rows),
        "steps": len(piece.curve),
        "seconds": piece.seconds,
        "left": [
            {
                "row_id": run.sample.told[row].id,
                "loss": round(rows[row], 6),
                "why": _why(run, row, list(rows), piece.curve),
            }
            for row in left
        ],
        "curve": piece.curve,
    }


def _why(run: _Run, row: int, batch: Sequence[int], curve: Sequence[float]) -> str:
    """Why a row may not have been learned by heart."""
    seen = run.sample.inputs(row, row).get("images")
    for other in batch:
        theirs = run.sample.inputs(other, other).get("images")
        if run.said[other] != run.said[row] and seen is not None and theirs is not None and torch.equal(seen, theirs):
            return f"row {run.sample.told[other].id} shows the same picture and says something else"
    quarter = max(1, len(curve) // 4)
    if np.mean(curve[-quarter:]) < 0.9 * np.mean(curve[-2 * quarter : -quarter]):
        return "its loss was still falling: give it more --steps"
    if len(run.said[row]) > 2 * np.median([len(run.said[each]) for each in batch]):
        return "it says more than twice as much as the others: give it more --steps"
    return "nothing about it is strange: another --rate may do"


def _shuffle(run: _Run) -> Plain:
    """Whether pictures tell about captions.

    Two models trained from the same weights in the same order differ by chance even where pictures tell nothing: in three of eight
    such sets their losses on the same rows differed by more than a 95 % interval over rows allows. So each is measured against itself:
    how much more a held-out caption costs it beside another row's picture than beside its own. In a set whose pictures tell nothing
    that is 0 but for the draw of rows, whatever the training did.
    """
    learned, asked = run.halves
    if run.deal(learned, run.settings.seed) is None or run.deal(asked, run.settings.seed + 1) is None:
        return {"verdict": NOT_MEASURED, "why": _too_alike(learned), "held_out": len(asked)}
    true, shuffled = run.piece("true-0"), run.piece("shuffled-0")
    columns = {
        "gained": _columns(run, (true.other, true.own), (shuffled.other, shuffled.own)),
        "gained_true": _columns(run, (true.other, true.own)),
        "gained_shuffled": _columns(run, (shuffled.other, shuffled.own)),
        "difference": _columns(run, (shuffled.own, true.own)),
    }
    drawn = resampled(columns, seed=run.settings.seed)
    found = {name: estimate(columns[name], drawn[name], mean, SURE) for name in columns}
    gained = columns["gained"][:, :1]
    p = p_value(
        np.concatenate([np.zeros_like(gained), gained], axis=1), lambda sums: sums[..., 0], seed=run.settings.seed
    )
    return {
        "verdict": _verdict(found["gained"], p),
        "p": round(p, 6),
        "held_out": len(asked),
        "trained_on": len(learned),
        **{name: plain_estimate(each) for name, each in found.items()},
        "loss_true": round(_mean(true.own), 6),
        "loss_shuffled": round(_mean(shuffled.own), 6),
        "seconds": round(true.seconds + shuffled.seconds, 1),
        "curves": {"true": true.curve, "shuffled": shuffled.curve},
    }


def _columns(run: _Run, *signed: tuple[Mapping[int, Sequence[float]], Mapping[int, Sequence[float]]]) -> Floats:
    """(pictures, 2): first less second, less the same of a second pair, and the tokens; rows of a picture are summed."""
    sums: dict[int, list[float]] = {}
    for row in signed[0][0]:
        one, *rest = (sum(first[row]) - sum(second[row]) for first, second in signed)
        there = sums.setdefault(run.sample.pictures[row], [0.0, 0.0])
        there[0] += one - sum(rest)
        there[1] += len(signed[0][0][row])
    return np.array(list(sums.values()))


def _verdict(gained: Estimate, p: float) -> str:
    """A difference has to be beyond its interval and beyond chance.

    Intervals from few rows, some of which differ greatly, miss 0 too often; swapping the two pictures of a row is exact there.
    """
    if gained.low is None or gained.high is None or gained.low <= 0 <= gained.high or p >= 1 - SURE:
        return NO_DIFFERENCE
    return TELLS if gained.low > 0 else WORSE


def _suspicious(run: _Run) -> Plain:
    """The rows with the highest loss by the model that did not see them, for their style."""
    first, second = run.piece("true-0"), run.piece("true-1")
    for half, piece in ((1, first), (0, second)):
        for row, own in piece.own.items():
            told = run.sample.told[row]
            other = piece.other.get(row)
            beside = None if other is None else sum(other) / len(other)
            line = {"row_id": told.id, "style": told.style, "half": half, "tokens": len(own)}
            run.table.append(line | {"loss": sum(own) / len(own), "loss_beside_another": beside})
    _with_z(run.table)
    run.table.sort(key=lambda line: (-line["z"], -line["loss"], line["row_id"]))
    top = [{name: _rounded(value) for name, value in line.items()} for line in run.table[:TOP]]
    return {
        "scored": len(run.table),
        "loss": round(_mean(first.own | second.own), 6),
        "rows": top,
        "seconds": round(first.seconds + second.seconds, 1),
    }


def _with_z(lines: Sequence[Plain]) -> None:
    """How many deviations a row's loss lies above the mean of the rows of its style, scored by the same model."""
    groups: dict[tuple[str, int], list[Plain]] = {}
    for line in lines:
        groups.setdefault((line["style"], line["half"]), []).append(line)
    for group in groups.values():
        losses = np.array([line["loss"] for line in group])
        spread = float(losses.std()) or 1.0
        for line in group:
            line["z"] = (line["loss"] - float(losses.mean())) / spread


_ANSWERS: Mapping[str, Callable[[_Run], Plain]] = {"overfit": _overfit, "shuffle": _shuffle, "suspicious": _suspicious}


def is_bad(results: Plain) -> bool:
    """Whether a verdict is bad."""
    told = [results[name]["verdict"] for name in ("overfit", "shuffle") if name in results]
    return any(verdict not in (LEARNED, TELLS) for verdict in told)


def _about(settings: Probe, run: _Run) -> Plain:
    sample = run.sample
    told = {
        name.rstrip("_"): value for name, value in asdict(settings).items() if name not in ("data", "model") and value
    }
    return {
        "pixmo": version_here(),
        "data": Path(settings.data).name,
        "model": Path(settings.model).name if settings.model else "from scratch",
        "settings": told,
        "rows": len(sample),
        "pictures": len(set(sample.pictures)),
        "cut": sample.cut,
        "context": run.learner.context,
        "left_out": sample.left_out,
    }


def _require_ours(out: Path) -> None:
    if out.exists() and not (out.is_dir() and all(each.name in _OURS or is_temporary(each) for each in out.iterdir())):
        raise BadFolder(f"{out}: not a folder of a probe; name a new one")


def _require_halves(settings: Probe, sample: Sample) -> None:
    pictures = len(set(sample.pictures))
    if pictures < FEWEST:
        raise BadSource(
            f"{settings.data}: {len(sample)} rows with {pictures} different pictures; two halves need {FEWEST} at least "
            "(--only overfit needs one)"
        )


def _too_alike(rows: Sequence[int]) -> str:
    return f"more than half of {len(rows)} captions say the same: there is nothing to shuffle"


def _piece(curve: Sequence[float], begun: float, own: dict[int, list[float]], other: dict[int, list[float]]) -> Piece:
    own, other = ({row: [round(x, 5) for x in costs] for row, costs in each.items()} for each in (own, other))
    return Piece([round(x, 6) for x in curve], round(monotonic() - begun, 1), own, other)


def _mean(costs: Mapping[int, Sequence[float]]) -> float:
    tokens = sum(map(len, costs.values()))
    return sum(map(math.fsum, costs.values())) / tokens


def _rounded(value: Any) -> Any:  # Any: JSON
    return round(value, 6) if isinstance(value, float) else value


def _model_digest(folder: str) -> str:
    return weights_digest(folder) if folder else "scratch"


def _write_rows(path: Path, lines: Sequence[Plain]) -> None:
    with publishing(path) as temporary:
        pq.write_table(pa.Table.from_pylist(list(lines)), temporary, compression="zstd")
