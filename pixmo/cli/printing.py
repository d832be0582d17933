"""Results on stdout: what a run did, aligned for people, or JSON for machines."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pixmo.run.job import Summary

MAY_RETRY = 3
LONGEST_LABEL = 48
MOST_REASONS, LONGEST_REASON = 20, 200
STEPS = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


def amount(size: float) -> str:
    """A number of bytes for people: three digits and a unit."""
    for factor, unit in STEPS:
        if size >= factor:
            return f"{size / factor:.3g} {unit}" if size < 999.5 * factor else f"{size / factor:.0f} {unit}"
    return f"{size:.0f} bytes"


def table(rows: Sequence[tuple[str, int, str]]) -> list[str]:
    """(label, count, remark) as lines with counts aligned to the right."""
    rows = [(_shortened(name), number, remark) for name, number, remark in rows]
    label = max((len(r[0]) for r in rows), default=0)
    count = max((len(f"{r[1]:,}") for r in rows), default=0)
    return [f"  {name:<{label}}  {number:>{count},}  {remark}".rstrip() for name, number, remark in rows]


def _shortened(name: str) -> str:
    """A label that leaves room for its count: a list may name hosts of hundreds of characters."""
    return name if len(name) <= LONGEST_LABEL else name[: LONGEST_LABEL - 1] + "…"


def outcome_rows(outcomes: Mapping[str, int], retryable: Mapping[str, int] | None = None) -> list[tuple[str, int, str]]:
    """Outcomes by number, with a mark at those worth asking again."""
    from pixmo.ask import Outcome

    def remark(name: str) -> str:
        again = name in retryable if retryable is not None else name in set(Outcome) and Outcome(name).worth_retrying
        return "may be retried" if again else ""

    return [
        (name, n, remark(name)) for name, n in sorted(outcomes.items(), key=lambda kv: (kv[0] != "ok", -kv[1], kv[0]))
    ]


def told(value: Any) -> str:  # Any: JSON values
    """JSON for machines."""
    return json.dumps(value, indent=1, ensure_ascii=False)


def finished(summary: Summary, as_json: bool) -> int:
    """Prints what a run did; its exit code."""
    print(told(summary.as_json()) if as_json else "\n".join(summary_lines(summary)))
    return MAY_RETRY if summary.retryable else 0


def summary_lines(summary: Summary) -> list[str]:
    """What a run did and where to look."""
    lines = [f"{summary.out}: {summary.written:,} of {summary.rows:,} rows kept, {_work(summary)}"]
    noun = counted_noun(summary.outcomes, summary.rows)
    lines += ["of its pictures"] if noun == "picture" else []
    lines += table(outcome_rows(summary.outcomes))
    lines += more_lines(summary.more)
    lines += [
        f"  {many(n, 'row')} left out by `{clause}`" for clause, n in summary.left.items() if n and clause != "ok"
    ]
    lines += left_out_lines(summary.out)
    lines.append(f"look at {summary.out / 'report.html'}" + _how_to_load(summary))
    if summary.retryable:
        lines.append(retry_line(summary.retryable, summary.out, noun))
    return lines


def more_lines(counted: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Counts of recordings and captions, a line per column."""
    return [
        f"{name.replace('_', ' ')}: " + ", ".join(f"{k} {n:,}" for k, n in sorted(counts.items(), key=_by_number))
        for name, counts in counted.items()
        if counts
    ]


def left_out_lines(out: Path) -> list[str]:
    """What was left out and why, one line each, where the run wrote that down."""
    path = out / "left-out.jsonl"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", errors="surrogateescape") as file:
        why = [reason for line in file for reason in json.loads(line)["why"]]
    if not why:
        return []
    more = [f"  … and {len(why) - MOST_REASONS:,} more"] if len(why) > MOST_REASONS else []
    shown = [f"  {printable(reason[:LONGEST_REASON])}" for reason in why[:MOST_REASONS]]
    return [f"left out, as told in {path}:", *shown, *more]


def printable(text: str) -> str:
    """On one line and without commands for a terminal: files may be named anything."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _by_number(item: tuple[str, int]) -> tuple[bool, int, str]:
    return item[0] != "ok", -item[1], item[0]


def _how_to_load(summary: Summary) -> str:
    """A line of Python for what was published; none for no rows and for tars, which `datasets` often cannot read."""
    if not summary.written or any((summary.out / "data").glob("*.tar")):
        return ""
    return f", or datasets.load_dataset({str(summary.out)!r})"


def counted_noun(outcomes: Mapping[str, int], rows: int) -> str:
    """What outcomes count: rows, or pictures where a row has several."""
    return "row" if sum(outcomes.values()) <= rows else "picture"


def retry_line(number: int, out: Path, noun: str = "row") -> str:
    """How many rows may end otherwise, and the command that asks them again."""
    return f"{many(number, noun)} may end otherwise if asked again: pixmo retry {shlex.quote(str(out))}"


def many(number: int, noun: str) -> str:
    """1 row, 2 rows."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _work(summary: Summary) -> str:
    if not summary.asked and not summary.files_written:
        return f"nothing to do ({summary.seconds:.1f} s)"
    return f"{summary.asked:,} asked, {amount(summary.received_bytes)} received, {summary.seconds:.1f} s"
