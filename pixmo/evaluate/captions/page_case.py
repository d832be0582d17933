"""One case of the report: the picture, what people said of it, the caption, and each statement with its verdict."""

from __future__ import annotations

import base64
from collections import Counter
from typing import Any

from pixmo.evaluate.captions.cases import Case, Told
from pixmo.page.html import Child, Html, foreign, tag
from pixmo.records.judgement import Verdict

WORDS = {
    Verdict.NO: ("✗", "not stated", "inconsistent"),
    Verdict.YES: ("✓", "stated", "consistent"),
    Verdict.CANNOT_TELL: ("?", "cannot tell", "cannot tell"),
    Verdict.UNSCORED: ("–", "unscored", "unscored"),
}
"""Sign and words of a verdict, of recall and of consistency: colour is never the only sign."""

MOST_TRANSCRIPTS = 8
_HEADINGS = {"consistency": "Statements of the caption", "recall": "Statements of people"}
_CAPTION, _SPOKEN, _STATEMENT, _LINK = 4_000, 2_000, 400, 200
_MOST_THUMBNAIL = 256 * 1024
_KINDS = {b"\xff\xd8\xff": "jpeg", b"\x89PNG": "png", b"RIFF": "webp"}


def case(one: Case, model: int) -> Html:
    """A card; `model` is the number of the case's model among those of the page."""
    row = one.row
    return tag(
        "article",
        tag("h3", foreign(row["model"]), " · ", _scores(row)),
        tag("div", tag("div", _picture(row), _spoken(row)), tag("div", _caption(row), _lists(one), _why(one)), class_="case"),
        class_="card", data_model=model,
    )  # fmt: skip


def _scores(row: dict[str, Any]) -> str:  # Any: column values
    told = {"cap-F1": row["cap_f1"], "recall": row["recall"], "consistency": row["consistency"]}
    return ", ".join(f"{name} {'–' if value is None else f'{100 * value:.0f}'}" for name, value in told.items())


def _picture(row: dict[str, Any]) -> list[Child]:  # Any: as above
    """The thumbnail where there is one, and the address as text: a page of foreign addresses is not to be clicked through."""
    data = row["thumbnail"] or b""
    kind = next((name for head, name in _KINDS.items() if data.startswith(head)), None)
    shown = kind and len(data) <= _MOST_THUMBNAIL
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}" if shown else None
    address = row["image_url"] or row["picture"]
    return [
        tag("img", src=source, alt="the picture") if source else None,
        tag("p", foreign(address, _LINK), class_="soft"),
    ]


def _spoken(row: dict[str, Any]) -> list[Child]:  # Any: as above
    texts = row["transcripts"] or []
    if not texts:
        return [tag("p", "No transcripts.", class_="soft")]
    more = len(texts) - MOST_TRANSCRIPTS
    return [
        tag("h4", "What people said"),
        [tag("p", foreign(text or "", _SPOKEN), class_="said") for text in texts[:MOST_TRANSCRIPTS]],
        tag("p", f"and {more:,} more", class_="soft") if more > 0 else None,
    ]


def _caption(row: dict[str, Any]) -> list[Child]:  # Any: as above
    caption = row["caption"] or ""
    shown = foreign(caption, _CAPTION) if caption.strip() else "No caption."
    return [tag("h4", "Caption"), tag("p", shown, class_="caption")]


def _lists(one: Case) -> list[Child]:
    return [_list(metric, one.told[metric], one.left[metric]) for metric in _HEADINGS if one.told[metric]]


def _list(metric: str, told: list[Told], left: int) -> list[Child]:
    yes = sum(one.verdicts[:1] == [Verdict.YES] for one in told)
    word = WORDS[Verdict.YES][1 if metric == "recall" else 2]
    heading = f"{_HEADINGS[metric]}: {yes} {word} of {len(told):,}" + (f" shown, {left:,} more" if left else "")
    return [tag("h4", heading), tag("ul", [_item(metric, statement) for statement in told], class_="told")]


def _item(metric: str, one: Told) -> Html:
    often = Counter(one.verdicts or [Verdict.UNSCORED])
    known = [verdict for verdict in WORDS if often[verdict]]
    (first, _), *_ = often.most_common()
    marks = [_mark(metric, verdict, often[verdict], len(one.verdicts)) for verdict in known]
    category = tag("small", " ", foreign(one.category, 40)) if one.category else None
    return tag(
        "li",
        tag("span", marks, category, class_="verdict"),
        foreign(one.text, _STATEMENT),
        class_=str(first) if first in WORDS else str(Verdict.UNSCORED), data_metric=metric, data_verdicts=" ".join(known),
    )  # fmt: skip


def _mark(metric: str, verdict: Verdict, times: int, of: int) -> Html:
    sign, recall, consistency = WORDS[verdict]
    often = f" {times}/{of}" if times < of else ""
    return tag("span", f"{sign} {recall if metric == 'recall' else consistency}{often} ", class_=str(verdict))


def _why(one: Case) -> Html | None:
    if not one.why:
        return None
    return tag("p", "; ".join(f"{question}: {outcome}" for question, outcome in one.why.items()), class_="soft")
