"""What is told and written of a score: figures as JSON, and a table of rows by their loss."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pixmo.evaluate.statistics.resample import Estimate
from pixmo.storage.publish import publish_bytes, publishing
from pixmo.train.score import OF_ALL, Figures, Scored, figures
from pixmo.train.settings import Source

DIGITS = 6


def as_plain(scored: Scored, source: Source, model: str, seed: int = 0) -> dict[str, Any]:  # Any: plain JSON
    """The figures, what they were made of, and how many rows were left out by reason; no clock and no path of this machine."""
    found = figures(scored, seed=seed)
    asked = {key.rstrip("_"): value for key, value in asdict(source).items() if key not in ("path", "share") and value}
    return {
        "pixmo": version_here(),
        "data": Path(source.path).name,
        "model": model,
        "asked": asked | {"seed": seed},
        **plain_figures(found[OF_ALL]),
        "styles": {style: plain_figures(each) for style, each in found.items() if style != OF_ALL},
        "cut": scored.cut,
        "left_out": scored.reasons(),
    }


def plain_figures(found: Figures) -> dict[str, Any]:  # Any: plain JSON
    """One style's."""
    return {
        "rows": found.rows,
        "tokens": found.tokens,
        "loss": plain_estimate(found.loss),
        "accuracy": plain_estimate(found.accuracy),
        "z_loss": round(found.z_loss, DIGITS),
        "perplexity": round(found.perplexity, DIGITS),
    }


def plain_estimate(found: Estimate) -> dict[str, float | None]:
    """A value with its interval, to six places, which no machine's last bits reach."""
    return {name: None if value is None else round(value, DIGITS) + 0.0 for name, value in found._asdict().items()}


def version_here() -> str:
    """That of the installed package."""
    try:
        return version("pixmo")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "0+unknown"


def write_scores(out: Path, results: dict[str, Any], scored: Scored) -> None:
    """rows.parquet, a line per row and style by its loss, the highest first; then results.json."""
    lines = sorted(scored.lines, key=lambda line: (-line.loss, line.row, line.style))
    table = pa.table(
        {
            "row_id": [line.row for line in lines],
            "style": [line.style for line in lines],
            "tokens": [line.tokens for line in lines],
            "loss": [line.loss for line in lines],
            "accuracy": [line.right / line.weight for line in lines],
        }
    )
    with publishing(out / "rows.parquet") as temporary:
        pq.write_table(table, temporary, compression="zstd")
    publish_bytes(out / "results.json", (json.dumps(results, indent=1, ensure_ascii=False) + "\n").encode())
