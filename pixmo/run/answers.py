"""The answers of a finished evaluation as one file, so that others get the same numbers without a key; and back."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path

from pixmo.ask import ChatOutcome
from pixmo.errors import BadSource
from pixmo.ids import canonical_json
from pixmo.run.recipe import Recipe
from pixmo.storage.journal_writer import Line
from pixmo.storage.store import Store

ANSWERS = "answers.jsonl"
KEPT = ("key", "round", "outcome", "detail", "text", "model", "prompt", "tokens_in", "tokens_out", "cost_usd")


def prompts_of(recipe: Recipe) -> set[str]:
    """The prompts, name@digest, of all stages that ask a judge."""
    return {p for step in recipe.steps if getattr(step.stage, "asks", "") == "chat" for p in step.stage.content()}


def answers_of(prompts: Collection[str], store: Store) -> Iterator[bytes]:
    """Lines of a file with every answer that was given to these prompts, in the order of their keys."""
    found = {}
    for line in store.journal.lines():
        if line.get("prompt") in prompts and not line.get("open"):
            latest = store.journal.get(line["key"])
            found[line["key"]] = {k: v for k, v in (latest or line).items() if k in KEPT}
    for key in sorted(found):
        yield canonical_json(found[key]) + b"\n"


def take_answers(path: Path, store: Store) -> int:
    """Puts answers of such a file into the journal where it has none; how many. Raises BadSource for another file."""
    taken = 0
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSource(f"{path}: is no file of answers: {error}") from error
    for number, said in enumerate(text.split("\n"), 1):  # not splitlines: answers may hold other ends of lines
        if not said:
            continue
        line = _line(path, number, said)
        known = store.journal.get(line["key"])
        if known is None or known.get("open"):
            store.record(line)
            taken += 1
    return taken


def _line(path: Path, number: int, said: str) -> Line:
    try:
        line: Line = json.loads(said)
        ChatOutcome(line["outcome"])
        whole = isinstance(line["key"], str) and len(line["key"]) == 64 and isinstance(line["round"], int)
    except (ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise BadSource(f"{path}:{number}: is no answer of `pixmo eval caption`; give the {ANSWERS} that it wrote")
    return {"key": line["key"], **line}  # as a journal writes them: the key first
