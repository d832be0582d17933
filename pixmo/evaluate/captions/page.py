"""`eval.html`: the numbers, and the worst cases with each statement's verdict. It asks nobody for anything; what is shown is text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pixmo.evaluate.captions.cases import Case, worst_cases
from pixmo.evaluate.captions.page_case import WORDS, case
from pixmo.evaluate.captions.page_look import SCRIPT, STYLE
from pixmo.evaluate.captions.results import Agreed, Results
from pixmo.evaluate.captions.statements import STATEMENTS_FILE
from pixmo.evaluate.captions.table import PERCENT, PLAIN, about, notes, shown, shown_p
from pixmo.page.html import Child, Html, foreign, page, shortened, tag
from pixmo.page.numbers import count

PAGE_FILE = "eval.html"
_MEANINGS = {
    "cap-F1": "harmonic mean of recall and consistency, of the means over pictures; per picture: its mean over pictures",
    "recall": "share of people's statements that the caption states; recall@10 counts ten of each at most",
    "consistency": "share of the caption's statements that agree with people, of those that agree or contradict",
    "repeated share": "how much of a caption was said before in it; repeating: captions that repeat themselves too much",
    "unscored": "verdicts without a valid answer; they are in no other number",
    "pictures to see 1 point": "how many pictures would show a difference of one point in four runs of five",
    "kappa": "agreement beyond chance: 0 is chance, 1 always the same",
}
"""For those who were sent the page and nothing else."""
_NAMES = PERCENT | PLAIN
_COUNTS = {
    "pictures": "pictures", "missing": "without a prediction", "empty": "empty captions", "refused": "refused by the judge",
    "failed": "judge failed",
}  # fmt: skip


def eval_page(out: Path, results: Results) -> str:
    """The whole page of a folder's judged rows."""
    cases = worst_cases(out, len(results.models))
    body = (_summary(results), _differences(results), _categories(results), _agreement(results), _cases(results, cases))
    models = ", ".join(m.model for m in results.models)
    return page(
        f"{shortened(models, 80)} · pixmo eval caption",
        _header(results),
        tag("main", body),
        tag("footer", _footer(results)),
        style=STYLE,
        script=SCRIPT,
    )


def _header(results: Results) -> Html:
    said = notes(results)
    return tag(
        "header",
        tag("p", "pixmo eval caption", class_="eyebrow"),
        tag("h1", "Judged captions"),
        tag("p", foreign(about(results), 600), class_="soft"),
        tag("ul", [tag("li", foreign(note, 300)) for note in said], class_="notes") if said else None,
    )


def _summary(results: Results) -> Html:
    models = results.models
    names = [name for name in _NAMES if any(m.metrics[name].value is not None for m in models)]
    rows: list[tuple[Child, list[str]]] = [
        (_NAMES[name], [shown(name, m.metrics[name]) for m in models]) for name in names
    ]
    for heading in ("pictures", "missing", "empty", "refused", "failed"):
        rows.append((_COUNTS[heading], [count(getattr(m, heading)) for m in models]))
    what = "Per cent with 95 % intervals over pictures; statements and words are means per caption"
    table = _table(what, ["", *(foreign(m.model, 60) for m in models)], rows)
    return tag("section", tag("h2", "Summary"), table, _meanings())


def _meanings() -> Html:
    told = [(tag("dt", name), tag("dd", meaning)) for name, meaning in _MEANINGS.items()]
    return tag("details", tag("summary", "What the numbers are"), tag("dl", told))


def _differences(results: Results) -> Html | None:
    if not results.differences:
        return None
    rows = [
        (
            tag("span", foreign(d.model), f" · {_NAMES[d.metric]}"),
            [
                shown(d.metric, d.difference),
                shown_p(d.p),
                count(d.difference.pictures),
                _needed(d.pictures_needed.get("0.01")),
            ],
        )
        for d in results.differences
    ]
    columns = ["Model and metric", "Difference, points", "p", "Pictures", "Pictures to see 1 point"]
    return tag(
        "section",
        tag("h2", "Difference to ", foreign(results.models[0].model)),
        _table("Differences to the first model over the pictures both have, with 95 % intervals", columns, rows),
    )


def _needed(pictures: int | None) -> str:
    return "–" if pictures is None else count(pictures)


