"""`pixmo eval task`: answers of models against the ground truth of a benchmark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from pixmo.cli.arguments import json_option
from pixmo.cli.printing import printable, told
from pixmo.errors import BadSetting
from pixmo.evaluate.tasks.registry import TASKS, Task, task_named
from pixmo.evaluate.tasks.report import as_json as report_json
from pixmo.evaluate.tasks.report import write_report
from pixmo.evaluate.tasks.report_text import table_lines
from pixmo.evaluate.tasks.run import SAMPLES, Settings, evaluate
from pixmo.evaluate.tasks.truth import Truth, read_truth


@click.command()
@click.argument("task", required=False)
@click.argument("predictions", nargs=-1)
@click.option("--list", "listed", is_flag=True, help="Show the tasks, and with TASK what its ground truth holds.")
@click.option("--truth", "truth", multiple=True, metavar="FILE|SET", help="What is right; a second file adds columns.")
@click.option("--split", metavar="NAME", help="Of a set: the split.  [default: that of the task]")
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), help="Write results, scores and a page.")
@click.option("--legacy", is_flag=True, help="Score as the official evaluators do, defects included.")
@click.option("--allow-missing", is_flag=True, help="Score what is there when predictions are missing, and say so.")
@click.option("--id", "key", metavar="COLUMN,COLUMN", help="Columns that tell examples apart.  [default: found]")
@click.option("--column", metavar="NAME", help="Column of the prediction.  [default: prediction]")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of the intervals.")
@click.option("--samples", type=int, default=SAMPLES, show_default=True, help="Draws for the intervals.")
@json_option
def command(
    task: str | None, predictions: tuple[str, ...], listed: bool, truth: tuple[str, ...], split: str | None,
    out: Path | None, legacy: bool, allow_missing: bool, key: str | None, column: str | None, seed: int, samples: int,
    as_json: bool,
) -> None:  # fmt: skip
    """Score answers to a benchmark's questions.

    PREDICTIONS are files with an id and a prediction in each row (JSONL, JSON, CSV, Parquet), each `path` or `name=path`.
    """
    if listed or task is None:
        tasks = list(TASKS.values()) if task is None else [task_named(task)]
        print(told([_as_json(t) for t in tasks]) if as_json else "\n".join(_lines(tasks, task is not None)))
        return
    chosen = task_named(task)
    columns = tuple(key.split(",")) if key else ()
    settings = Settings(legacy, allow_missing, seed, samples, columns, column)
    if not predictions:
        raise BadSetting(f"no PREDICTIONS given for {task}: a file with an id and a prediction in each row")
    results = evaluate(chosen, predictions, _truth(chosen, truth, split), settings)
    if out is not None:
        write_report(out, results)
    print(told(report_json(results)) if as_json else "\n".join(table_lines(results)))
    if out is not None and not as_json:
        print(f"look at {printable(str(out / 'report.html'))}")


def _truth(task: Task, given: tuple[str, ...], split: str | None) -> Truth:
    if given:
        return read_truth(given, split)
    if task.truth is None:
        raise BadSetting(f"{task.name}: its ground truth is in no catalog; give it with --truth FILE")
    name, usual = task.truth
    return read_truth(name, split or usual)


def _lines(tasks: list[Task], wholly: bool) -> Iterator[str]:
    """The tasks, a line each; of one, what its ground truth holds."""
    width = max(len(task.name) for task in tasks)
    for task in tasks:
        scores = ", ".join(score.replace("_", " ") for score in task.scores)
        yield f"{task.name:<{width}}  {task.title}: {scores}"
        if wholly:
            yield f"  truth  {' '.join(task.truth) if task.truth else 'a file (--truth)'}"
            for field in (*task.fields, *task.groups):
                kind = "breakdown" if field in task.groups else "optional" if field.optional else "needed"
                yield f"  {field.name}  {field.meaning}; {kind}; read from {' or '.join(field.columns)}"


def _as_json(task: Task) -> dict[str, object]:
    columns = {field.name: list(field.columns) for field in (*task.fields, *task.groups)}
    return {"name": task.name, "title": task.title, "scores": list(task.scores), "columns": columns}
