"""What is asked about a row: pictures and turns, and the key under which the answer is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pixmo.errors import BadRecord, BadSetting, BadSource
from pixmo.evaluate.tasks.truth import ID, LABEL, PICTURE
from pixmo.ids import digest, digest_of
from pixmo.predict.rows import Given
from pixmo.predict.settings import TASKS, Settings
from pixmo.records.base import Record
from pixmo.text.prompts import NAMES, PromptSettings, format_example, settings_named
from pixmo.text.prompts_draws import RandomDraws
from pixmo.text.prompts_examples import Asked, Conversation, Example, MultipleChoice, Pointed
from pixmo.text.prompts_records import examples_of

QUESTIONS = ("question", "query")
_TIES = dict.fromkeys(("image_url", *ID, *PICTURE, *LABEL))
_SHOWN = 80  # characters of a value shown in a complaint


@dataclass(frozen=True)
class Question:
    """One question about one row; `told` is what predictions.json says beside the answer, `why` that it cannot be asked."""

    number: int
    place: int  # among the questions of its row
    told: Mapping[str, Any]  # Any: JSON values
    key: str = ""
    pictures: tuple[bytes, ...] = ()
    turns: tuple[str, ...] = ()
    why: str | None = None


class Asker:
    """Puts rows into questions as the settings say, for one model."""

    def __init__(self, settings: Settings, model: str, family: str) -> None:
        """`model` is a digest of all that answers; `family` is molmo or molmo2. Raises BadSetting, UnknownName."""
        name = settings.prompts or ("molmo1-released" if family == "molmo" else "molmo2-released")
        self.words: PromptSettings = settings_named(name)
        if (self.words.model.value == "molmo2") != (family == "molmo2"):
            fitting = ", ".join(each for each in NAMES if each.startswith("molmo2") == (family == "molmo2"))
            raise BadSetting(f"prompts {name} are of another family than this model; choose among {fitting}")
        self.name, self._settings, self._model = name, settings, model
        self._own = settings.prompt or (TASKS[settings.task].question if name.endswith("-released") else None)

    def fixed(self) -> list[str] | None:
        """The turns that every row is asked, where they are the same for all."""
        if self._settings.task == "answer" and self._own is None:
            return None
        if self._settings.task in ("point", "count") and (self._own is None or "{label}" in self._own):
            return None
        return self._turns(self._example({}, None), "")

    def questions(self, row: Given) -> Iterator[Question]:
        """All that is asked about a row; what cannot be is there too, and says why."""
        told = _ties(row)
        try:
            pictures = _whole(row)
            examples = self._examples(row)
        except BadRecord as error:
            yield Question(row.number, 0, told, why=str(error))
            return
        digests = [digest(data) for data in pictures]
        told |= {"image_sha256": digests[0]} if len(digests) == 1 else {"image_sha256s": digests}
        for place, example in enumerate(examples):
            try:
                yield self._question(Question(row.number, place, told, pictures=pictures), example, digests)
            except BadRecord as error:
                yield Question(row.number, place, told, why=str(error))

    def _question(self, empty: Question, example: Example, digests: list[Any]) -> Question:  # Any: digests
        label = getattr(example, "label", None)
        if label is not None and not label.strip():
            raise BadRecord("its label is empty")
        said = getattr(example, "question", None)
        turns = self._turns(example, f"{digests} {label} {said}")
        try:
            key = digest_of([self._model, self.meaning(), digests, turns])
        except UnicodeEncodeError:
            raise BadRecord(f"its question holds half a character: {turns[-1][:_SHOWN]!a}") from None
        shown = {"question": said, "label": label, "prompt": "".join(turns)}
        told = dict(empty.told) | {name: value for name, value in shown.items() if value is not None}
        return replace(empty, told=told, key=key, turns=tuple(turns))

    def meaning(self) -> dict[str, Any]:  # Any: JSON values
        """The settings that change an answer, besides the question's own words."""
        own = self._settings
        sampled = {"temperature": own.temperature, "top_p": own.top_p, "seed": own.seed} if own.temperature else {}
        return {"max_new_tokens": own.longest, "beams": own.beams, "dtype": own.dtype, **sampled}

    def _turns(self, example: Example, row: str) -> list[str]:
        """What is drawn by chance is drawn anew for each row: the same whatever rows come before it."""
        return format_example(example, self.words, RandomDraws.for_row(row, self._settings.seed), for_inference=True)

    def _examples(self, row: Given) -> list[Example]:
        task, columns = self._settings.task, row.columns
        if task == "caption":
            return [self._example(columns, None)]
        if self._own is not None and (task == "answer" or "{label}" not in self._own):
            return [self._example(columns, None)]
        records = row.read_records()
        if records:
            return [self._asked(each) for record in records for each in self._of_record(record)]
        if task == "answer":
            return [self._of_columns(columns)]
        return [self._example(columns, _text(columns, LABEL, "label to point at"))]

    def _of_record(self, record: Record) -> list[Example]:
        task = self._settings.task
        style = self._settings.style
        pointing = style or TASKS[task].style or "pointing"
        made = examples_of(record, pointing=(pointing,), style=style)
        found = [each for each in made if (_has_question(each) if task == "answer" else isinstance(each, Pointed))]
        if not found:
            kind = "question to answer" if task == "answer" else "label to point at"
            raise BadRecord(f"a record of kind {record.KIND} holds no {kind}; ask your own with --prompt")
        return found

    def _asked(self, example: Example) -> Example:
        """The example in the words of our own question, if there is one."""
        if isinstance(example, Pointed) and example.label is not None and self._own is not None:
            return replace(example, question=self._own.replace("{label}", example.label.lower()))
        return example

    def _example(self, columns: Mapping[str, Any], label: str | None) -> Example:  # Any: column values
        style = self._settings.style or TASKS[self._settings.task].style
        own = self._own if label is None or self._own is None else self._own.replace("{label}", label.lower())
        if self._settings.task in ("point", "count"):
            return Pointed(style=style or "pointing", label=label, question=own)
        return Asked(style=style or "user_qa", question=own)

    def _of_columns(self, columns: Mapping[str, Any]) -> Example:  # Any: column values
        style, question = self._settings.style, _text(columns, QUESTIONS, "question to answer")
        options = columns.get("options") or columns.get("choices")
        if isinstance(options, list) and options and all(isinstance(each, str) for each in options):
            return MultipleChoice(style=style or "multiple_choice", question=question, options=tuple(options))
        return Asked(style=style or "user_qa", question=question)


