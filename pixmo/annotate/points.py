"""The application: people point at every instance of something."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from pixmo.annotate.agreement import agreed
from pixmo.annotate.agreement_list import Compared, agreement_of
from pixmo.annotate.answering import Answering
from pixmo.annotate.answers import Submission
from pixmo.annotate.collecting import text_of
from pixmo.annotate.folder import POINTS
from pixmo.annotate.pages_points import Shown, agreement_section, points_page, points_review
from pixmo.annotate.people import Person
from pixmo.annotate.picture_facts import facts_of
from pixmo.annotate.progress import progress_page
from pixmo.annotate.tasks import Task
from pixmo.web.refused import Refused

MAX_POINTS = 2000
MAX_LABEL = 200
DIGITS = 4  # of a percentage: a hundredth of a pixel of the largest pictures


@dataclass(frozen=True)
class Pointing(Answering):
    """See the module."""

    kind = POINTS
    scripts = ("shared.js", "answers.js", "points.js")

    compared: Compared = field(default_factory=dict)

    def task_page(self, person: Person, picture: int, done: int) -> Response:
        """A picture, what to point at, and the points of the last time where it was sent back."""
        task = self.tasks.task(picture)
        assert task is not None  # it was given out just now
        before = self.answers.sent_back(person.id, picture)
        shown = Shown(
            picture, task.label, before.value["points"] if before else None, self.tasks.note_of(picture, person.id)
        )
        if before and not task.label:
            shown = shown._replace(written=before.value["label"])
        return points_page(person, shown, done)

    def review_page(self, owner: Person, found: Submission, name: str, waiting: int) -> Response:
        """The picture with somebody's points, which can be corrected."""
        shown = Shown(found.picture, found.value["label"], found.value["points"])
        return points_review(owner, shown, found.id, name, waiting)

    def value_of(self, task: Task, picture: int, person: str, told: dict[str, Any]) -> dict[str, Any]:  # Any: JSON
        """Label and points, with the picture's digest and size."""
        return self._value(task, told)

    def corrected(self, task: Task, value: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:  # Any: JSON
        """The owner's points, and the picture as it is now."""
        return value | self._value(task._replace(label=value["label"]), told)

    def _value(self, task: Task, told: dict[str, Any]) -> dict[str, Any]:  # Any: JSON
        label = task.label or text_of(told.get("label"), MAX_LABEL, "a label")
        if not label:
            raise Refused(400, "say what you point at")
        facts = facts_of(self.images, task.file)
        seen = (told.get("width_px"), told.get("height_px"))
        if facts.width_px and seen != (facts.width_px, facts.height_px):
            shown = " × ".join(map(repr, seen)) if all(isinstance(side, int) for side in seen) else "no size"
            raise Refused(
                422, f"your browser shows this picture at {shown}, upright it is {facts.width_px} × {facts.height_px}"
            )
        return {"label": label, "points": points_in(told.get("points")), **facts._asdict()}

    def score(self, known: Any, value: dict[str, Any]) -> float:  # Any: JSON
        """F1 of the points."""
        return agreed(known, value["points"], value["width_px"], value["height_px"]).f1

    def progress_page(self) -> Response:
        """Tasks, people, agreement."""
        given, waiting = self.answers.count()
        return progress_page(
            self.store, self.people, self.tasks.per_picture, self.site.origin, title="Points", tasks="tasks", noun="submissions", given=given,
            sections=[agreement_section(self.agreement(), waiting, self.tasks.per_picture)], scores=self.scores() if self.has_gold() else None,
        )  # fmt: skip

    def agreement(self) -> dict[str, Any]:  # Any: JSON
        """How well people who had the same task agree: what `agreement.json` holds."""
        return agreement_of(self.answers, self.compared)


def points_in(told: Any) -> list[list[float]]:  # Any: JSON
    """Points as pairs of percentages. Refused with 400 when they are none, or outside of the picture."""
    if not isinstance(told, list) or len(told) > MAX_POINTS:
        raise Refused(400, f"there should be a list of at most {MAX_POINTS:,} points")
    return [_point(one) for one in told]


def _point(told: Any) -> list[float]:  # Any: JSON
    is_pair = isinstance(told, list) and len(told) == 2
    if not is_pair or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in told):
        raise Refused(400, "a point should be two numbers")
    if not all(0 <= v <= 100 and math.isfinite(v) for v in told):
        raise Refused(400, "a point is outside of the picture")
    return [round(float(v), DIGITS) for v in told]
