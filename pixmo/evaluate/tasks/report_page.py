"""The page of an evaluation: scores with intervals, breakdowns, and answers, the worst first. It asks nobody for anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.resources import files
from typing import NamedTuple

from pixmo.evaluate.tasks.report_text import difference_lines
from pixmo.evaluate.tasks.run import AVERAGE, OF_ALL, Line, Model, Results
from pixmo.evaluate.tasks.truth import Example
from pixmo.evaluate.tasks.truth_files import Row
from pixmo.page.html import Html, foreign, page, shortened, tag
from pixmo.page.numbers import count

CASES = 300
LONGEST = 600
VERDICTS = {"wrong": "lost", "partly right": "again", "right": "ok"}  # and their tones


class Case(NamedTuple):
    """An answer that is shown."""

    model: str
    example: Example
    said: str
    read_as: str | None
    scores: tuple[float | None, ...]


def report_page(results: Results) -> str:
    """The whole page, self-contained; whatever stands in the data is shown as text."""
    body = (
        _scores(results),
        [_breakdown(results, field.name) for field in results.task.groups],
        _cases(results),
    )
    return page(
        f"{results.task.name} · pixmo eval task",
        _header(results),
        tag("main", body),
        tag("footer", "Made by pixmo eval task. Every answer stands in scores.parquet, every number in results.json."),
        style=_ours("report.css"),
        script=_ours("report.js"),
    )


def _ours(name: str) -> str:
    return files("pixmo.evaluate.tasks").joinpath(name).read_text(encoding="utf-8")


def _header(results: Results) -> Html:
    settings = results.settings
    return tag(
        "header",
        tag("p", "pixmo eval task", class_="eyebrow"),
        tag("h1", results.task.title),
        tag(
            "p",
            f"{count(len(results.examples))} examples about {count(results.pictures)} pictures of ",
            foreign(results.truth),
            ", scored as the official evaluator does, defects included." if settings.legacy else ".",
            class_="soft",
        ),
        [_missing(model, len(results.examples)) for model in results.models if model.answers.missing],
    )


def _missing(model: Model, of: int) -> Html:
    told = f": {count(len(model.answers.missing))} of {count(of)} examples have no prediction and are left out."
    return tag("p", tag("span", "incomplete", class_="mark again"), " ", foreign(model.answers.model), told)


def _scores(results: Results) -> Html:
    rows = []
    for score in results.task.scores:
        rows += [(score, OF_ALL, score)]
        rows += [(score, (f, AVERAGE), f"{score}, mean over {f}") for f in results.task.averaged if _has(results, f)]
    lines = [(name, [model.line(score, group) for model in results.models]) for score, group, name in rows]
    note = f"95 % intervals from {count(results.samples)} draws of pictures, seed {results.settings.seed}"
    differences = [tag("p", foreign(line.strip(), 300)) for line in difference_lines(results)]
    return tag("section", tag("h2", "Scores"), _table(results, note, "Score", lines), differences)


def _has(results: Results, field: str) -> bool:
    return any(line.group == (field, AVERAGE) for line in results.models[0].lines)


def _breakdown(results: Results, field: str) -> Html | None:
    score = results.task.scores[0]
    groups = [
        line.group
        for line in results.models[0].lines
        if line.score == score and line.group[0] == field and line.group[1] != AVERAGE
    ]
    if not groups:
        return None
    lines = [(group[1], [model.line(score, group) for model in results.models]) for group in groups]
    title = f"{_words(score)} by {_words(field)}"
    return tag("section", tag("h2", title), _table(results, title, _words(field), lines))


def _table(results: Results, caption: str, first: str, lines: list[tuple[str, list[Line]]]) -> Html:
    names = [tag("th", foreign(model.answers.model, 40), scope="col", class_="number") for model in results.models]
    head = tag("tr", tag("th", first, scope="col"), names, tag("th", "Examples", scope="col", class_="number"))
    rows = [
        tag(
            "tr",
            tag("th", foreign(_words(name), 80), scope="row"),
            [tag("td", _figure(line), class_="number") for line in found],
            tag("td", " / ".join(dict.fromkeys(count(line.n) for line in found)), class_="number"),
        )
        for name, found in lines
    ]
    table = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", rows))
    return tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=caption)


def _figure(line: Line) -> Html:
    value, low, high = line.estimate
    if value is None:
        return tag("span", "–")
    interval = f"{100 * low:.1f} to {100 * high:.1f}" if low is not None and high is not None else "no interval"
    return tag("span", f"{100 * value:.1f} ", tag("small", interval, class_="soft"))


def _cases(results: Results) -> Html:
    shown = worst(results, CASES)
    total = sum(one is not None for model in results.models for one in model.scored)
    told = f"The {count(len(shown))} worst of {count(total)} answers by {_words(results.task.scores[0])}, worst first."
    head = tag("h2", "Answers"), tag("p", told, class_="soft"), _filters(results)
    return tag("section", head, tag("div", [_case(results, c) for c in shown], id="answers"))


def _filters(results: Results) -> Html:
    """Shown by the script that makes them work."""
    models = [model.answers.model for model in results.models]
    chosen = [_choice("verdict", "Answers", VERDICTS)]
    chosen += [_choice("model", "Model", models)] if len(models) > 1 else []
    words = tag("label", "Words", tag("input", name="words", type="search", autocomplete="off"))
    return tag("div", chosen, words, tag("p", id="shown", role="status"), class_="filters", hidden=True)


def _choice(name: str, title: str, values: Iterable[str]) -> Html:
    every = tag("option", "all", value="", selected=True)
    return tag("label", title, tag("select", every, [tag("option", v, value=v) for v in values], name=name))


def worst(results: Results, most: int) -> list[Case]:
    """Answers by the score that is quoted, the lowest first, as many of each model; those it does not count are left out."""
    each = max(1, most // len(results.models))
    found = [case for model in results.models for case in _worst_of(results, model)[:each]]
    return sorted(found, key=lambda case: case.scores[0] or 0.0)[:most]


def _worst_of(results: Results, model: Model) -> list[Case]:
    triples = zip(results.examples, model.answers.texts, model.scored, strict=True)
    cases = [
        Case(model.answers.model, e, text, s.read_as, s.scores) for e, text, s in triples if s and text is not None
    ]
    counted = [c for c in cases if c.scores[0] is not None and c.scores[0] == c.scores[0]]
    return sorted(counted, key=lambda case: case.scores[0] or 0.0)


def _case(results: Results, case: Case) -> Html:
    facts = [(tag("dt", name), tag("dd", foreign(text, LONGEST))) for name, text in _facts(results, case)]
    verdict = verdict_of(case.scores[0])
    mark = tag("p", tag("span", verdict, class_=f"mark {VERDICTS[verdict]}"), f" {100 * (case.scores[0] or 0):.0f}")
    listed = tag("dl", facts, class_="facts")
    return tag("article", mark, listed, class_="card", data_verdict=verdict, data_model=case.model)


def verdict_of(score: float | None) -> str:
    """In words, for colour is never the only sign."""
    return "wrong" if not score else "right" if score >= 1 else "partly right"


def _facts(results: Results, case: Case) -> Iterator[tuple[str, str]]:
    if len(results.models) > 1:
        yield "model", case.model
    yield "example", case.example.id
    if case.example.truth.get("question"):
        yield "question", case.example.truth["question"]
    yield "said", case.said or "(nothing)"
    if case.read_as is not None and case.read_as != case.said:
        yield "read as", case.read_as or "(nothing)"
    yield "right", right_answer(case.example.truth)
    for field, value in case.example.groups:
        yield _words(field), value
    if case.example.picture != case.example.id:
        yield "picture", case.example.picture  # as text: a page of foreign addresses is not to be clicked through


def right_answer(truth: Row) -> str:
    """What was right, for people: each field with its values."""
    told = [
        f"{_words(name)}: {_plain(name, value)}"
        for name, value in truth.items()
        if value is not None and name != "question"
    ]
    return told[0].partition(": ")[2] if len(told) == 1 else "; ".join(told)


def _plain(name: str, value: object) -> str:
    if name == "masks" and isinstance(value, list):
        return str(len(value))
    return ", ".join(str(v) for v in value) if isinstance(value, list) else str(value)


def _words(name: str) -> str:
    return shortened(name.replace("_", " "), 80)
