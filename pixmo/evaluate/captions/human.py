"""Verdicts of people on the same statements, and how far the judge agrees with them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pixmo.errors import BadSource
from pixmo.evaluate.captions.rows import METRICS, Row, is_bound, repeats_in, statements_in
from pixmo.evaluate.captions.tally import LABELS, Agreement

FIELDS = ("picture", "model", "metric", "statement", "verdict")
_NUMBER = re.compile(r"s?[0-9]{1,8}")
Human = dict[tuple[str, str, str], dict[str, str]]
"""By picture, model and metric: verdict by statement, as it was named: a number from 1, also as `s1`, or the text."""


def read_human(path: Path) -> Human:
    """Verdicts of a CSV file or of JSON lines, with the fields of FIELDS; other fields are ignored.

    Raises BadSource, naming the line, for a field that is missing, an unknown metric or verdict, and two verdicts that contradict.
    """
    found: Human = {}
    for place, row in _lines(path):
        picture, model, metric, statement, verdict = (_field(place, row, name) for name in FIELDS)
        _one_of(place, "metric", metric, METRICS)
        _one_of(place, "verdict", verdict, LABELS)
        known = found.setdefault((picture, model, metric), {}).setdefault(statement, verdict)
        if known != verdict:
            raise BadSource(
                f"{place}: says {verdict} of a statement that an earlier line says {known} of; keep one of them"
            )
    if not found:
        raise BadSource(f"{path}: holds no verdicts; give JSON lines or CSV with {', '.join(FIELDS)}")
    return found


def agreement_with(human: Human, rows: Iterable[Row]) -> dict[str, Agreement]:
    """Agreement per metric: each verdict of a person beside the judge's of each repeat; rows as `judged_rows` gives them."""
    found = {metric: Agreement() for metric in METRICS}
    left = {(*key, statement) for key, verdicts in human.items() for statement in verdicts}
    for row in rows:
        for metric in METRICS:
            key = (row["picture"], row["model"], metric)
            for statement, verdict in human.get(key, {}).items():
                judged = list(_judged(row, metric, statement))
                left -= {(*key, statement)} if judged else set()
                for one in judged:
                    found[metric].add(row["picture"], verdict, one)
    for *_, metric, _ in left:
        found[metric].unmatched += 1
    return found


def _judged(row: Row, metric: str, statement: str) -> Iterator[str]:
    """The judge's verdicts on a statement; of equal texts the first is meant."""
    texts = statements_in(row, metric)
    if statement in texts:
        number = texts.index(statement)
    elif _NUMBER.fullmatch(statement):
        number = int(statement.removeprefix("s")) - 1
    else:
        return
    if 0 <= number < len(texts):
        yield from (v[number] for v in repeats_in(row, metric) if is_bound(row, metric, v))


def _lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:  # Any: JSON values
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadSource(f"{path}: cannot be read ({error.strerror}); give a file of human verdicts") from error
    except UnicodeDecodeError as error:
        raise BadSource(f"{path}: is not UTF-8; save it as UTF-8") from error
    yield from _csv(path, text) if path.suffix.lower() == ".csv" else _json_lines(path, text)


def _csv(path: Path, text: str) -> Iterator[tuple[str, dict[str, Any]]]:  # Any: as above
    rows = csv.DictReader(io.StringIO(text, newline=""))  # not splitlines: statements may hold other ends of lines
    if missing := [name for name in FIELDS if name not in (rows.fieldnames or ())]:
        raise BadSource(f"{path}: has no column {missing[0]!r}; needed are {', '.join(FIELDS)}")
    try:
        for row in rows:
            yield f"{path}:{rows.line_num}", row
    except csv.Error as error:
        raise BadSource(f"{path}:{rows.line_num}: is no CSV ({error})") from error


def _json_lines(path: Path, text: str) -> Iterator[tuple[str, dict[str, Any]]]:  # Any: as above
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise BadSource(f"{path}:{number}: is not a JSON object; give one verdict per line, or a .csv")
        yield f"{path}:{number}", row


def _field(place: str, row: dict[str, Any], name: str) -> str:  # Any: as above
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise BadSource(f"{place}: has no {name!r}; needed are {', '.join(FIELDS)}")
    return str(value)


def _one_of(place: str, name: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise BadSource(f"{place}: {name} {value[:40]!r} is none of {', '.join(known)}")
