"""What is written of an evaluation: results.json, scores.parquet, report.html."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pixmo.evaluate.tasks.report_page import report_page
from pixmo.evaluate.tasks.run import AVERAGE, OF_ALL, Difference, Line, Model, Results
from pixmo.evaluate.tasks.truth import SHOWN
from pixmo.storage.publish import publish_bytes, publishing

WIDEST_ID = 120


def write_report(out: Path, results: Results) -> None:
    """Writes results.json, scores.parquet and report.html into the folder; results.json comes last."""
    _write_scores(out / "scores.parquet", results)
    publish_bytes(out / "report.html", report_page(results).encode())
    told = json.dumps(as_json(results), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    publish_bytes(out / "results.json", told.encode())


def as_json(results: Results) -> dict[str, Any]:  # Any: plain JSON
    """Everything but the single answers, stamped with what it was made of; no clock and no path of this machine."""
    settings = results.settings
    return {
        "pixmo": _version(),
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
        "differences": {d.model: _difference(d) for d in results.differences},
    }


def _version() -> str:
    try:
        return version("pixmo")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "0+unknown"


def _difference(found: Difference) -> dict[str, Any]:
    value, low, high = (_rounded(x) for x in found.paired.difference)
    numbers = {"value": value, "low": low, "high": high, "p": _rounded(found.paired.p)}
    return {"less": found.first} | numbers | {"n": found.n, "pictures": found.paired.pictures}


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
    value, low, high = (_rounded(x) for x in line.estimate)
    return {"value": value, "low": low, "high": high, "n": line.n}


def _rounded(number: float | None) -> float | None:
    """Six places, which no machine's last bits reach; no -0.0."""
    return None if number is None else round(number, 6) + 0.0


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
