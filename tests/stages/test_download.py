"""The verdict on a picture's answer: facts become columns, policies are applied to facts, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from pixmo.ask import Answer, Outcome
from pixmo.stages.download import FACTS, Download

SHA = "ab" * 32
URL = "https://example.org/a.jpg"


class Scripted:
    """A world that answers from a list and remembers what it was asked."""

    def __init__(self, **answers: Answer[str]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def ask(self, engine: str, questions: Sequence[str]) -> list[Answer[Any]]:
        assert engine == "http"
        self.asked += questions
        return [self.answers[q.rpartition("/")[2]] for q in questions]


def ok(**facts: Any) -> Answer[str]:
    return Answer(Outcome.OK, SHA, "", {"status": 200, "size": 1000, "content_type": "image/jpeg", **facts})


def verdict(answer: Answer[str] | None, expected: str | None = None, stage: Download | None = None) -> dict[str, Any]:
    return dict(zip(FACTS.names, (stage or Download()).verdict(answer, expected), strict=True))


async def test_every_row_gets_its_answer() -> None:
    """In the order of the rows; a row without a URL is not asked for."""
    world = Scripted(a=ok(), b=Answer(Outcome.NOT_FOUND, None, "gone", {"status": 404}))
    urls = ["http://x/b", None, "http://x/a", "", "http://x/a"]
    batch = pa.record_batch({"image_url": urls, "image_sha256": pa.array([None, SHA, SHA, SHA, None], pa.string())})
    out = await Download()(batch, world)
    assert out.schema == FACTS
    assert out.column("fetch_outcome").to_pylist() == ["not_found", "no_url", "ok", "no_url", "ok"]
    assert out.column("hash_verdict").to_pylist() == [None, None, "equal", None, "none_expected"]
    assert world.asked == ["http://x/b", "http://x/a", "http://x/a"]


async def test_no_rows_ask_nothing() -> None:
    """An empty batch has the columns all the same."""
    out = await Download()(
        pa.record_batch({"image_url": pa.array([], pa.string()), "image_sha256": pa.array([], pa.string())}), Scripted()
    )
    assert (out.num_rows, out.schema) == (0, FACTS)


def test_the_facts_of_a_picture_are_its_columns() -> None:
    """As measured and as declared."""
    assert verdict(ok(final_url=URL, optout="X-Robots-Tag: all"), stage=Download(ignore_optout=True)) == {
        "fetched": True, "fetch_outcome": "ok", "fetch_detail": None, "http_status": 200, "final_url": URL,
        "content_type": "image/jpeg", "optout": "X-Robots-Tag: all", "fetched_sha256": SHA, "fetched_bytes": 1000,
        "hash_verdict": "none_expected",
    }  # fmt: skip


def test_a_failure_has_no_digest_and_no_size() -> None:
    """Whatever the answer says besides."""
    row = verdict(Answer(Outcome.TRUNCATED, None, "1,000 of 20,000 bytes", {"status": 200, "size": 1000}), SHA)
    assert (row["fetched"], row["fetch_outcome"], row["fetch_detail"]) == (False, "truncated", "1,000 of 20,000 bytes")
    assert (row["fetched_sha256"], row["fetched_bytes"], row["hash_verdict"]) == (None, None, None)


@pytest.mark.parametrize(
    ("expected", "told"),
    [(SHA, "equal"), (SHA.upper(), "equal"), (f" {SHA}\n", "equal"), ("cd" * 32, "differs"), (None, "none_expected"), ("", "none_expected")],
)  # fmt: skip
def test_the_expected_digest_is_compared(expected: str | None, told: str) -> None:
    """Whatever its case; a picture that differs is kept and marked."""
    row = verdict(ok(), expected)
    assert (row["hash_verdict"], row["fetched"], row["fetched_sha256"]) == (told, True, SHA)


def test_an_opt_out_is_honoured_unless_told_otherwise() -> None:
    """Recorded in both cases."""
    answer = ok(optout="X-Robots-Tag: noai")
    honoured, ignored = verdict(answer), verdict(answer, stage=Download(ignore_optout=True))
    assert (honoured["fetched"], honoured["fetch_outcome"], honoured["fetched_sha256"]) == (False, "opted_out", None)
    assert (ignored["fetched"], ignored["fetch_outcome"]) == (True, "ok")
    assert honoured["optout"] == ignored["optout"] == "X-Robots-Tag: noai"


def test_a_picture_over_a_limit_set_later_is_too_large() -> None:
    """Policies are verdicts over the stored facts: nothing is asked for it."""
    assert verdict(ok(), stage=Download(max_bytes=999))["fetch_outcome"] == "too_large"
    assert verdict(ok(), stage=Download(max_bytes=1000))["fetch_outcome"] == "ok"


@pytest.mark.parametrize(
    ("line", "stage", "suffices"),
    [
        ({"outcome": "ok", "size": 10**9}, Download(max_bytes=1), True),
        ({"outcome": "not_found"}, Download(ignore_optout=True, robots=True), True),
        ({"outcome": "too_large", "cut_at": 100}, Download(max_bytes=100), True),
        ({"outcome": "too_large", "cut_at": 100}, Download(max_bytes=101), False),
        ({"outcome": "too_large", "declared": 500, "cut_at": 0}, Download(max_bytes=499), True),
        ({"outcome": "too_large", "declared": 500, "cut_at": 0}, Download(max_bytes=500), False),
        ({"outcome": "too_large"}, Download(), False),
        ({"outcome": "opted_out"}, Download(), True),
        ({"outcome": "opted_out"}, Download(ignore_optout=True), False),
        ({"outcome": "refused_address"}, Download(), True),
        ({"outcome": "refused_address", "allow_hosts": ["b", "a"]}, Download(allow_hosts=("a", "b")), True),
        ({"outcome": "refused_address"}, Download(allow_hosts=("a",)), False),
        ({"outcome": "refused_robots"}, Download(robots=True), True),
        ({"outcome": "refused_robots"}, Download(), False),
    ],
)  # fmt: skip
def test_an_answer_suffices_until_the_settings_want_more(line: dict[str, Any], stage: Download, suffices: bool) -> None:
    """A body cut at a smaller limit, an opt-out now ignored, an address now allowed, robots no longer asked: again."""
    assert stage.enough(line) is suffices


def test_a_megabit_limit_is_shared_by_the_processes() -> None:
    """Each of four takes a quarter; the other settings are those of one site and stay."""
    settings = Download(max_mbit=100.0, per_host=3).http_settings(4)
    assert (settings["max_mbit"], settings["per_host"]) == (25.0, 3)
