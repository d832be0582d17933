"""Molmo's training messages as JSON lines: written, not read.

A line is a picture with a list of examples, each a style and its turns as the model reads them, prompt and answer by turns. What the
text of an answer does not hold (masks, the digits of a coordinate behind the format's resolution) is not there to be read back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pixmo.dataset.convert.carry import unfit
from pixmo.dataset.convert.items import Item, Loss, Settings
from pixmo.dataset.convert.spool import by_picture
from pixmo.errors import BadRecord
from pixmo.text.prompts import PromptSettings, format_example, settings_named
from pixmo.text.prompts_draws import RandomDraws
from pixmo.text.prompts_records import examples_of

PROMPTS = "molmo1"
_PICTURES = ("image_url", "image_sha256", "image_urls", "image_sha256s", "image_id", "set_id", "video_id", "example_id")

Json = dict[str, Any]  # Any: JSON


def write(items: Iterable[Item], out: Path, told: Settings) -> Iterator[Loss]:
    """Writes a line for each picture, its annotations in the order of the source; gives what could not be carried."""
    settings = settings_named(told.prompts or PROMPTS)
    with out.open("w", encoding="utf-8", newline="\n") as file:
        for picture in by_picture(items):
            messages: list[Json] = []
            for number, item in enumerate(picture):
                found, losses = _messages(
                    item, settings, RandomDraws.for_row(f"{item.picture or item.where} {number}", told.seed)
                )
                yield from losses
                messages += found
            if messages:
                line = _names(picture[0]) | {"message_list": messages}
                file.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")


def _messages(item: Item, settings: PromptSettings, draws: RandomDraws) -> tuple[list[Json], list[Loss]]:
    """The examples of a record, and what of it could not become one."""
    try:
        examples = examples_of(item.record, size_px=item.size_px)
        told = [
            {"style": one.style, "messages": format_example(one, settings, draws)}
            for one in examples
            if one.lacks is None
        ]
    except BadRecord as error:
        return [], [item.loss("other_kind", "", str(error))]
    except (ValueError, OverflowError) as error:
        return [], [item.loss("cannot_hold", "", str(error))]
    loss = unfit(item, [_names(item), told])
    if loss is not None:
        return [], [loss]
    if not examples:
        return [], [item.loss("other_kind", "", f"nothing is asked about a {item.record.KIND}")]
    lacking = [one.lacks for one in examples if one.lacks is not None]
    reason = "no_place" if told else "no_answer"
    return told, [item.loss(reason, "", lacking[0])] if lacking else []


def _names(item: Item) -> Json:
    """What says which pictures they are."""
    plain = item.record.to_dict()
    return {name: plain[name] for name in _PICTURES if plain.get(name) is not None}