def require_askable(settings: Settings, columns: list[str], is_typed: bool, name: str) -> None:
    """Raises BadSource where no row of a plain table can have the question that the task needs."""
    if is_typed or (settings.prompt is not None and "{label}" not in settings.prompt) or settings.task == "caption":
        return
    needed = QUESTIONS if settings.task == "answer" else LABEL
    if not set(needed) & set(columns):
        raise BadSource(
            f"{name}: no column {' or '.join(needed)} says what to ask for task {settings.task}; ask every row the same with --prompt"
        )


def _has_question(example: Example) -> bool:
    return isinstance(example, Conversation) or getattr(example, "question", None) is not None


def _text(columns: Mapping[str, Any], names: tuple[str, ...], what: str) -> str:  # Any: column values
    found = next((name for name in names if name in columns), None)
    if found is None:
        raise BadRecord(f"has no {what}")
    value = columns[found]
    if not isinstance(value, str) or not value.strip():
        raise BadRecord(f"has no {what}: {found} is {str(value)[:_SHOWN]!r}")
    return value


def _whole(row: Given) -> tuple[bytes, ...]:
    pictures = row.read_pictures()
    if not pictures:
        raise BadRecord("has no picture")
    missing = next((number for number, data in enumerate(pictures, 1) if data is None), None)
    if missing is not None:
        raise BadRecord("has no picture" if len(pictures) == 1 else f"lacks picture {missing} of {len(pictures)}")
    return tuple(data for data in pictures if data is not None)


def _ties(row: Given) -> dict[str, Any]:  # Any: JSON values
    """What tells the row apart: its id, and the columns by which evaluators know it."""
    found = {name: row.columns[name] for name in _TIES if name in row.columns}
    kept = {
        name: value for name, value in found.items() if isinstance(value, (str, int)) and not isinstance(value, bool)
    }
    # evaluators look for `id` first: it is the row's own id, whatever that is called
    own = next((kept[name] for name in ID if name in kept), row.id)
    return {"id": str(own)} | {name: value for name, value in kept.items() if name != "id"}