def _categories(results: Results) -> Html | None:
    keys = sorted({(metric, c) for m in results.models for metric, of in m.categories.items() for c in of})
    if not keys:
        return None
    rows = [
        (
            tag("span", foreign(category), f" · {metric}"),
            [
                shown("recall", m.categories[metric][category]) if category in m.categories.get(metric, {}) else "–"
                for m in results.models
            ],
        )
        for metric, category in keys
    ]
    columns = ["Category and metric", *(foreign(m.model) for m in results.models)]
    return tag(
        "section",
        tag("h2", "By category"),
        _table("Share of statements of a category, over all pictures, with 95 % intervals", columns, rows),
    )


def _agreement(results: Results) -> Html | None:
    rows = [
        (f"{who}, {metric}", _agreed(found))
        for who, by_metric in (("Itself", results.self_agreement), ("People", results.human_agreement))
        for metric, found in by_metric.items()
    ]
    if not rows:
        return None
    columns = ["Judge and", "The same", "Kappa", "Pairs", "Unscored", "Without a partner"]
    return tag(
        "section",
        tag("h2", "Agreement"),
        _table(
            "Answers about the same statement: share of equal ones, and Cohen's kappa, with 95 % intervals",
            columns,
            rows,
        ),
    )


def _agreed(found: Agreed) -> list[str]:
    kappa = found.kappa
    around = "" if kappa.low is None or kappa.high is None else f" [{kappa.low:.2f}, {kappa.high:.2f}]"
    beyond = "not defined" if kappa.value is None else f"{kappa.value:.2f}{around}"
    return [shown("recall", found.share), beyond, *map(count, (found.pairs, found.unscored, found.unmatched))]


def _table(what: str, columns: list[str], rows: Iterable[tuple[Child, list[str]]]) -> Html:
    """A table whose first column are headings of rows, and all others numbers."""
    head = tag(
        "tr", tag("th", columns[0], scope="col"), [tag("th", c, scope="col", class_="number") for c in columns[1:]]
    )
    body = [
        tag("tr", tag("th", name, scope="row"), [tag("td", cell, class_="number") for cell in cells])
        for name, cells in rows
    ]
    table = tag("table", tag("caption", what), tag("thead", head), tag("tbody", body))
    return tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=what)


def _cases(results: Results, cases: list[Case]) -> Html:
    judged = sum(m.pictures for m in results.models)
    models = [m.model for m in results.models]
    rest = f"; all verdicts are in {STATEMENTS_FILE}" if judged > len(cases) else ""
    return tag(
        "section",
        tag("h2", "Cases"),
        tag("p", f"{count(len(cases))} of {count(judged)} captions, worst first{rest}.", class_="soft"),
        _filters(models),
        [case(one, models.index(one.row["model"])) for one in cases],
    )


def _filters(models: list[str]) -> Html:
    return tag(
        "div",
        _select("model", "Model", [(str(i), shortened(name, 60)) for i, name in enumerate(models)]),
        _select("metric", "Metric", [("recall", "recall"), ("consistency", "consistency")]),
        _select("verdict", "Verdict", _verdict_choices()),
        tag("output", "", id="shown", aria_live="polite"),
        class_="filters", id="filters", role="group", aria_label="Filter cases", hidden=True,
    )  # fmt: skip


def _verdict_choices() -> Iterator[tuple[str, str]]:
    for verdict, (sign, recall, consistency) in WORDS.items():
        yield verdict, f"{sign} {' or '.join(dict.fromkeys((recall, consistency)))}"


def _select(name: str, heading: str, choices: Iterable[tuple[str, str]]) -> Html:
    options = [tag("option", "all", value=""), *(tag("option", text, value=value) for value, text in choices)]
    return tag("label", heading, tag("select", options, id=name))


def _footer(results: Results) -> list[Child]:
    total = results.costs.get("total", {})
    usd = total.get("usd")
    paid = f", {usd:,.2f} USD" if usd else ""
    took = f"{count(total.get('tokens_in', 0))} tokens read and {count(total.get('tokens_out', 0))} written by the judge{paid}. "
    return [
        "Made by pixmo eval caption. ",
        took,
        f"Intervals of {count(results.samples)} bootstrap samples of pictures.",
    ]
