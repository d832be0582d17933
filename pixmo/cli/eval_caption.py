"""`pixmo eval caption`: judge captions against what people said of the pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pixmo.cli.effort import effort_of
from pixmo.cli.judged_road import METRICS, USUAL, judged_road, known_settings
from pixmo.cli.options import COUNT, Command, settings_options
from pixmo.cli.printing import MAY_RETRY, retry_line, told
from pixmo.cli.road import name_of
from pixmo.cli.road_options import given
from pixmo.cli.sections import Sectioned
from pixmo.engines.chat.settings import ChatSettings
from pixmo.errors import BadSetting
from pixmo.judge.ai2_prompts import prompts_text
from pixmo.run.answers import ANSWERS, answers_of, prompts_of, take_answers
from pixmo.run.folder import Folder, working_on
from pixmo.run.job import SAMPLE_SEED, Effort, check_stages, open_input, run_recipe
from pixmo.run.plan import Plan
from pixmo.run.recipe import Recipe, load_stage
from pixmo.storage.publish import publish_bytes
from pixmo.storage.store import Store

OWN = ("kind", "prompts", "seed", "repetition")  # said by --video, --prompts, --judge-seed and --metrics
PATH = click.Path(path_type=Path)
SECTIONS = {
    "What is judged": (
        "references", "out", "sample", "metrics", "repeats", "allow_missing", "prediction_column", "picture_key", "video", "human", "seed",
    ),
    "Who judges": (
        "judge", "base_url", "key_env", "protocol", "prompts", "temperature", "max_tokens", "structured", "judge_seed",
    ),
    "What it may cost": ("dry_run", "usd_per_mtok_in", "usd_per_mtok_out", "budget_usd"),
    "How fast": (
        "chat_concurrency", "requests_per_min", "tokens_per_min", "chat_timeout_s", "chat_retries", "batch", "batch_poll_s",
    ),
    "The same numbers again": ("replay", "answers", "ai2_cache"),
}  # fmt: skip
STORE = {
    "store": "folder for answers, shared by the runs that name it: none is asked for twice [default: inside OUT]",
    "min_free_bytes": "stop before the disk has less than this free",
    "quiet": "no progress on stderr",
}
EPILOG = """
With several models the others are compared with the first. The table is printed, OUT/eval.html has every verdict. The same command again
goes on where it stopped; no answer that came is paid for twice.

