"""The parts of a card as HTML."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from pixmo.page.html import Html, foreign, shortened, tag
from pixmo.view.card import Card
from pixmo.view.card_pieces import (
    Block,
    Chip,
    Chips,
    Code,
    Compared,
    Conversation,
    Expression,
    Face,
    Sound,
    Text,
    Verdicts,
)  # fmt: skip
from pixmo.view.clock_face import clock_face, spelled
from pixmo.view.marks import colour_class, has_letters, letter
from pixmo.view.words import Stretch, compare

MOST_CHARS = 20_000
MOST_BLOCKS, MOST_ITEMS = 100, 300
"""Texts of a row, and turns, chips, statements or labels of one, that are shown: nobody reads more, and a page stays quick."""

_COORDINATES = 60
_VERDICTS = {"yes": "ok", "no": "lost", "cannot_tell": "left", "unscored": "again"}


def text_of(body: str) -> Html:
    """A text from outside, its lines kept; of a very long one the beginning, and how long it is."""
    told = tag("bdi", body[:MOST_CHARS])
    return tag("p", told, _cut(len(body)), class_="text", dir="auto")


def _cut(chars: int) -> Html | None:
    return tag("span", f" … {chars:,} characters in all", class_="soft") if chars > MOST_CHARS else None


def blocks_of(card: Card, sound_at: Callable[[Sound], str | None]) -> list[Html]:
    """Every text, turn, sound and verdict of a card. `sound_at` gives the address of a recording, None where it is not kept."""
    drawn = [_DRAWN[type(block)](block, card, sound_at) for block in card.blocks[:MOST_BLOCKS]]
    return [*drawn, *_rest(len(card.blocks), MOST_BLOCKS, "parts")]


def _rest(all_of_them: int, shown: int, what: str) -> list[Html]:
    """How many there are, where not all are shown."""
    return (
        [tag("p", f"{all_of_them:,} {what}; the first {shown:,} are shown.", class_="soft small")]
        if all_of_them > shown
        else []
    )


def _text(block: Text, card: Card, sound_at: Any) -> Html:  # Any: not used
    return tag("section", tag("h2", foreign(block.head)), text_of(block.body), class_="block")


def _compared(block: Compared, card: Card, sound_at: Any) -> Html:  # Any: not used
    found = compare(block.body[:MOST_CHARS], [text[:MOST_CHARS] for _, text in block.others])
    first = tag(
        "div",
        tag("h2", foreign(block.head)),
        tag("p", tag("bdi", _marked(found.body, "ins")), class_="text", dir="auto"),
    )
    rest = [
        tag("div", tag("h3", foreign(head)), tag("p", tag("bdi", _marked(stretches, "del")), class_="text", dir="auto"))
        for (head, _), stretches in zip(block.others, found.others, strict=True)
    ]
    why = "Marked: words that the other side does not have." + (
        "" if found.is_whole else " The first 1,000 words are compared."
    )
    return tag(
        "section", tag("div", first, *rest, class_="compared"), tag("p", why, class_="soft small"), class_="block"
    )


def _marked(stretches: Sequence[Stretch], name: str) -> list[Html | str]:
    """Words of one side alone as such; the space behind them is nobody's."""
    found: list[Html | str] = []
    for stretch in stretches:
        text = stretch.text.rstrip()
        found += [tag(name, text) if stretch.is_alone else text, stretch.text[len(text) :]]
    return found


def _conversation(block: Conversation, card: Card, sound_at: Any) -> Html:  # Any: not used
    turns = [
        tag(
            "li",
            tag("span", "Answer" if n % 2 else "Question", class_="who"),
            text_of(turn),
            class_="mine" if n % 2 else "theirs",
        )
        for n, turn in enumerate(block.turns[:MOST_ITEMS])
    ]
    note = tag("details", tag("summary", "Explanation"), text_of(block.note)) if block.note else None
    return tag(
        "section",
        tag("h2", "Conversation" if len(turns) > 2 else "Question and answer"),
        tag("ol", *turns, class_="turns"),
        *_rest(len(block.turns), MOST_ITEMS, "turns"),
        note,
        class_="block",
    )


def _chips(block: Chips, card: Card, sound_at: Any) -> Html:  # Any: not used
    parts = [
        _chip(part, card) if isinstance(part, Chip) else tag("bdi", part[:MOST_CHARS])
        for part in block.parts[: 2 * MOST_ITEMS]
    ]
    return tag(
        "section",
        tag("h2", "Question"),
        text_of(block.question),
        tag("h2", "Answer"),
        tag("p", *parts, class_="text", dir="auto"),
        *_rest(len(block.parts), 2 * MOST_ITEMS, "parts of the answer"),
        class_="block",
    )


def _chip(chip: Chip, card: Card) -> Html:
    count = card.expressions[chip.expression].total
    name = tag("b", letter(chip.expression)) if has_letters(card.expressions) else None
    told = name, " ", foreign(chip.text), tag("span", f" ×{count}") if count != 1 else None
    return tag(
        "button", *told, type="button", class_=f"chip {colour_class(chip.expression)}", data_expression=chip.expression
    )


def _face(block: Face, card: Card, sound_at: Any) -> Html:  # Any: not used
    told = tag("p", "The record says ", tag("b", foreign(block.text)), f", and shows {spelled(block)}.")
    return tag("section", tag("h2", "Time"), tag("div", clock_face(block), told, class_="time"), class_="block")


