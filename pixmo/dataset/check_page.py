"""The page of a check: counts by rule with examples, and how many points records have. It asks nobody for anything."""

from __future__ import annotations

from collections.abc import Iterator

from pixmo.dataset.check import Checked, RuleCount
from pixmo.dataset.check_work import Example
from pixmo.page.charts import histogram
from pixmo.page.html import Html, foreign, page, shortened, tag
from pixmo.page.numbers import count, share
from pixmo.records.base import Level

_TONES = {Level.ERROR: "lost", Level.WARNING: "again"}


def check_page(found: Checked) -> str:
    """The whole page, self-contained; whatever stands in the data is shown as text."""
    body = (_headline(found), _table(found), *(_rule(rule) for rule in found.rules), _points(found))
    return page(
        f"{shortened(found.data, 80)} · pixmo check",
        _header(found),
        tag("main", body),
        tag("footer", "Made by pixmo check. Rows are numbered from 0; at most five examples of each rule are shown."),
    )


def _header(found: Checked) -> Html:
    what = f"Records of the kind {found.record}" + (", grouped by picture." if found.grouped else ".")
    return tag(
        "header",
        tag("p", "pixmo check", class_="eyebrow"),
        tag("h1", foreign(found.data)),
        tag("p", what, class_="soft"),
    )


def _headline(found: Checked) -> Html:
    tiles = [
        ("Rows", count(found.rows), f"with {count(found.records)} records"),
        ("Errors", count(found.errors), "make a row wrong"),
        ("Warnings", count(found.warnings), "ask for a look"),
    ]
    return tag("dl", [_tile(*tile) for tile in tiles], class_="tiles")


def _tile(name: str, figure: str, note: str) -> Html:
    return tag("div", tag("dt", name), tag("dd", figure, class_="figure"), tag("dd", note, class_="soft"))


def _table(found: Checked) -> Html:
    if not found.rules:
        return tag("section", tag("h2", "Nothing was found"), tag("p", "Every record keeps every rule."))
    head = tag("tr", [tag("th", name, scope="col") for name in ("Rule", "Level")], [
        tag("th", name, scope="col", class_="number") for name in ("Findings", "Rows", "Share of rows")
    ])  # fmt: skip
    rows = [_line(rule, found.rows) for rule in found.rules]
    caption = tag("caption", "Rules that are broken, errors first")
    table = tag("table", caption, tag("thead", head), tag("tbody", rows))
    scroll = tag("div", table, class_="scroll", tabindex=0, role="region", aria_label="Rules that are broken")
    return tag("section", tag("h2", "By rule"), scroll)


def _line(rule: RuleCount, of: int) -> Html:
    numbers = (count(rule.count), count(rule.rows), share(rule.rows, of))
    return tag(
        "tr",
        tag("th", tag("a", rule.rule, href=f"#{rule.rule}-{rule.level}"), tag("small", rule.meaning), scope="row"),
        tag("td", tag("span", str(rule.level), class_=f"mark {_TONES[rule.level]}")),
        [tag("td", number, class_="number") for number in numbers],
    )


def _rule(rule: RuleCount) -> Html:
    title = f"{rule.rule}: {count(rule.count)} {rule.level}{'' if rule.count == 1 else 's'}"
    return tag(
        "section",
        tag("h2", title),
        tag("p", rule.meaning, class_="soft"),
        [_example(example) for example in rule.examples],
        id=f"{rule.rule}-{rule.level}",
    )


def _example(example: Example) -> Html:
    told = tag(
        "dl", [(tag("dt", name), tag("dd", foreign(text, 300))) for name, text in _facts(example)], class_="facts"
    )
    return tag("div", told, class_="card")


def _facts(example: Example) -> Iterator[tuple[str, str]]:
    yield "row", f"{example.row:,}" + (f" · {example.id}" if example.id else "")
    if example.path:
        yield "value", example.path
    yield "what", example.detail
    if example.url:
        yield "picture", example.url  # as text: a page of foreign addresses is not to be clicked through


def _points(found: Checked) -> Html | None:
    if not found.points:
        return None
    bins = [(str(edge), n) for edge, n in found.points.items()]
    return tag(
        "section",
        tag("h2", "Points per record"),
        tag("div", histogram(bins, "Points per record", "points"), class_="card"),
    )
