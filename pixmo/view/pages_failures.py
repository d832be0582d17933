"""What became of the pictures that were asked for: outcomes, hosts, what could be asked again."""

from __future__ import annotations

from collections import Counter

from starlette.datastructures import QueryParams
from starlette.responses import Response

from pixmo.ask import is_worth_retrying
from pixmo.page.charts import Part, line, share_bar
from pixmo.page.html import Html, foreign, shortened, tag
from pixmo.page.numbers import count, share
from pixmo.run.report import retry_command, tone_of
from pixmo.storage.export.meanings import outcome_meaning
from pixmo.view.all_pictures import AllPictures, Picture
from pixmo.view.all_pictures_build import STRETCHES
from pixmo.view.document import View, page_of
from pixmo.view.pages_parts import (
    address,
    command,
    computing,
    empty,
    heading,
    number_of,
    section,
    several,
    table,
    text_of,
    tiles,
    turning,
)
from pixmo.view.work import Work

PATH, NAME = "failures", "Failures"
PER_PAGE, MOST_HOSTS = 25, 30
FEWEST_ANSWERS, FEWEST_POINTS = 10, 4  # of a point, of a line
TONES = ("ok", "again", "lost", "left")


def failures_page(view: View, work: Work[AllPictures], params: QueryParams) -> Response:
    """Counts, and the pictures that did not come, of one outcome or host where that is asked. No address is asked for anything."""
    outcome, host, page = text_of(params, "outcome"), text_of(params, "host"), number_of(params, "page", 1)
    asked: dict[str, str | int | None] = {"outcome": outcome, "host": host}
    known = work.begin(again=params.get("again") == "1")
    if known is None:
        return computing(view, work.state, PATH, NAME, {**asked, "page": page})
    outcomes = {o: (n, keys) for o, n, keys in known.ask("SELECT outcome, pictures, asked FROM outcomes WHERE outcome IS NOT NULL ORDER BY pictures DESC, outcome")}  # fmt: skip
    if not outcomes:
        return empty(
            view, PATH, NAME, "The rows do not say what became of their pictures: they were not made by a download."
        )
    return page_of(
        view, NAME, heading(NAME, "What became of the pictures that were asked for."), _figures(outcomes), _again(view, outcomes),
        tag("div", _outcomes(outcomes, outcome), _hosts(known, host), class_="halves"), _answers(known), _samples(known, outcome, host, page, asked), at=PATH,
    )  # fmt: skip


def _figures(outcomes: dict[str, tuple[int, int]]) -> Html:
    whole = sum(n for n, _ in outcomes.values())
    fates: Counter[str] = Counter()
    for name, (n, _) in outcomes.items():
        fates[tone_of(name)] += n
    named = {
        "ok": "came",
        "again": "may come when asked again",
        "lost": "not to be had",
        "left": "left alone by our own rules",
    }
    return tiles([(named[t], count(fates[t]), share(fates[t], whole)) for t in TONES if fates[t] or t == "ok"])


def _outcomes(outcomes: dict[str, tuple[int, int]], chosen: str) -> Html:
    whole, largest = sum(n for n, _ in outcomes.values()), max(n for n, _ in outcomes.values())
    rows = []
    for name, (n, _) in outcomes.items():
        link = tag(
            "a",
            foreign(name, 60),
            href=address(PATH, {"outcome": name}) + "#pictures",
            aria_current="true" if name == chosen else None,
        )
        again = tag("span", "worth retrying", class_="mark again") if is_worth_retrying(name) else None
        meaning = outcome_meaning(name)
        rows.append(tag(
            "tr", tag("th", foreign(name, 60) if name == "ok" else link, " ", again, tag("small", meaning) if meaning else None, scope="row"),
            tag("td", share_bar([Part(n, tone_of(name), name)], largest), class_="wide"), tag("td", count(n), class_="number"),
            tag("td", share(n, whole), class_="number"),
        ))  # fmt: skip
    heads = [("Outcome", ""), ("", "wide"), ("Pictures", "number"), ("Share", "number")]
    return section("By outcome", tag("div", table("Outcomes", heads, rows), class_="card"))


def _again(view: View, outcomes: dict[str, tuple[int, int]]) -> Html:
    """What `pixmo retry` would ask again."""
    title = "Asking again"
    again = {name: keys for name, (_, keys) in outcomes.items() if is_worth_retrying(name)}
    if not again:
        return section(
            title, tag("p", "Nothing: no picture ended in a way that another time may change.", class_="empty")
        )
    told = f"pixmo retry would ask again for {several(sum(again.values()), 'address', 'addresses')}: "
    parts = ", ".join(f"{name} {count(n)}" for name, n in again.items())
    if view.data.folder is None:
        return section(title, tag("p", told, parts, ". It does so where the folder of the run is."))
    return section(title, tag("p", told, parts, "."), command(retry_command(str(view.data.folder), again) or ""))