def _code(block: Code, card: Card, sound_at: Any) -> Html:  # Any: not used
    body = tag("pre", block.body[:MOST_CHARS], _cut(len(block.body)), tabindex=0)
    return tag("details", tag("summary", foreign(block.head)), body, class_="block")


def _sound(block: Sound, card: Card, sound_at: Callable[[Sound], str | None]) -> Html:
    address = sound_at(block)
    name = f"sound-{block.number}"
    player = (
        tag("audio", id=name, src=address, controls=True, preload="metadata")
        if address
        else tag("p", "The recording is not kept in this folder.", class_="soft")
    )
    if block.words:
        said: list[Html] = [
            tag(
                "span",
                tag("bdi", w.text.strip()),
                " ",
                class_="word",
                data_start=f"{w.start_s:g}",
                data_end=f"{w.end_s:g}",
            )
            for w in block.words
        ]
        text = tag("p", *said, class_="text said", data_sound=name if address else None)
    else:
        text = text_of(block.text)
    told = tag("p", block.told, class_="soft small") if block.told else None
    return tag("section", tag("h2", f"Recording {block.number + 1}"), player, told, text, class_="block")


def _verdicts(block: Verdicts, card: Card, sound_at: Any) -> Html:  # Any: not used
    items = []
    for said in block.statements[:MOST_ITEMS]:
        marks = [
            tag("span", v.replace("_", " "), class_=f"mark {_VERDICTS.get(v, 'left')}") for v in said.verdicts
        ] or [tag("span", "not asked", class_="mark left")]
        tone = _VERDICTS.get(said.verdicts[0], "left") if said.verdicts else "left"
        why = tag("span", foreign(said.why, 500), class_="soft small") if said.why else None
        items.append(
            tag("li", *[(m, " ") for m in marks], tag("bdi", said.text[:2000]), " ", why, class_=f"said-{tone}")
        )
    return tag(
        "section",
        tag("h2", foreign(block.head)),
        tag("ul", *items, class_="verdicts"),
        *_rest(len(block.statements), MOST_ITEMS, "statements"),
        class_="block",
    )


_DRAWN: dict[type[Block], Callable[[Any, Card, Any], Html]] = {  # Any: the block of that class
    Text: _text, Compared: _compared, Conversation: _conversation, Chips: _chips, Face: _face, Code: _code, Sound: _sound,
    Verdicts: _verdicts,
}  # fmt: skip


def legend(card: Card) -> Html | None:
    """Each expression with its colour, letter and number of points, as a button that shows it alone; and what is not there."""
    if not card.expressions:
        return None
    several = has_letters(card.expressions)
    items = [tag("li", _entry(e, n, several), _places(e)) for n, e in enumerate(card.expressions[:MOST_ITEMS])]
    return tag(
        "section",
        tag("h2", "Points"),
        tag("ul", *items, class_="expressions"),
        *_rest(len(card.expressions), MOST_ITEMS, "labels"),
        class_="block",
    )


def _entry(expression: Expression, number: int, several: bool) -> Html:
    name, label = (
        tag("b", letter(number)) if several and not expression.is_predicted else None,
        foreign(expression.label, 160),
    )
    if expression.is_absent:
        return tag(
            "p",
            tag("span", name, " ", label, class_=f"chip absent {colour_class(number)}"),
            " ",
            tag("span", "not in the picture", class_="mark left"),
        )
    count = expression.total if expression.total or expression.count is None else expression.count
    told = tag("span", f"{count:,}", class_="count")
    chip = tag(
        "button", name, " ", label, " ", told, type="button", class_=f"chip {'predicted' if expression.is_predicted else colour_class(number)}", data_expression=number,
        aria_pressed="false", title="Show only these",
    )  # fmt: skip
    notes = [expression.why] if expression.why else []
    if expression.count is not None and expression.total and expression.count != expression.total:
        notes.append(f"the record counts {expression.count:,}")
    if not expression.why and 0 < len(expression.marks) < expression.total:
        notes.append(f"{len(expression.marks):,} of {expression.total:,} are drawn")
    return tag("p", chip, " ", tag("span", "; ".join(notes), class_="soft small") if notes else None)


def _places(expression: Expression) -> Html | None:
    if not expression.marks:
        return None
    rows = [
        tag("li", f"{m.x:.1f} %, {m.y:.1f} %", data_point=m.number, value=m.number)
        for m in expression.marks[:_COORDINATES]
    ]
    more = (
        tag("p", f"and {expression.total - _COORDINATES:,} more", class_="soft small")
        if expression.total > _COORDINATES
        else None
    )
    return tag("details", tag("summary", "Places"), tag("ol", *rows, class_="places"), more)


def facts(card: Card) -> Html | None:
    """All other columns."""
    if not card.facts:
        return None
    pairs = [(tag("dt", foreign(name)), tag("dd", foreign(spelled_value(value), 1000))) for name, value in card.facts]
    return tag(
        "details",
        tag("summary", f"All other columns ({len(pairs)})"),
        tag("dl", *pairs, class_="facts"),
        class_="block",
        open=len(pairs) <= 12,
    )


def spelled_value(value: Any) -> str:  # Any: a column value
    """A column's value on one line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int):
        return str(value)
    told = value[:1000] if isinstance(value, list) else value
    return shortened(json.dumps(told, ensure_ascii=False, default=str), 4000) + (
        f" ({len(value):,} values)" if told != value else ""
    )
