"""What is told of an evaluation in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pixmo.evaluate.tasks.run import AVERAGE, Line, Model, Results

GROUPS_TOLD = 24  # of one field; results.json has all


def table_lines(results: Results) -> Iterator[str]:
    """The scores for a terminal: models below each other, then each breakdown; what is missing is said first."""
    settings = results.settings
    scoring = ", scored as the official evaluator does, defects included" if settings.legacy else ""
    yield f"{results.task.name} ({results.task.title}): {len(results.examples):,} examples of {results.truth}{scoring}"
    yield from missing_lines(results)
    heads = ["", *[score.replace("_", " ") for score in results.task.scores]]
    yield from aligned([heads, *[[m.answers.model, *_cells(m, results.task.scores)] for m in results.models]])
    yield from difference_lines(results)
    for field in [f.name for f in results.task.groups]:
        yield from _breakdown(results, field)


def missing_lines(results: Results) -> Iterator[str]:
    """A line for each model that lacks answers, or has empty ones."""
    for model in results.models:
        answers, n = model.answers, len(results.examples)
        if answers.missing:
            yield f"{_printable(answers.model)}: {len(answers.missing):,} of {n:,} examples have no prediction and are left out"
        if answers.empty:
            yield f"{_printable(answers.model)}: {answers.empty:,} predictions are empty; they are scored as such"


def difference_lines(results: Results) -> Iterator[str]:
    """Each model against the first, in the score that is quoted."""
    for found in results.differences:
        value, low, high = found.paired.difference
        if value is None:
            yield f"  {found.model}: no example that {found.first} answered as well"
            continue
        interval = f" [{100 * low:+.1f}, {100 * high:+.1f}]" if low is not None and high is not None else ""
        p = f", p = {found.paired.p:.2g}" if found.paired.p is not None else ""
        yield _printable(f"  {found.model} less {found.first}: {100 * value:+.1f}{interval}{p}, {found.n:,} examples")


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


def _cells(model: Model, scores: Sequence[str]) -> list[str]:
    return [told(model.line(score)) for score in scores]


def told(line: Line) -> str:
    """71.2 [68.0, 74.4]: percent with its interval; a dash where nothing counts."""
    value, low, high = line.estimate
    if value is None:
        return "–"
    interval = f" [{100 * low:.1f}, {100 * high:.1f}]" if low is not None and high is not None else ""
    return f"{100 * value:.1f}{interval}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns below each other, names to the left, figures to the right; no character that a terminal obeys."""
    clean = [[_printable(cell)[:60] for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in clean) for i in range(len(clean[0]))]
    return [
        "  " + "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in clean
    ]


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
