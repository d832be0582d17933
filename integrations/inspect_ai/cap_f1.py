"""cap-F1 as a scorer of inspect_ai: inspect asks the model, `pixmo eval caption` judges what it said.

    Task(dataset=[Sample(input=[…], target=transcripts, id=image_url), …], solver=generate(), scorer=cap_f1(judge="…"))

The scorer keeps the captions; they are judged together when inspect computes metrics, so that questions to the judge run side by side and
none is paid for twice: within one folder `out` only what has no answer yet is asked. The value of a single sample is the number of words
of its caption; verdicts, statement by statement, stand in the report in `out`. Use one epoch.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, Value, metric, scorer
from inspect_ai.solver import TaskState

SHOWN = ("cap_f1", "recall", "consistency", "unscored_share")
PIXMO = f"{shlex.quote(sys.executable)} -m pixmo"
KEPT = "pixmo_caption"


@metric
def judged() -> Metric:
    """cap-F1, recall, consistency and the share without a verdict, from 0 to 1, over all captions."""

    def of(scores: list[SampleScore]) -> Value:
        kept = [(s.score.metadata or {}).get(KEPT) for s in scores]
        rows = [row for row in kept if row]
        return _judged(rows) if rows else dict.fromkeys(SHOWN, float("nan"))

    return of


@scorer(metrics=[judged()])
def cap_f1(judge: str, base_url: str | None = None, out: str = "pixmo-cap-f1", pixmo: str = PIXMO) -> Scorer:
    """Recall of what people said, and consistency with it. `target` of a sample are the transcripts of its picture, `id` names the picture.

    `judge` is a language model as the OpenAI-compatible endpoint `base_url` calls it; its key is OPENAI_API_KEY. `pixmo` is the command.
    """
    told = {"judge": judge, "base_url": base_url, "out": out, "pixmo": pixmo}

    async def score(state: TaskState, target: Target) -> Score:
        caption = state.output.completion
        row = {"id": str(state.sample_id), "prediction": caption, "transcripts": list(target), "settings": told}
        return Score(value=len(caption.split()), answer=caption, metadata={KEPT: row})

    return score


def _judged(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:  # Any: plain JSON
    settings = rows[0]["settings"]
    home = Path(settings["out"])
    given = home / hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()[:16]
    given.mkdir(parents=True, exist_ok=True)
    predictions, references = given / "predictions.jsonl", given / "references.jsonl"
    _write(predictions, [{"id": row["id"], "prediction": row["prediction"]} for row in rows])
    _write(references, [{"id": row["id"], "transcripts": row["transcripts"]} for row in rows])
    command = [*shlex.split(settings["pixmo"]), "eval", "caption", f"model={predictions}"]
    command += ["--references", str(references), "-o", str(given / "judged"), "--store", str(home / "store")]
    command += ["--judge", settings["judge"], "--quiet"]
    command += ["--base-url", settings["base_url"]] if settings["base_url"] else []
    # exit code 3: judged, and some questions may be asked again; the report says which
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        raise RuntimeError(f"pixmo eval caption ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    metrics = json.loads((given / "judged" / "results.json").read_bytes())["models"][0]["metrics"]
    values = {name: metrics[name]["value"] for name in SHOWN}
    return {name: float("nan") if value is None else value for name, value in values.items()}


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
