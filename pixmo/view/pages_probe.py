"""What a training probe of the set found: verdicts, curves, and the rows that cost most."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from starlette.datastructures import QueryParams
from starlette.responses import Response

from pixmo.errors import BadFolder
from pixmo.page.charts import line
from pixmo.page.html import Child, Html, foreign, shortened, tag
from pixmo.page.numbers import count
from pixmo.view.document import View, page_of
from pixmo.view.left_out import text_in
from pixmo.view.pages_parts import command, computing, heading, number_of, section, several, table, tiles, turning
from pixmo.view.source import DataSet, Unread
from pixmo.view.work import OnRows, Work

PATH, NAME = "probe", "Probe"
PER_PAGE, MOST_POINTS, MOST_BYTES = 24, 300, 32 * 2**20
_BATCH_ROWS = 65_536
QUESTIONS = {"overfit": "Can a batch be learned by heart?", "shuffle": "Do its pictures tell about its captions?"}


class Probed(NamedTuple):
    """Answers, and the rows that were scored, most suspicious first, each with its number in the set where it is there."""

    told: Mapping[str, Any]  # Any: JSON
    rows: list[dict[str, Any]]  # Any: column values
    numbers: dict[str, int]


def probed(data: DataSet, folder: Path, on_rows: OnRows) -> Probed:
    """What lies in the folder of a probe. Raises BadFolder for what is none."""
    file = folder / "probe.json"
    try:
        if file.stat().st_size > MOST_BYTES:
            raise BadFolder(f"{file}: is larger than any probe's")
        told = json.loads(file.read_bytes())
        rows = pq.read_table(folder / "rows.parquet").to_pylist() if (folder / "rows.parquet").is_file() else []
    except (OSError, ValueError, pa.ArrowException, RecursionError) as error:
        raise BadFolder(f"{folder}: holds no answers of a probe: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(told, dict):
        raise BadFolder(f"{file}: is no probe's")
    left = _map(told, "overfit").get("left")
    ids = {
        str(row.get("row_id")) for row in [*rows, *(left if isinstance(left, list) else [])] if isinstance(row, dict)
    }
    return Probed(told, rows, numbers_of(data, ids, on_rows))


def numbers_of(data: DataSet, ids: set[str], on_rows: OnRows) -> dict[str, int]:
    """The numbers of rows by their ids, those that are there."""
    groups, column = data.rows.groups, data.rows.layout.row_id
    found: dict[str, int] = {}
    wanted = pa.array(sorted(ids), pa.string())
    done = 0
    for batch in data.rows.batches(_BATCH_ROWS, [column]) if column else []:
        texts = batch.column(0).cast(pa.string())
        for at in np.flatnonzero(pc.is_in(texts, wanted).to_numpy(zero_copy_only=False)).tolist():
            found.setdefault(texts[at].as_py(), done + at)
        done += batch.num_rows
        on_rows(done)
    starts: dict[str, int] = {}
    for n, (file, _) in enumerate(groups.place):
        starts.setdefault(Path(groups.files[file].path).name, int(groups.starts[n]))
    for one in ids - found.keys():
        name, _, told = one.rpartition(":")
        if name in starts and told.isascii() and told.isdecimal() and len(told) < 12:
            number = starts[name] + int(told)
            if number < len(data.rows) and groups.place_of(number) == (name, int(told)):
                found[one] = number
    return found


def folder_of(data: DataSet) -> Path | None:
    """Where `pixmo train probe` puts its answers about a set unless it is told: here, or beside the set."""
    path = Path(data.path).expanduser()
    name = f"{path.stem}-probe"
    return next((f for f in (Path(name), path.parent / name) if (f / "probe.json").is_file()), None)


def probe_page(view: View, work: Work[Probed] | None, params: QueryParams) -> Response:
    """Verdicts, curves, rows; how far the looking up of the rows is until they are found."""
    if work is None:
        nothing = tag("p", "There is no training probe of this set. This makes one; the viewer finds it when it is started again, or by --probe FOLDER:", class_="empty")  # fmt: skip
        return page_of(
            view, NAME, heading(NAME), nothing, command(f"pixmo train probe {shlex.quote(view.data.path)}"), at=PATH
        )
    page = number_of(params, "page", 1)
    known = work.begin(again=params.get("again") == "1")
    if known is None:
        return computing(view, work.state, PATH, NAME, {"page": page})
    told = known.told
    return page_of(
        view, NAME, _head(told), _verdicts(told), _curves(_map(told, "overfit"), _map(told, "shuffle")), _left(known),
        _suspicious(view, known, page), at=PATH,
    )  # fmt: skip


def _head(told: Mapping[str, Any]) -> Html:  # Any: JSON
    by = (
        "a small captioner from scratch"
        if told.get("model") == "from scratch"
        else foreign(str(told.get("model", "a model")), 80)
    )
    return heading(NAME, "Small trainings on ", foreign(str(told.get("data", "the set")), 80), f": {_count(told.get('rows'))} rows with {_count(told.get('pictures'))} different pictures, looked at with ", by, ".")  # fmt: skip


def _verdicts(told: Mapping[str, Any]) -> Html:  # Any: JSON
    figures = []
    if found := _map(told, "overfit"):
        figures.append((f"a batch of {_count(found.get('rows'))} rows", str(found.get("verdict", "")), f"loss {_decimal(found.get('loss'))} in {_count(found.get('steps'))} steps"))  # fmt: skip
    if found := _map(told, "shuffle"):
        gained = _map(found, "gained")
        note = str(found["why"])[:300] if "why" in found else f"{_decimal(gained.get('value'))} nats a token ({_decimal(gained.get('low'))} to {_decimal(gained.get('high'))})"  # fmt: skip
        figures.append(("pictures and captions", str(found.get("verdict", "")), note))
    if found := _map(told, "suspicious"):
        figures.append(("scored rows", _count(found.get("scored")), f"loss {_decimal(found.get('loss'))} nats a token"))
    return tiles([(name, shortened(figure, 80), note) for name, figure, note in figures])


def _curves(overfit: Mapping[str, Any], shuffle: Mapping[str, Any]) -> Html | None:  # Any: JSON
    cards = []
    if overfit.get("curve"):
        cards.append(
            _curve(QUESTIONS["overfit"], overfit["curve"], f"Learned is a loss below {_decimal(overfit.get('goal'))}.")
        )
    for name, words in (("true", "On true pairs"), ("shuffled", "On shuffled pairs")):
        if (curve := _map(shuffle, "curves").get(name)) and isinstance(curve, list):
            cards.append(_curve(words, curve, QUESTIONS["shuffle"]))
    cards = [card for card in cards if card]
    return section("Losses", tag("div", *cards, class_="cards")) if cards else None


def _curve(title: str, curve: Any, note: str) -> Html | None:  # Any: JSON
    losses = (
        [float(x) for x in curve if isinstance(x, int | float) and math.isfinite(x) and x >= 0]
        if isinstance(curve, list)
        else []
    )
    if not losses:
        return None
    every = max(1, -(-len(losses) // MOST_POINTS))
    points = [(float(n + 1), losses[n]) for n in range(0, len(losses), every)]
    return tag(
        "div",
        tag("h3", title),
        line(points, title, "steps", "nats a token"),
        tag("p", note, class_="soft small"),
        class_="card",
    )


def _left(known: Probed) -> Html | None:
    """Rows of the batch that were not learned by heart."""
    left = _map(known.told, "overfit").get("left")
    rows = [
        tag("tr", tag("th", _row(known, str(one.get("row_id"))), scope="row"), tag("td", _decimal(one.get("loss")), class_="number"), tag("td", foreign(str(one.get("why", "")), 300)))
        for one in (left[:50] if isinstance(left, list) else []) if isinstance(one, dict)
    ]  # fmt: skip
    if not rows:
        return None
    heads = [("Row", ""), ("Loss", "number"), ("Why that may be", "")]
    return section("Not learned by heart", tag("div", table("Rows that were not learned", heads, rows), class_="card"))


def _suspicious(view: View, known: Probed, page: int) -> Html:
    title = "Rows to look at"
    if not known.rows:
        return section(title, tag("p", "The probe was not asked which rows cost most.", class_="empty"))
    pages = -(-len(known.rows) // PER_PAGE)
    shown = known.rows[(page - 1) * PER_PAGE : page * PER_PAGE]
    numbers = sorted({n for row in shown if (n := known.numbers.get(str(row.get("row_id")))) is not None})
    read = dict(zip(numbers, view.data.read(numbers), strict=True))
    view.pictures.expect(numbers)
    told = f"All {several(len(known.rows), 'scored row')}, those first whose loss lies furthest above that of others of their style. A model that did not see the row scored it."  # fmt: skip
    items = [_suspect(view, known, row, read) for row in shown]
    empty = tag("p", f"There are {count(pages)} pages.", class_="empty") if not items else None
    return section(
        title, tag("p", told, class_="soft"), tag("ul", *items, class_="beside"), empty, turning(PATH, {}, page, pages)
    )


def _suspect(view: View, known: Probed, row: Mapping[str, Any], read: Mapping[int, Any]) -> Html:  # Any: column values
    row_id = str(row.get("row_id"))
    number = known.numbers.get(row_id)
    seen: list[Child] = []
    if number is not None:
        if view.pictures.column is not None:
            image = tag(
                "img",
                src=f"./thumb/{number}/0?v={view.data.digest[:8]}",
                alt=f"Picture of row {number:,}",
                loading="lazy",
                decoding="async",
            )
            seen.append(tag("p", tag("span", image, class_="stage"), class_="thumb"))
        found = read[number]
        text = "" if isinstance(found, Unread) else text_in(found.columns)
        seen.append(tag("p", tag("bdi", shortened(text, 400)), class_="text small", dir="auto") if text else None)
    beside = row.get("loss_beside_another")
    facts = [
        ("loss", _decimal(row.get("loss"))), ("beside another's picture", _decimal(beside) if beside is not None else ""),
        ("deviations above", _decimal(row.get("z"))), ("tokens", _count(row.get("tokens"))), ("style", shortened(str(row.get("style", "")), 40)),
    ]  # fmt: skip
    listed = tag("dl", *((tag("dt", name), tag("dd", value)) for name, value in facts if value), class_="facts")
    return tag("li", *seen[:1], tag("p", _row(known, row_id)), *seen[1:], listed, class_="card")


def _row(known: Probed, row_id: str) -> Html:
    number = known.numbers.get(row_id)
    if number is None:
        return tag("span", foreign(row_id, 40), " is not in this set", class_="soft")
    return tag("a", f"Row {number:,}", href=f"./row/{number}")


def _map(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:  # Any: JSON
    found = told.get(name)
    return found if isinstance(found, dict) else {}


def _decimal(value: Any) -> str:  # Any: JSON
    return f"{value:.3f}" if isinstance(value, int | float) and math.isfinite(value) else "–"


def _count(value: Any) -> str:  # Any: JSON
    return count(value) if isinstance(value, int) else "–"