def _hosts(known: AllPictures, chosen: str) -> Html | None:
    top = known.ask("SELECT host, sum(pictures)::BIGINT AS n FROM hosts GROUP BY host ORDER BY sum(CASE WHEN outcome = 'ok' THEN 0 ELSE pictures END) DESC, n DESC, host LIMIT ?", [MOST_HOSTS])  # fmt: skip
    number = known.one("SELECT count(DISTINCT host) FROM hosts")
    rows = []
    for host, n in top:
        of = dict(
            known.ask("SELECT outcome, pictures FROM hosts WHERE host = ? ORDER BY pictures DESC, outcome", [host])
        )
        fates = Counter[str]()
        for name, many in of.items():
            fates[tone_of(name)] += many
        trouble = ", ".join(f"{name[:40]} {count(many)}" for name, many in list(of.items())[:4] if name != "ok")
        link = tag(
            "a",
            foreign(host, 60),
            href=address(PATH, {"host": host}) + "#pictures",
            aria_current="true" if host == chosen else None,
        )
        rows.append(tag(
            "tr", tag("th", link, tag("small", trouble) if trouble else None, scope="row"),
            tag("td", share_bar([Part(fates[t], t, t) for t in TONES], n), class_="wide"), tag("td", count(n), class_="number"),
            tag("td", share(of.get("ok", 0), n), class_="number"),
        ))  # fmt: skip
    note = f"{several(number, 'host')}" + (f"; the {MOST_HOSTS} with most failures" if number > len(top) else "") + "."
    heads = [("Host, and most of what did not come", ""), ("", "wide"), ("Pictures", "number"), ("Came", "number")]
    return section("By host", tag("p", note, class_="soft"), tag("div", table("Hosts", heads, rows), class_="card"))


def _answers(known: AllPictures) -> Html | None:
    """By round, and along the answers: the journal keeps their order and no clock."""
    rounds: dict[int, Counter[str]] = {}
    for number, outcome, n in known.ask(
        "SELECT round, outcome, sum(answers)::BIGINT FROM answers GROUP BY ALL ORDER BY ALL"
    ):
        rounds.setdefault(number, Counter())[outcome] += n
    if not rounds:
        return None
    cards = []
    whole = sum(c.total() for c in rounds.values())
    wide = -(-STRETCHES * FEWEST_ANSWERS // max(whole, 1))  # so that each point stands for some answers
    if STRETCHES // wide >= FEWEST_POINTS:
        stretches: dict[int, Counter[str]] = {}
        for stretch, outcome, n in known.ask("SELECT stretch, outcome, sum(answers)::BIGINT FROM answers GROUP BY ALL"):
            stretches.setdefault(stretch // wide, Counter())[tone_of(outcome)] += n
        points = [
            (min(100.0, 100 * (s + 0.5) * wide / STRETCHES), 100 * (1 - c["ok"] / c.total()))
            for s, c in sorted(stretches.items())
        ]
        chart = line(points, "Answers without a picture, in the order they came", "% of the answers", "% failed")
        note = "Answers without a picture in a hundred, from the first answer to the last. The journal keeps their order, not the time."
        cards.append(
            tag("div", tag("h3", "As answers came"), chart, tag("p", note, class_="soft small"), class_="card")
        )
    rows = [
        tag("tr", tag("th", "first" if number == 0 else f"asked again, {number}", scope="row"), tag("td", count(c.total()), class_="number"),
            tag("td", count(c["ok"]), class_="number"), tag("td", ", ".join(f"{o[:40]} {count(n)}" for o, n in c.most_common(4) if o != "ok")))
        for number, c in sorted(rounds.items())
    ]  # fmt: skip
    heads = [("Round", ""), ("Answers", "number"), ("Came", "number"), ("Most of the rest", "")]
    cards.append(tag("div", tag("h3", "By round"), table("Rounds", heads, rows), class_="card"))
    return section("Over the run", tag("div", *cards, class_="cards"))


def _samples(known: AllPictures, outcome: str, host: str, page: int, asked: dict[str, str | int | None]) -> Html:
    wanted = [(name, value) for name, value in (("outcome", outcome), ("host", host)) if value]
    where = " AND ".join(f"f.{name} = ?" for name, _ in wanted) or "true"
    values = [value for _, value in wanted]
    total = known.one(f"SELECT count(*) FROM failed f WHERE {where}", values)
    chosen = [n for (n,) in known.ask(f"SELECT n FROM failed f WHERE {where} ORDER BY n LIMIT ? OFFSET ?", [*values, PER_PAGE, (page - 1) * PER_PAGE])]  # fmt: skip
    told = known.by_number(chosen)
    note = " and ".join(f"{name} {shortened(value, 60)}" for name, value in wanted)
    head = tag("h2", f"{count(total)} pictures that did not come" if total != 1 else "1 picture that did not come")
    reset = tag("p", f"With {note}. ", tag("a", "All of them", href=f"./{PATH}#pictures")) if wanted else None
    shown = (
        tag("ul", *(_sample(p) for p in told), class_="samples card")
        if told
        else tag("p", "There is none.", class_="empty")
    )
    return tag("section", head, reset, shown, turning(PATH, asked, page, -(-total // PER_PAGE)), id="pictures")


def _sample(picture: Picture) -> Html:
    why = ", ".join(filter(None, [f"HTTP {picture.status}" if picture.status else "", picture.detail or ""]))
    url = picture.url or ""
    copy = tag(
        "button", "Copy", type="button", class_="copy", data_copy=url[:8192], hidden=True, aria_label="Copy the address"
    )
    row = (
        tag("a", f"Row {picture.number:,}", href=f"./row/{picture.number}")
        if picture.number is not None
        else tag("span", "left out", class_="soft")
    )
    return tag(
        "li", tag("p", tag("b", foreign(picture.outcome or "", 60)), " ", tag("span", foreign(why or outcome_meaning(picture.outcome or ""), 200), class_="soft")),
        tag("p", tag("code", foreign(url, 160)) if url else tag("span", "no address", class_="soft"), " ", copy if url else None),
        tag("p", row, class_="at"),
    )  # fmt: skip
