"""What is told of an evaluation: results.json, scores.parquet, lines for a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pixmo.evaluate.tasks.report_page import report_page
from pixmo.evaluate.tasks.run import AVERAGE, OF_ALL, Line, Model, Results
from pixmo.evaluate.tasks.truth import SHOWN
from pixmo.storage.publish import publish_bytes, publishing

GROUPS_TOLD = 24  # of one field, in a terminal; results.json has all
WIDEST_ID = 120


def write_report(out: Path, results: Results) -> None:
    """Writes results.json, scores.parquet and report.html into the folder; results.json comes last."""
    _write_scores(out / "scores.parquet", results)
    publish_bytes(out / "report.html", report_page(results).encode())
    told = json.dumps(as_json(results), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    publish_bytes(out / "results.json", told.encode())


def as_json(results: Results) -> dict[str, Any]:  # Any: plain JSON
    """Everything but the single answers, stamped with what it was made of; no clock and no path of this machine."""
    from pixmo import __version__

    settings = results.settings
    return {
        "pixmo": __version__,
        "task": results.task.name,
        "scoring": "official" if settings.legacy else "corrected",
        "truth": {
            "name": results.truth,
            "digest": results.digest,
            "examples": len(results.examples),
            "pictures": results.pictures,
            "id": list(results.key),
        }
        | ({"origin": dict(results.origin)} if results.origin else {}),
        "intervals": {"level": 0.95, "method": "BCa over pictures", "samples": results.samples, "seed": settings.seed},
        "allow_missing": settings.allow_missing,
        "models": {model.answers.model: _model(model) for model in results.models},
    }


def _model(model: Model) -> dict[str, Any]:
    by: dict[str, dict[str, Any]] = {}
    for line in model.lines:
        field, value = line.group
        if line.group != OF_ALL and value != AVERAGE:
            by.setdefault(field, {}).setdefault(value, {})[line.score] = _line(line)
    scores = {line.score: _line(line) for line in model.lines if line.group == OF_ALL}
    scores |= {averaged(line): _line(line) for line in model.lines if line.group[1] == AVERAGE}
    return {
        "digest": model.answers.digest,
        "answers": sum(text is not None for text in model.answers.texts),
        "missing": len(model.answers.missing),
        "missing_first": [i[:WIDEST_ID] for i in model.answers.missing[:SHOWN]],
        "empty": model.answers.empty,
        "scores": scores,
        "by": by,
    }


def averaged(line: Line) -> str:
    """The name of a plain mean over the values of a field."""
    return f"{line.score}_by_{line.group[0]}"


def _line(line: Line) -> dict[str, Any]:
    value, low, high = (None if x is None else round(x, 6) + 0.0 for x in line.estimate)
    return {"value": value, "low": low, "high": high, "n": line.n}


def _write_scores(path: Path, results: Results) -> None:
    """A row an answer: whose, of which example, what was said and read, every score, the groups."""
    with publishing(path) as temporary, pq.ParquetWriter(temporary, _schema(results), compression="zstd") as writer:
        for model in results.models:
            writer.write_table(_table(results, model))


def _schema(results: Results) -> pa.Schema:
    words = [(name, pa.string()) for name in ("model", "id", "picture", "prediction", "read_as", "truth")]
    scores = [(name, pa.float64()) for name in results.task.scores]
    groups = [(f"by_{field.name}", pa.list_(pa.string())) for field in results.task.groups]
    return pa.schema([*words, *scores, *groups])


def _table(results: Results, model: Model) -> pa.Table:
    rows = []
    for example, text, scored in zip(results.examples, model.answers.texts, model.scored, strict=True):
        row: dict[str, Any] = {
            "model": model.answers.model,
            "id": example.id,
            "picture": example.picture,
            "prediction": text,
            "read_as": scored.read_as if scored else None,
            "truth": told_truth(example.truth),
        }
        row |= dict(zip(results.task.scores, scored.scores if scored else (), strict=False))
        row |= {f"by_{f.name}": [v for name, v in example.groups if name == f.name] for f in results.task.groups}
        rows.append(row)
    return pa.Table.from_pylist(rows, _schema(results))


def told_truth(truth: dict[str, Any]) -> str:
    """What was right, as JSON; masks are told by their number, for they are long."""
    kept = {
        k: (f"{len(v)} masks" if k == "masks" and v is not None else v) for k, v in truth.items() if k != "question"
    }
    return json.dumps({k: v for k, v in kept.items() if v is not None}, ensure_ascii=False)


def table_lines(results: Results) -> Iterator[str]:
    """The scores for a terminal: models below each other, then each breakdown; what is missing is said first."""
    settings = results.settings
    scoring = ", scored as the official evaluator does, defects included" if settings.legacy else ""
    yield f"{results.task.name} ({results.task.title}): {len(results.examples):,} examples of {results.truth}{scoring}"
    yield from missing_lines(results)
    names = [OF_ALL]
    rows = [["", *_heads(results, names)]]
    rows += [[model.answers.model, *_cells(model, results.task.scores, OF_ALL)] for model in results.models]
    yield from aligned(rows)
    for field in [f.name for f in results.task.groups]:
        yield from _breakdown(results, field)


def missing_lines(results: Results) -> Iterator[str]:
    """A line for each model that lacks answers, or has empty ones."""
    for model in results.models:
        answers, n = model.answers, len(results.examples)
        if answers.missing:
            yield f"{answers.model}: {len(answers.missing):,} of {n:,} examples have no prediction and are left out"
        if answers.empty:
            yield f"{answers.model}: {answers.empty:,} predictions are empty; they are scored as such"


def _heads(results: Results, names: Sequence[object]) -> list[str]:
    return [score.replace("_", " ") for score in results.task.scores]


def _breakdown(results: Results, field: str) -> Iterator[str]:
    """One field: a line per value, a column per model, of the score that is quoted."""
    score = results.task.scores[0]
    groups = list(dict.fromkeys(line.group for m in results.models for line in m.lines if line.group[0] == field))
    if not groups:
        return
    yield f"{score.replace('_', ' ')} by {field.replace('_', ' ')}"
    rows = [["", *[model.answers.model for model in results.models]]]
    for group in groups[:GROUPS_TOLD]:
        name = "mean over them" if group[1] == AVERAGE else group[1]
        rows.append([name, *[told(model.line(score, group)) for model in results.models]])
    yield from aligned(rows)
    if len(groups) > GROUPS_TOLD:
        yield f"  … {len(groups) - GROUPS_TOLD:,} more in results.json"


def _cells(model: Model, scores: Sequence[str], group: tuple[str, str]) -> list[str]:
    return [told(model.line(score, group)) for score in scores]


def told(line: Line) -> str:
    """71.2 [68.0, 74.4]: percent with its interval; a dash where nothing counts."""
    value, low, high = line.estimate
    if value is None:
        return "–"
    interval = f" [{100 * low:.1f}, {100 * high:.1f}]" if low is not None and high is not None else ""
    return f"{100 * value:.1f}{interval}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns below each other, names to the left, figures to the right; no character that a terminal obeys."""
    clean = [["".join(c if c.isprintable() else "\ufffd" for c in cell)[:60] for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in clean) for i in range(len(clean[0]))]
    return [
        "  " + "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in clean
    ]
