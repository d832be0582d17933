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
STEPS = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


def amount(size: float) -> str:
    """A number of bytes for people: three digits and a unit."""
    for factor, unit in STEPS:
        if size >= factor:
            return f"{size / factor:.3g} {unit}" if size < 999.5 * factor else f"{size / factor:.0f} {unit}"
    return f"{size:.0f} bytes"


def table(rows: Sequence[tuple[str, int, str]]) -> list[str]:
    """(label, count, remark) as lines with counts aligned to the right."""
    label = max((len(r[0]) for r in rows), default=0)
    count = max((len(f"{r[1]:,}") for r in rows), default=0)
    return [f"  {name:<{label}}  {number:>{count},}  {remark}".rstrip() for name, number, remark in rows]


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
    lines += table(outcome_rows(summary.outcomes))
    lines += [
        f"  {many(n, 'row')} left out by `{clause}`" for clause, n in summary.left.items() if n and clause != "ok"
    ]
    lines.append(f"look at {summary.out / 'report.html'}, or datasets.load_dataset({str(summary.out)!r})")
    if summary.retryable:
        lines.append(retry_line(summary.retryable, summary.out))
    return lines


def retry_line(rows: int, out: Path) -> str:
    """How many rows may end otherwise, and the command that asks them again."""
    return f"{many(rows, 'row')} may end otherwise if asked again: pixmo retry {shlex.quote(str(out))}"


def many(number: int, noun: str) -> str:
    """1 row, 2 rows."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _work(summary: Summary) -> str:
    if not summary.asked and not summary.files_written:
        return f"nothing to do ({summary.seconds:.1f} s)"
    return f"{summary.asked:,} asked, {amount(summary.received_bytes)} received, {summary.seconds:.1f} s"