A judge of your own machine: --judge NAME --base-url http://localhost:8000/v1.
"""


def judge_options(command: Command) -> Command:
    """The settings that all judging stages share, and those of single ones."""
    shared = type(load_stage("judge_consistency", {}))
    names = [name for name in shared.__dataclass_fields__ if name not in OWN]
    return settings_options(shared, only=names)(command)


@click.command(cls=Sectioned, sections=SECTIONS, epilog=EPILOG)
@click.argument("predictions", nargs=-1, required=True, metavar="[NAME=]PREDICTIONS...")
@click.option(
    "--references",
    required=True,
    metavar="REFS",
    help="What people said of the pictures: a list or set with transcripts, Ai2's folder, or references.jsonl of an earlier run.",
)
@click.option("-o", "--out", type=PATH, help="Folder to write into.  [default: judged-NAME]")
@click.option(
    "--metrics",
    default=",".join(USUAL),
    help=f"What to ask about: all, or some of {', '.join(METRICS)}. Without the last a rule tells repetition.",
    show_default=True,
)
@click.option("--sample", type=COUNT, help="Judge so many pictures, drawn as Ai2 draws them; all when not given.")
@click.option("--seed", type=COUNT, default=SAMPLE_SEED, show_default=True, help="Draws the sample, and the bootstrap.")
@click.option("--judge-seed", type=COUNT, help="Seed sent with each question, for endpoints that take one.")
@click.option(
    "--allow-missing", is_flag=True, help="Score what is there when predictions lack pictures; every output says so."
)
@click.option("--prediction-column", metavar="NAME", help="Column with the captions, where it is not plain which.")
@click.option(
    "--picture-key",
    metavar="NAME",
    help="Column that ties predictions to references, where it is not image_url or the like.",
)
@click.option(
    "--video", is_flag=True, help="Captions of videos: statements with categories, references of one human caption."
)
@click.option("--prompts", type=PATH, help="Your prompts for --protocol ai2, a TOML file.")
@click.option(
    "--human",
    type=PATH,
    help="File of people's verdicts, JSON lines or CSV, to see how far the judge agrees with them.",
)
@click.option("--answers", type=PATH, help=f"{ANSWERS} of another run: what it holds is not asked again.")
@judge_options
@click.option("--as-recipe", is_flag=True, help="Print the recipe this command would run, and exit.")
@click.option(
    "--dry-run", is_flag=True, help="Ask about 20 questions, say what all would cost, and exit. Their answers are kept."
)
@click.option("--json", "as_json", is_flag=True, help="Print results as JSON.")
@settings_options(Effort, {"min_free_bytes": "--min-free-disk"}, STORE, only=STORE)
@click.pass_context
def command(ctx: click.Context, /, predictions: tuple[str, ...], references: str, out: Path | None, **values: Any) -> int:  # fmt: skip  # Any: option values
    """Judge dense captions: recall of what people said, consistency with it, cap-F1.

    PREDICTIONS are files or folders with captions, one per model: JSON, JSONL, CSV, Parquet, texts named after pictures.
    """
    recipe = recipe_of_options(predictions, references, given(ctx), values)
    if values["as_recipe"]:
        print(recipe.to_toml(), end="")
        return 0
    out = out or Path(f"judged-{name_of(predictions[0].rpartition('=')[2])}")
    effort = effort_of(values, out)
    check_stages(recipe)
    from pixmo.evaluate.captions.human import read_human

    source, _ = open_input(recipe)
    _check_references(source, references, {step.use for step in recipe.steps})
    if values["human"]:
        read_human(values["human"])
    if values["dry_run"]:
        from pixmo.cli.eval_estimate import print_estimate

        return print_estimate(recipe, source, out, effort, values["as_json"])
    run_recipe(recipe, out, effort, before=_taking(values["answers"], out))
    results = _write(recipe, source, out, values)
    from pixmo.evaluate.captions.table import table_lines

    print(
        told(results.as_json())
        if values["as_json"]
        else "\n".join([*table_lines(results), f"look at {out / 'eval.html'}"])
    )
    if results.may_pass and not values["as_json"]:
        print(f"{retry_line(results.may_pass, out, 'answer')}, then this command once more")
    return MAY_RETRY if results.may_pass else 0


def _check_references(source: Any, name: str, uses: set[str]) -> None:  # Any: a JudgedSource
    if source.without_transcripts == source.pictures and "judge_consistency" in uses:
        instead = "" if source.without_words else ", or measure --metrics recall"
        raise BadSetting(
            f"no picture of {name} has transcripts, and consistency is judged against them; give references that have{instead}"
        )
    if source.without_words == source.pictures and "judge_recall" in uses:
        raise BadSetting(
            f"{name} has neither transcripts nor statements of people, so there is nothing to recall; give references that have"
        )


def recipe_of_options(predictions: tuple[str, ...], references: str, said: dict[str, Any], values: dict[str, Any]) -> Recipe:  # fmt: skip  # Any: option values
    """The recipe that the options mean; `said` holds what a person gave, `values` has the defaults too."""
    chosen = [m.strip() for m in values["metrics"].split(",") if m.strip()]
    metrics = METRICS if chosen == ["all"] else tuple(dict.fromkeys(chosen))
    settings = {k: v for k, v in said.items() if k in known_settings() and k not in ("prompts", "sample_seed", "seed")}
    if "judge_seed" in said:
        settings["seed"] = said["judge_seed"]
    if values["prompts"]:
        settings["prompts"] = prompts_text(values["prompts"])
    return judged_road(predictions, references, metrics, values["video"], sample_seed=values["seed"], **settings)


def _taking(answers: Path | None, out: Path) -> Callable[[Folder, Store, Plan], None]:
    """Before the run: takes the answers of another one, or those published here."""

    def before(folder: Folder, store: Store, plan: Plan) -> None:
        own = out / ANSWERS
        for path in [answers] if answers else [own] if own.is_file() else []:
            take_answers(path, store)

    return before


def _write(
    recipe: Recipe, source: Any, out: Path, values: dict[str, Any]
) -> Any:  # Any: a JudgedSource; option values; Results
    """What is made of the judged rows: results, the frozen references, the answers."""
    from pixmo.evaluate.captions.freeze import FROZEN, frozen_references
    from pixmo.evaluate.captions.write import write_results

    prompts = prompts_of(recipe)
    stamp = {
        "seed": values["seed"], "sample": values["sample"], "references": source.references_digest, "pictures": source.pictures,
        "models": source.models, "missing": source.missing, "missing_first": list(source.missing_first), "prompts": sorted(prompts),
        "settings": _settings(recipe),
    }  # fmt: skip
    results = write_results(out, stamp=stamp, human=values["human"])
    maker = recipe.find("state_references")
    frozen = frozen_references(out, ", ".join(maker.content())) if maker else None
    if frozen is not None:
        publish_bytes(out / FROZEN, frozen)
    with working_on(out) as (_, store):
        publish_bytes(out / ANSWERS, answers_of(recipe, out, store))
    return results


def _settings(recipe: Recipe) -> dict[str, Any]:  # Any: settings
    """What was asked of the judge, the same for all its stages."""
    shown = ("protocol", "kind", "judge", "temperature", "max_tokens", "seed", "structured")
    stage = next(step.stage for step in recipe.steps if hasattr(step.stage, "judge"))
    return {name: getattr(stage, name) for name in shown} | {"host": ChatSettings(**stage.chat_settings()).host}
