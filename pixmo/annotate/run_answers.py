"""From folders and options to a running server, of points and questions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixmo.annotate.agreement_list import Compared
from pixmo.annotate.answering import Answering
from pixmo.annotate.answers import Answers
from pixmo.annotate.collecting import Collecting
from pixmo.annotate.drafts import Drafts, Engine
from pixmo.annotate.folder import POINTS, QA, collection, keep_consent
from pixmo.annotate.gold import gold_points, gold_questions
from pixmo.annotate.listed import Listed, tasks_of
from pixmo.annotate.manifest import publish_skips
from pixmo.annotate.people import People, names_of
from pixmo.annotate.points import MAX_LABEL, Pointing
from pixmo.annotate.publisher import Publisher
from pixmo.annotate.qa import Asking
from pixmo.annotate.results import publish_lists
from pixmo.annotate.run import consent_text
from pixmo.annotate.store import Store
from pixmo.annotate.tasks import Task, Tasks
from pixmo.annotate.words import CONSENT_POINTS, CONSENT_QA
from pixmo.engines.chat.settings import ChatSettings
from pixmo.errors import BadSetting
from pixmo.web.serve import serve
from pixmo.web.site import Address, Site, listen

ABOUT = ("caption", "text")
"""Columns of a list that a model reads."""
Tell = Callable[[Collecting, list[str]], None]


@dataclass(frozen=True)
class Work:
    """How submissions are collected; as in Speech, and `gold` a list of tasks with known answers, one in 1/`gold_rate` of all."""

    annotators: str = "1"
    per_picture: int = 1
    consent: Path | None = None
    gold: Path | None = None
    gold_rate: float = 0.1
    gold_feedback: bool = False


def collect_points(images: Path, out: Path, settings: Work, labels: str | None, address: Address, tell: Tell) -> None:
    """Serves until it is stopped (KeyboardInterrupt). `labels` have commas between; each picture is asked for each of them.

    `tell` is called once it can be reached, with what was left out. Raises PixmoError for folders and settings that do not do.
    """
    found = tasks_of(images, "label")
    if labels is not None:
        found = found._replace(tasks=_each(found.tasks, labels))
    gold = gold_points(settings.gold, found.folder) if settings.gold else []
    text = consent_text(settings.consent, CONSENT_POINTS)

    _collect(POINTS, lambda stack, *told: Pointing(*told), found, gold, out, settings, text, address, tell)


def collect_questions(
    images: Path, out: Path, settings: Work, chat: ChatSettings | None, address: Address, tell: Tell
) -> None:
    """Likewise of questions; `chat` is the model that drafts answers, of what the list tells about the pictures."""
    found = tasks_of(images, "question", ABOUT)
    if chat is not None and not any(task.told for task in found.tasks):
        raise BadSetting(
            f"--model {chat.model}: reads no pictures; give a list (CSV, JSONL) whose columns {' or '.join(ABOUT)} tell about them"
        )
    gold = gold_questions(settings.gold, found.folder) if settings.gold else []
    text = consent_text(settings.consent, CONSENT_QA)

    def make(stack: ExitStack, out: Path, images: Path, store: Store, *told: Any) -> Asking:  # Any: as all kinds have
        engine = None if chat is None else stack.enter_context(Engine(store, chat))
        told = (out, images, store, *told, Drafts(store, engine))
        return Asking(*told)

    _collect(QA, make, found, gold, out, settings, text, address, tell)


def _collect(
    kind: str,
    make: Callable[..., Answering],
    found: Listed,
    gold: list[Task],
    out: Path,
    settings: Work,
    text: str,
    address: Address,
    tell: Tell,
) -> None:
    names = names_of(settings.annotators)
    if settings.per_picture < 1 or not 0 <= settings.gold_rate <= 0.5:
        raise BadSetting("--per-picture should be 1 or more, --gold-rate 0 to 0.5")
    with collection(out, found.folder, kind) as store, ExitStack() as stack:
        sock, site = listen(address)
        stack.enter_context(sock)
        compared: Compared = {}
        publisher = Publisher(lambda: publish_lists(kind, out, found.folder, store, compared))
        stack.callback(publisher.close)
        tasks = Tasks(store, settings.per_picture, settings.gold_rate)
        answers = Answers(store, tasks, publisher.soon)
        collecting = make(stack, *_shared(out, found.folder, store, tasks, text, site), answers, settings.gold_feedback)
        known = {(task.file, task.label) for task in gold}  # a task that is gold is nothing else
        tasks.take_in([*gold, *(task for task in found.tasks if (task.file, task.label) not in known)])
        collecting.people.owner()
        collecting.people.invite(names)
        publish_skips(out, found.folder, store)
        publisher.now()
        tell(collecting, found.left_out)
        serve(collecting.app(), sock, address)


def _shared(out: Path, images: Path, store: Store, tasks: Tasks, text: str, site: Site) -> tuple[Any, ...]:
    return out, images, store, People(store), tasks, text, keep_consent(out, text), site


def _each(tasks: list[Task], labels: str) -> list[Task]:
    """Each picture with each label."""
    names = list(dict.fromkeys(name.strip() for name in labels.split(",") if name.strip()))
    if not names or any(len(name) > MAX_LABEL for name in names):
        raise BadSetting(f"--labels: give labels of at most {MAX_LABEL} letters with commas between, such as cats,dogs")
    if any(task.label for task in tasks):
        raise BadSetting(
            "--labels: the list says already what to point at, in its column `label`; leave one of them out"
        )
    return [task._replace(label=name) for task in tasks for name in names]
