"""Results for a terminal: models side by side with their intervals, and how the others differ from the first."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from pixmo.ask import ChatOutcome
from pixmo.evaluate.captions.results import Difference, ModelResults, Number, Results, setting
from pixmo.stages.judge_repetition import RULE

PERCENT = {
    "cap_f1": "cap-F1", "recall": "recall", "recall_at_10": "recall@10", "consistency": "consistency", "cap_f1_per_picture": "cap-F1 per picture",
    "repeated_share": "repeated share", "is_repeating": "repeating", "unscored_share": "unscored",
}  # fmt: skip
"""Metrics that are shares, shown in per cent, by their heading."""

PLAIN = {"n_statements": "statements", "caption_words": "words"}
SIDE_BY_SIDE = 4
MANY_UNSCORED = 0.01
NO_FACTS = {str(o) for o in ChatOutcome if o is not ChatOutcome.OK} | {"too_long", "no_transcripts"}
_LONGEST = 26


def table_lines(results: Results) -> list[str]:
    """The table, with a line for each thing that a reader must know beside the numbers."""
    return [
        *_head(results),
        "",
        *_table(results),
        *_compared(results),
        *_agreed(results),
        *(f"note: {n}" for n in notes(results)),
    ]


def notes(results: Results) -> list[str]:
    """What stands beside every number: missing predictions, unscored verdicts, captions that were not judged."""
    return list(_notes(results))


def shown(name: str, number: Number) -> str:
    """`54.1 [53.0, 55.2]`; – where there is no value."""
    if number.value is None:
        return "–"
    times = 100 if name in PERCENT else 1
    around = (
        "" if number.low is None or number.high is None else f" [{times * number.low:.1f}, {times * number.high:.1f}]"
    )
    return f"{times * number.value:.1f}{around}"


def shown_p(p: float | None) -> str:
    """`p = 0.012`; `p < 0.001` below that."""
    return "p –" if p is None else "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def about(results: Results) -> str:
    """Protocol, judges and how much was judged, on one line."""
    protocol, kind = setting(results.stamp, "protocol") or "?", setting(results.stamp, "kind") or "image"
    names = sorted({name for names in results.judges.values() for name in names} - {RULE})
    noun = "video" if kind == "video" else "picture"
    asked = max(results.repeats.values(), default=0)
    return " · ".join(
        [
            f"protocol {protocol}", f"judged by {', '.join(map(printable, names)) or 'nobody'}",
            f"{results.pictures:,} {noun}{'' if results.pictures == 1 else 's'}",
            *([f"{asked} repeats"] if asked > 1 else []),
        ]
    )  # fmt: skip


def printable(text: str, longest: int = 200) -> str:
    """On one line, shortened, without commands for a terminal: models may be named anything."""
    clean = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:longest])
    return clean + "…" if len(text) > longest else clean


def _head(results: Results) -> Iterator[str]:
    yield about(results)
    yield "per cent, with 95 % intervals over pictures; statements and words are means per caption"


def _table(results: Results) -> Iterator[str]:
    names = [name for name in (PERCENT | PLAIN) if any(m.metrics[name].value is not None for m in results.models)]
    for start in range(0, len(results.models), SIDE_BY_SIDE):
        models = results.models[start : start + SIDE_BY_SIDE]
        rows = [("", [printable(m.model, _LONGEST) for m in models])]
        rows += [((PERCENT | PLAIN)[name], [shown(name, m.metrics[name]) for m in models]) for name in names]
        rows += [("pictures", [f"{m.pictures:,}" for m in models]), *_counts(models)]
        yield from _aligned(rows)
        yield ""


def _counts(models: Sequence[ModelResults]) -> Iterator[tuple[str, list[str]]]:
    for heading, counts in (
        ("without a prediction", [m.missing for m in models]),
        ("empty captions", [m.empty for m in models]),
        ("refused", [m.refused for m in models]),
        ("failed", [m.failed for m in models]),
    ):
        if any(counts):
            yield heading, [f"{n:,}" for n in counts]


def _compared(results: Results) -> Iterator[str]:
    if not results.differences:
        return
    yield f"difference to {printable(results.models[0].model)}, in points, over the pictures both have"
    yield from _aligned(
        [(f"{printable(d.model, _LONGEST)}  {PERCENT[d.metric]}", _told(d)) for d in results.differences]
    )
    yield ""


def _told(found: Difference) -> list[str]:
    needed = found.pictures_needed.get("0.01")
    enough = f"{needed:,} pictures to see 1 point" if needed else ""
    return [shown(found.metric, found.difference), shown_p(found.p), f"{found.difference.pictures:,} pictures", enough]


def _agreed(results: Results) -> Iterator[str]:
    for who, agreed in (("itself", results.self_agreement), ("people", results.human_agreement)):
        for metric, found in agreed.items():
            kappa = found.kappa
            around = "" if kappa.low is None or kappa.high is None else f" [{kappa.low:.2f}, {kappa.high:.2f}]"
            beyond = "not defined" if kappa.value is None else f"{kappa.value:.2f}{around}"
            same = "–" if found.share.value is None else f"{100 * found.share.value:.1f} %"
            apart = f", {found.unscored:,} unscored apart" if found.unscored else ""
            lost = f", {found.unmatched:,} without a partner" if found.unmatched else ""
            yield f"judge and {who}, {metric}: {same} the same, kappa {beyond}, of {found.pairs:,} pairs{apart}{lost}"


def _notes(results: Results) -> Iterator[str]:
    if results.missing:
        yield f"{results.missing:,} predictions are missing; only what is there is scored"
    if lost := sum(n for outcome, n in results.references.items() if outcome in NO_FACTS):
        yield f"pictures whose people's statements could not be made: {lost:,}; recall leaves them out"
    for model in results.models:
        name, share = printable(model.model, _LONGEST), model.metrics["unscored_share"].value or 0.0
        if share > MANY_UNSCORED:
            yield f"{share:.1%} of the verdicts on {name} are unscored, and outside every mean"
        if lost := model.refused + model.failed:
            yield f"captions of {name} that the judge refused or failed on: {lost:,}; see outcomes in results.json"


def _aligned(rows: Sequence[tuple[str, Sequence[str]]]) -> Iterator[str]:
    first = max(_width(name) for name, _ in rows)
    wide = [max(_width(cells[i]) for _, cells in rows) for i in range(len(rows[0][1]))]
    for name, cells in rows:
        padded = (cell + " " * (width - _width(cell)) for cell, width in zip(cells, wide, strict=True))
        yield f"  {name}{' ' * (first - _width(name))}  {'  '.join(padded)}".rstrip()


def _width(text: str) -> int:
    """Columns of a terminal."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
