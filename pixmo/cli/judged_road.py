"""The road from captions to verdicts as a recipe: what `pixmo eval caption` runs, for the command line and for Python alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from pixmo.cli.road import name_of
from pixmo.errors import BadSetting, UnknownName, UnknownSetting
from pixmo.run.recipe import Recipe, Step, load_stage

METRICS = ("recall", "consistency", "repetition")
USUAL = ("recall", "consistency")
INPUT = ("sample", "sample_seed", "allow_missing", "prediction_column", "picture_key")
JUDGING = ("state_references", "state_caption", "judge_recall", "judge_consistency", "judge_repetition")
STAGES = (*JUDGING, "score_caption")


def judged_road(
    predictions: str | Sequence[str],
    references: str,
    metrics: Sequence[str] = USUAL,
    video: bool = False,
    **settings: Any,
) -> Recipe:  # Any: settings
    """The recipe that judges captions: `predictions` are files, `NAME=FILE` for several models; `references` what people said.

    `metrics` are of recall, consistency, repetition (asking a judge, not only the rule). Settings are those of the input
    (`sample`, …) and of the judging stages, the same for all of them. Raises UnknownSetting for any other.
    """
    for metric in metrics:
        if metric not in METRICS:
            raise UnknownName("metric", metric, METRICS)
    if not metrics:
        raise BadSetting(f"no metric is asked for; known: {', '.join(METRICS)}")
    told = {k: v for k, v in settings.items() if v is not None}
    inputs = {k: told.pop(k) for k in INPUT if k in told}
    told |= {"kind": "video"} if video else {}
    told |= {"repetition": "judge"} if "repetition" in metrics else {}
    steps = [_step(use, told) for use in _uses(metrics)]
    used = {f.name for step in steps for f in fields(step.stage)}
    for key in told:
        if key not in used:
            raise UnknownSetting("judging captions", key, known_settings())
    steps.append(Step("select", load_stage("select", {"where": (), "images": False})))
    given = predictions if isinstance(predictions, str) else tuple(predictions)
    first = given if isinstance(given, str) else given[0]
    return Recipe(
        name_of(first.partition("=")[2] or first), tuple(steps), given,
        source={"references": references, **({"video": True} if video else {}), **inputs},
    )  # fmt: skip


def known_settings() -> list[str]:
    """Every setting `judged_road` takes."""
    return [*INPUT, *dict.fromkeys(f.name for use in STAGES for f in fields(load_stage(use, {})))]


def _uses(metrics: Sequence[str]) -> list[str]:
    of = {
        "state_references": "recall" in metrics, "state_caption": "consistency" in metrics,
        "judge_recall": "recall" in metrics, "judge_consistency": "consistency" in metrics,
    }  # fmt: skip
    return [use for use in STAGES if of.get(use, True)]


def _step(use: str, told: dict[str, Any]) -> Step:  # Any: settings
    known = {f.name for f in fields(load_stage(use, {}))}
    return Step(use, load_stage(use, {k: v for k, v in told.items() if k in known}))
