"""The report of a run: one page that needs nothing but itself. It may hold clocks, so it is not in the manifest."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pixmo.ask import is_worth_retrying
from pixmo.page.charts import Part, histogram, line, share_bar
from pixmo.page.html import Child, Html, foreign, join, page, shortened, tag
from pixmo.page.numbers import compact, count, duration, share, size
from pixmo.run.gather import BYTES_EDGES, SIDE_EDGES, Aggregates, is_ours
from pixmo.storage.export.meanings import outcome_meaning
from pixmo.storage.export.provenance import public_name

_TOP_HOSTS = 30
_TONES = {
    "ok": "obtained",
    "again": "may come when asked again",
    "lost": "not to be had",
    "left": "left alone by our own rules",
}
_VERDICTS = {
    "equal": "the very bytes the list promises",
    "differs": "other bytes than the list promises",
    "none_expected": "the list promises nothing",
}
_SECRET = re.compile("header|token|secret|passw|cookie|credential|proxy")
_UNTOLD = "set; not shown, for it may hold a secret"
_FEWEST_BINS = 8
_KINDS = {"exact": "the same bytes", "near": "looks the same"}


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """What the report says. Strings may come from anywhere: none can become markup."""

    name: str
    source: str
    folder: str  # as the user named it: for commands to copy
    counts: Aggregates
    written: int  # rows in the data set
    written_bytes: int  # of its files
    splits: Mapping[str, int] = field(default_factory=dict)  # rows written, by split
    clauses: Mapping[str, int] = field(default_factory=dict)  # select's clauses: rows each leaves out
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)  # by stage
    samples: Sequence[tuple[float, int]] = ()  # (seconds since the start, answers so far)
    seconds: float | None = None  # how long this run took
    finished: str = ""  # when, as text
    version: str = ""
    spoken: Mapping[str, Mapping[str, int]] = field(
        default_factory=dict
    )  # counts of recordings and captions, by column


def report_html(facts: ReportFacts) -> str:
    """The whole page."""
    sections = (_outcomes, _hosts, _pictures, _spoken, _duplicates, _selection, _throughput, _settings)
    body = (_header(facts), tag("main", _headline(facts), *(s(facts) for s in sections)), _footer(facts))
    return page(f"{shortened(facts.name, 80)} · pixmo report", *body)


def tone_of(outcome: str) -> str:
    """Which of the four fates an outcome is: `ok`, `again`, `lost`, `left`."""
    if outcome == "ok":
        return "ok"
    return "again" if is_worth_retrying(outcome) else "left" if is_ours(outcome) else "lost"


def retry_command(folder: str, outcomes: Mapping[str, int]) -> str | None:
    """The command that asks again for what may come now; None when nothing may."""
    again = [name for name, number in sorted(outcomes.items(), key=_by_count) if number and is_worth_retrying(name)]
    return f"pixmo retry {shlex.quote(folder)} --outcome {','.join(again)}" if again else None


def _header(facts: ReportFacts) -> Html:
    took = f"This run took {duration(facts.seconds)}" if facts.seconds is not None else ""
    when = f"finished {facts.finished}" if facts.finished else ""
    line = ", ".join(part for part in (took, when) if part)
    return tag(
        "header",
        tag("p", "pixmo report", class_="eyebrow"),
        tag("h1", foreign(facts.name)),
        tag(
            "p",
            "Pictures of ",
            foreign(public_name(facts.source), 200),
            f". {line[:1].upper()}{line[1:]}." if line else ".",
            class_="soft",
        ),
    )


def _headline(facts: ReportFacts) -> Html:
    counts = facts.counts
    obtained = counts.of("outcome")["ok"]
    tiles = [
        ("Rows", count(counts.rows), "in the list"),
        (
            "Pictures",
            count(obtained),
            f"obtained: {share(obtained, counts.pictures)} of {count(counts.pictures)} asked for",
        ),
        ("Kept", count(facts.written), f"rows in the data set: {share(facts.written, counts.rows)}"),
        (
            "Fetched",
            size(counts.bytes),
            f"{size(counts.bytes / counts.fetched)} a picture" if counts.fetched else "nothing",
        ),
        ("Data set", size(facts.written_bytes), "on disk"),
    ]
    if not counts.of("outcome"):
        tiles.pop(1)
    return tag("dl", [_tile(*tile) for tile in tiles], class_="tiles")


def _tile(name: str, figure: str, note: str) -> Html:
    return tag("div", tag("dt", name), tag("dd", figure, class_="figure"), tag("dd", note, class_="soft"))


def _outcomes(facts: ReportFacts) -> Html | None:
    outcomes = facts.counts.of("outcome")
    if not outcomes:
        return None
    whole, largest = outcomes.total(), max(outcomes.values())
    rows = [_outcome_row(name, n, whole, largest) for name, n in sorted(outcomes.items(), key=_by_count)]
    table = _table(
        ("Outcome", ("", "wide"), ("Pictures", "number"), ("Share", "number")), rows, "How each question ended"
    )
    return _section("What became of the pictures", _fates(outcomes), tag("div", table, class_="card"), _retry(facts))


def _fates(outcomes: Counter[str]) -> Html:
    fates: Counter[str] = Counter()
    for name, number in outcomes.items():
        fates[tone_of(name)] += number
    whole = fates.total()
    parts = [Part(fates[tone], tone, f"{label}: {count(fates[tone])}") for tone, label in _TONES.items()]
    legend = [
        tag("li", _swatch(tone), f"{label} {share(fates[tone], whole)}")
        for tone, label in _TONES.items()
        if fates[tone]
    ]
    bar = tag("div", share_bar(parts, whole, "How the questions ended"), class_="tall")
    return join((bar, tag("ul", legend, class_="legend")))


def _swatch(tone: str) -> Html:
    return tag("svg", tag("rect", width=10, height=10, class_=tone), viewBox="0 0 10 10", aria_hidden="true")


def _outcome_row(name: str, number: int, whole: int, largest: int) -> Html:
    meaning = outcome_meaning(name)
    again = join((" ", tag("span", "worth retrying", class_="mark again"))) if is_worth_retrying(name) else None
    return tag(
        "tr",
        tag("th", foreign(name), again, tag("small", meaning) if meaning else None, scope="row"),
        tag("td", share_bar([Part(number, tone_of(name), name)], largest), class_="wide"),
        tag("td", count(number), class_="number"),
        tag("td", share(number, whole), class_="number"),
    )


def _retry(facts: ReportFacts) -> Html | None:
    command = retry_command(facts.folder, facts.counts.of("outcome"))
    if command is None:
        return None
    number = sum(n for name, n in facts.counts.of("outcome").items() if is_worth_retrying(name))
    told = f"{count(number)} {'picture' if number == 1 else 'pictures'} may come when asked again, at another time:"
    return tag("div", tag("p", told), _command(command), class_="card")


def _command(text: str) -> Html:
    return tag("pre", tag("code", tag("bdi", text)))


def _hosts(facts: ReportFacts) -> Html | None:
    hosts = facts.counts.hosts
    if not hosts:
        return None
    top = sorted(((host, c.total()) for host, c in hosts.items()), key=_by_count)[:_TOP_HOSTS]
    rows = [_host_row(host, hosts[host], number) for host, number in top]
    shown, whole = sum(n for _, n in top), facts.counts.pictures
    note = f"{count(len(hosts))} {_plural(len(hosts), 'host', 'hosts')}."
    if len(hosts) > len(top):
        note = f"{note[:-1]}; the {len(top)} largest, shown here, hold {share(shown, whole)} of the pictures."
    if facts.counts.hosts_forgotten:
        note = f"More than {note} Rare hosts were not counted one by one."
    heads = ("Host, and most of what did not come", ("", "wide"), ("Pictures", "number"), ("Obtained", "number"))
    return _section("Hosts", tag("p", note, class_="soft"), tag("div", _table(heads, rows, None), class_="card"))


def _host_row(host: str, outcomes: Counter[str], number: int) -> Html:
    fates: Counter[str] = Counter()
    for name, n in outcomes.items():
        fates[tone_of(name)] += n
    trouble = [(name, n) for name, n in sorted(outcomes.items(), key=_by_count) if name != "ok"][:2]
    rest = join((", " if i else "", foreign(name, 40), f" {compact(n)}") for i, (name, n) in enumerate(trouble))
    return tag(
        "tr",
        tag("th", foreign(host, 60), tag("small", rest) if trouble else None, scope="row"),
        tag("td", share_bar([Part(fates[t], t, t) for t in _TONES], number), class_="wide"),
        tag("td", count(number), class_="number"),
        tag("td", share(outcomes["ok"], number), class_="number"),
    )


def _pictures(facts: ReportFacts) -> Html | None:
    counts = facts.counts
    cards = [
        _counted_card("Formats", counts.of("format"), {}),
        _counted_card("Compared with the promised sha256", counts.of("hash_verdict"), _VERDICTS),
        _bins_card("Width", "width", counts, SIDE_EDGES, "px"),
        _bins_card("Height", "height", counts, SIDE_EDGES, "px"),
        _bins_card("Size", "fetched_bytes", counts, BYTES_EDGES, "bytes"),
        _counted_card("Headers that reserve rights", counts.of("optout"), {}),
    ]
    cards = [c for c in cards if c]
    return _section("The pictures", tag("div", cards, class_="cards")) if cards else None


def _bins_card(title: str, column: str, counts: Aggregates, edges: Sequence[float], unit: str) -> Html | None:
    bins = counts.histograms.get(column, [])
    full = [i for i, number in enumerate(bins) if number]
    if not full:
        return None
    # a lone block is no picture of a distribution: show empty neighbours as well
    spare = max(0, _FEWEST_BINS - (full[-1] - full[0] + 1))
    first = max(0, full[0] - spare // 2)
    last = min(len(edges), max(full[-1] + 1, first + _FEWEST_BINS))
    kept = [(_edge(edges[i], unit), bins[i]) for i in range(max(0, min(first, last - _FEWEST_BINS)), last)]
    return _card(title, histogram(kept, f"{title} of the pictures", unit))


def _edge(edge: float, unit: str) -> str:
    return compact(edge) if unit == "bytes" else str(round(edge))


def _counted_card(title: str, counter: Counter[str], meanings: Mapping[str, str], most: int = 10) -> Html | None:
    if not counter:
        return None
    whole, largest = counter.total(), max(counter.values())
    shown = sorted(counter.items(), key=_by_count)[:most]
    rest = whole - sum(number for _, number in shown)
    if rest:
        shown.append((f"{len(counter) - most} others", rest))
    # a card is too narrow for words and a bar beside each other
    has_bar = not meanings and max(len(name) for name, _ in shown) < 16
    rows = [_counted_row(name, n, whole, largest if has_bar else 0, meanings.get(name)) for name, n in shown]
    bar_head = [("", "wide")] if has_bar else []
    return _card(title, _table(["", *bar_head, ("Pictures", "number"), ("Share", "number")], rows, None))


def _counted_row(name: str, number: int, whole: int, largest: int, meaning: str | None) -> Html:
    return tag(
        "tr",
        tag("th", foreign(name, 60), tag("small", meaning) if meaning else None, scope="row"),
        tag("td", share_bar([Part(number, "ok", name)], largest), class_="wide") if largest else None,
        tag("td", count(number), class_="number"),
        tag("td", share(number, whole), class_="number"),
    )


def _duplicates(facts: ReportFacts) -> Html | None:
    counts = facts.counts
    if not counts.duplicates:
        return None
    told = (
        f"{count(counts.duplicates)} {_plural(counts.duplicates, 'picture repeats', 'pictures repeat')} another; "
        f"they stand in {count(counts.groups)} {_plural(counts.groups, 'group', 'groups')} around one that is kept."
    )
    rows = [
        tag("tr", tag("th", tag("code", foreign(row, 20)), scope="row"), tag("td", count(number), class_="number"))
        for row, number in counts.biggest
    ]
    biggest = _card("Biggest groups", _table(("Row id of the one kept", ("Pictures", "number")), rows, None))
    kinds = _counted_card("How alike", counts.of("duplicate_kind"), _KINDS)
    return _section("Duplicates", tag("p", told), tag("div", kinds, biggest, class_="cards"))


def _selection(facts: ReportFacts) -> Html | None:
    if not facts.clauses and not facts.splits:
        return None
    clauses = _rows_card("Clauses of select", "Rows left out", facts.clauses)
    splits = _rows_card("Splits", "Rows written", facts.splits)
    left = facts.counts.rows - facts.written
    note = f"Of {count(facts.counts.rows)} rows, {count(facts.written)} are in the data set and {count(left)} are not. "
    more = "Each clause is counted over all rows, so one row may count twice." if facts.clauses else ""
    return _section("Selection", tag("p", note, more), tag("div", splits, clauses, class_="cards"))


def _spoken(facts: ReportFacts) -> Html | None:
    """What became of recordings and captions."""
    cards = [
        _rows_card(name.replace("_", " ").capitalize(), "How often", dict(sorted(counts.items(), key=_by_count)))
        for name, counts in facts.spoken.items()
    ]
    return _section("Recordings and captions", tag("div", *cards, class_="cards")) if any(cards) else None


def _rows_card(title: str, head: str, numbers: Mapping[str, int]) -> Html | None:
    rows = [
        tag("tr", tag("th", foreign(name), scope="row"), tag("td", count(number), class_="number"))
        for name, number in numbers.items()
    ]
    return _card(title, _table(("", (head, "number")), rows, None)) if rows else None


def _throughput(facts: ReportFacts) -> Html | None:
    points = rates(facts.samples)
    if len(points) < 2:
        return None
    (start, before), (end, done) = min(facts.samples), max(facts.samples)
    divisor, unit = (3600, "hours") if end > 7200 else (60, "minutes") if end > 180 else (1, "seconds")
    drawn = line([(t / divisor, rate) for t, rate in points], "Answers per second", unit, "answers per second")
    told = {
        "on average": f"{compact((done - before) / (end - start))} answers per second",
        "at best": f"{compact(max(rate for _, rate in points))} answers per second",
        "answers in this run": count(done - before),
        "asking took": duration(end - start),
    }
    return _section(
        "Throughput", tag("div", _card("Answers per second", drawn), _card("In figures", _told(told)), class_="cards")
    )


def rates(samples: Sequence[tuple[float, int]], buckets: int = 100) -> list[tuple[float, float]]:
    """(seconds, answers per second) over stretches of equal length, from running totals; the clock may have stood still."""
    ordered = sorted(set(samples))
    if len(ordered) < 2 or ordered[-1][0] <= ordered[0][0]:
        return []
    start, end = ordered[0][0], ordered[-1][0]
    width = (end - start) / min(buckets, len(ordered) - 1)
    points, before = [], ordered[0]
    for moment, done in ordered[1:]:
        if moment - before[0] >= width * 0.999:
            points.append(((moment + before[0]) / 2 - start, max(0.0, (done - before[1]) / (moment - before[0]))))
            before = (moment, done)
    return points


def _settings(facts: ReportFacts) -> Html | None:
    cards = [_card(stage, _told(values)) for stage, values in facts.settings.items() if values]
    return _section("Settings, as run", tag("div", cards, class_="cards")) if cards else None


def _told(values: Mapping[str, object]) -> Html:
    said = {key: _UNTOLD if value and _SECRET.search(key) else _said(value) for key, value in values.items()}
    pairs = [(tag("dt", foreign(key)), tag("dd", foreign(value, 300))) for key, value in said.items()]
    return tag("dl", pairs, class_="facts")


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "–" if value is None or value == "" else str(value)


def _footer(facts: ReportFacts) -> Html:
    made = f"Made by pixmo {facts.version}." if facts.version else "Made by pixmo."
    return tag("footer", made, " The counts are those of the columns; manifest.json names every file with its sha256.")


def _section(title: str, *body: Child) -> Html:
    return tag("section", tag("h2", title), *body)


def _card(title: str, *body: Child) -> Html:
    return tag("div", tag("h3", foreign(title)), *body, class_="card")


def _table(heads: Sequence[str | tuple[str, str]], rows: Sequence[Html], caption: str | None) -> Html:
    cells = [
        tag("th", h, scope="col") if isinstance(h, str) else tag("th", h[0], scope="col", class_=h[1]) for h in heads
    ]
    told = tag("caption", caption) if caption else None
    table = tag("table", told, tag("thead", tag("tr", cells)), tag("tbody", rows))
    return tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=caption or "table")


def _by_count(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _plural(number: int, one: str, many: str) -> str:
    return one if number == 1 else many
