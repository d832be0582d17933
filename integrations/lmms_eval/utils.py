"""cap-F1 as a task of lmms-eval: the harness asks the model, `pixmo eval caption` judges what it said.

Captions are gathered picture by picture and judged together when lmms-eval aggregates, so that questions to the judge run side by side and
none is paid for twice: within one PIXMO_OUT only what has no answer yet is asked, also for another model. Set in the environment:

PIXMO_JUDGE       the language model that judges, as its endpoint calls it (needed)
PIXMO_JUDGE_URL   its endpoint, OpenAI-compatible            [default: pixmo's]
PIXMO_OUT         folder of evaluations with their reports   [default: pixmo-cap-f1]
PIXMO             the command                                [default: this Python's]
OPENAI_API_KEY    the judge's key
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

KEYS = ("image_url", "image_sha256", "picture_file", "id")  # what tells pictures apart, the first that a set has
Doc = Mapping[str, Any]  # Any: the columns of a set


def doc_to_visual(doc: Doc) -> list[Any]:  # Any: PIL images
    """The picture."""
    return [doc["image"].convert("RGB")]


def doc_to_text(doc: Doc, lmms_eval_specific_kwargs: Mapping[str, str] | None = None) -> str:
    """What the model is asked; `prompt` of the task's file."""
    return (lmms_eval_specific_kwargs or {}).get("prompt", "Describe this image in detail.")


def doc_to_target(doc: Doc) -> str:
    """What people said, for the log of samples; nothing is compared with it as a text."""
    return "\n".join(doc["transcripts"])


def process_results(doc: Doc, results: Sequence[str]) -> dict[str, Any]:
    """One picture's caption with what people said of it, for each metric the same."""
    key = next((name for name in KEYS if doc.get(name)), None)
    if key is None:
        raise ValueError(f"no column tells pictures apart; one of {', '.join(KEYS)} is needed")
    row = {key: doc[key], "transcripts": list(doc["transcripts"]), "prediction": results[0]}
    return {"cap_f1": row, "recall": row, "consistency": row}


def cap_f1(rows: Sequence[Doc]) -> float:
    """The harmonic mean of the two means below, in per cent."""
    return _metric(rows, "cap_f1")


def recall(rows: Sequence[Doc]) -> float:
    """The share of what people said that the caption says, mean over pictures, in per cent."""
    return _metric(rows, "recall")


def consistency(rows: Sequence[Doc]) -> float:
    """The share of what the caption says that agrees with what people said, mean over pictures, in per cent."""
    return _metric(rows, "consistency")


def _metric(rows: Sequence[Doc], name: str) -> float:
    model = _judged(tuple(json.dumps(row, sort_keys=True) for row in rows))["models"][0]
    value = model["metrics"][name]["value"]
    return float("nan") if value is None else 100 * value


@functools.cache
def _judged(rows: tuple[str, ...]) -> dict[str, Any]:
    """results.json of these captions; the three metrics are read off one evaluation."""
    home = Path(os.environ.get("PIXMO_OUT", "pixmo-cap-f1"))
    given = home / hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]  # other captions, another evaluation
    out = given / "judged"
    given.mkdir(parents=True, exist_ok=True)
    told = [json.loads(row) for row in rows]
    _write(given / "predictions.jsonl", [{k: v for k, v in row.items() if k != "transcripts"} for row in told])
    _write(given / "references.jsonl", [{k: v for k, v in row.items() if k != "prediction"} for row in told])
    command = shlex.split(os.environ.get("PIXMO", f"{shlex.quote(sys.executable)} -m pixmo"))
    command += [
        "eval",
        "caption",
        f"model={given / 'predictions.jsonl'}",
        "--references",
        str(given / "references.jsonl"),
    ]
    command += ["-o", str(out), "--store", str(home / "store"), "--judge", os.environ.get("PIXMO_JUDGE", ""), "--quiet"]
    command += ["--base-url", os.environ["PIXMO_JUDGE_URL"]] if "PIXMO_JUDGE_URL" in os.environ else []
    # exit code 3: judged, and some questions may be asked again; the report says which
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    if done.returncode not in (0, 3):
        raise RuntimeError(f"pixmo eval caption ended with {done.returncode}; what was wrong stands above")
    results: dict[str, Any] = json.loads((out / "results.json").read_bytes())
    return results


def _write(path: Path, rows: Sequence[Doc]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
