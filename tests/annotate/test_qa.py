"""What a server of questions takes, what a model is asked for it, and what it makes of it: by HTTP, against the real command and a chat server."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import pixmo
from pixmo.cli import run
from pixmo.ids import digest
from pixmo.records.qa import QuestionAnswer
from tests.annotate.serving import Answer, Caller, Served, annotator, make_pictures
from tests.server.chat import ChatServer

CAPTION = "A red bus stands in front of a brick house."


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A list of two pictures that are told about, and one that is not."""
    folder = make_pictures(tmp_path / "pictures")
    lines = [{"image": "a.png", "caption": CAPTION}, {"image": "b.jpg", "caption": "A dog."}, {"image": "c.png"}]
    path = folder / "list.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def chat() -> Iterator[ChatServer]:
    """A model that says how often it was asked."""
    with ChatServer() as server:
        server.answer = lambda body: f"Draft {len(server.log) + 1}"
        yield server


def serve(images: Path, out: Path, *options: str, chat: ChatServer | None = None) -> Served:
    model = ("--model", "m", "--base-url", chat.base_url) if chat else ()
    return Served(images, out, "--annotators", "anna,ben", *model, *options, kind="qa")


def at_work(served: Served, name: str) -> Caller:
    """Somebody who has the first picture before them."""
    person = annotator(served, name)
    assert person.picture() == 1
    return person


def draft(person: Caller, picture: int, question: str, token: str | None = None, **more: Any) -> Answer:
    return person.post(f"drafts/{token or secrets.token_hex(16)}", picture=picture, question=question, **more)


def test_own_questions_and_answers_are_typed_rows(images: Path, out: Path) -> None:
    """Without a model; `pixmo.load` reads them, and text of any script goes through."""
    with serve(images, out) as served:
        anna = annotator(served, "anna")
        told = {"question": " What is it? ", "answer": "Ein Bus – 公交车 <b>"}
        assert anna.submit(anna.picture() or 0, **told).status == 200
        assert anna.submit(anna.picture() or 0, question=" ", answer="x").status == 400
        served.stop()
    (row,) = pixmo.load(out / "qa.parquet")
    (record,) = row.records
    assert record == QuestionAnswer(
        image_sha256=digest((images.parent / "a.png").read_bytes()),
        question="What is it?",
        answer="Ein Bus – 公交车 <b>",
    )
    (line,) = served.rows("qa.jsonl")
    assert (line["source"], line["model"], line["rejected"], line["review"]) == ("own", None, [], "unseen")
    assert [line] == pq.read_table(out / "qa.parquet").to_pylist()


def test_a_draft_is_rejected_with_a_reason_and_made_again(images: Path, out: Path, chat: ChatServer) -> None:
    """The model reads the caption, the draft and the reason; all of it is kept beside the answer that was accepted."""
    with serve(images, out, chat=chat) as served:
        anna = annotator(served, "anna")
        picture = anna.picture() or 0
        first = draft(anna, picture, "What colour is the bus?").json
        second = draft(anna, picture, "What colour is the bus?", rejected=first["draft"], reason="too short").json
        assert [first["text"], second["text"]] == ["Draft 1", "Draft 2"]
        assert (
            anna.submit(picture, question="What colour is the bus?", answer="Draft 2", draft=second["draft"]).status
            == 200
        )
        other = anna.picture() or 0
        third = draft(anna, other, "Who?").json
        anna.submit(other, question="Who?", answer="Draft 3, edited", draft=third["draft"])
        served.stop()
    assert CAPTION in chat.log[0].question
    assert "What colour is the bus?" in chat.log[0].question
    assert "Draft 1" in chat.log[1].question
    assert "too short" in chat.log[1].question
    one, two = served.rows("qa.jsonl")
    assert (one["answer"], one["source"], one["model"]) == ("Draft 2", "draft", "m")
    assert one["rejected"] == [{"draft": "Draft 1", "reason": "too short"}]
    assert (two["answer"], two["source"], two["rejected"]) == ("Draft 3, edited", "edited", [])


def test_nothing_is_asked_twice(images: Path, out: Path, chat: ChatServer) -> None:
    """The same request, the same question in another one, also after a power cut."""
    with serve(images, out, chat=chat) as served:
        anna = at_work(served, "anna")
        token = secrets.token_hex(16)
        texts = [draft(anna, 1, "What?", token).json["text"] for _ in range(2)]
        served.kill()
        served.start()
        texts += [draft(anna, 1, "What?", token).json["text"], draft(anna, 1, "What?").json["text"]]
        assert texts == ["Draft 1"] * 4
        assert len(chat.log) == 1
        assert b"Draft 1" in anna.ask("GET", "").body


def test_a_budget_holds_over_all_starts(images: Path, out: Path, chat: ChatServer) -> None:
    """What was paid counts after a restart; then people are told to write, and can."""
    prices = ("--usd-per-mtok-in", "1000", "--usd-per-mtok-out", "1000", "--max-tokens", "10", "--budget-usd", "4")
    with serve(images, out, *prices, chat=chat) as served:
        anna = at_work(served, "anna")
        asked = 0
        while (answer := draft(anna, 1, f"What {asked}?")).status == 200 and asked < 20:
            asked += 1
        assert answer.status == 503
        assert "budget" in answer.json["error"]
        assert 0 < asked < 20
        served.stop()
        served.start()
        assert draft(anna, 1, "Once more?").status == 503
        assert len(chat.log) == asked
        assert anna.submit(1, question="What?", answer="I write it.").status == 200


@pytest.mark.parametrize("script", [["400"], ["refusal"], ["cut"], ["401"]], ids=lambda s: s[0])
def test_a_model_that_fails_is_told_and_people_go_on(
    images: Path, out: Path, chat: ChatServer, script: list[str]
) -> None:
    """In one line, with no key in it; an answer of one's own is taken all the same."""
    chat.script = script
    with serve(images, out, chat=chat) as served:
        anna = at_work(served, "anna")
        answer = draft(anna, 1, "What?")
        assert answer.status == 503
        assert answer.json["error"].startswith("the model")
        assert anna.submit(1, question="What?", answer="I write it.").status == 200


@pytest.mark.parametrize("script", ["html", "429:quota", "401"])
def test_a_model_that_is_there_again_is_asked_again(images: Path, out: Path, chat: ChatServer, script: str) -> None:
    """Without a new start; and where it is, annotators are not told."""
    chat.script = [script]
    with serve(images, out, chat=chat) as served:
        anna = at_work(served, "anna")
        failed = draft(anna, 1, "What?")
        assert failed.status == 503
        assert b"127.0.0.1" not in failed.body
        again = draft(anna, 1, "What?")
        assert (again.status, again.json["text"]) == (200, "Draft 2")


def test_a_draft_keeps_its_model_and_its_first_reason(images: Path, out: Path, chat: ChatServer) -> None:
    """Also when the next start has no model, and a request comes again with another reason."""
    with serve(images, out, chat=chat) as served:
        anna = at_work(served, "anna")
        first = draft(anna, 1, "What?").json["draft"]
        second = draft(anna, 1, "What?", rejected=first, reason="too short").json["draft"]
        draft(anna, 1, "What?", rejected=first, reason="no reason at all")
        served.stop()
    with serve(images, out) as served:
        anna = at_work(served, "anna")
        assert anna.submit(1, question="What?", answer="Draft 2", draft=second).status == 200
        served.stop()
    (row,) = served.rows("qa.jsonl")
    assert (row["source"], row["model"]) == ("draft", "m")
    assert row["rejected"] == [{"draft": "Draft 1", "reason": "too short"}]


def test_browsers_never_see_the_key(images: Path, out: Path, chat: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes to the endpoint alone, from the environment that was named; also an endpoint that repeats it gives nothing away."""
    monkeypatch.setenv("MY_KEY", "secret-key-of-mine")
    chat.answer = lambda body: "you sent secret-key-of-mine"
    with serve(images, out, "--key-env", "MY_KEY", chat=chat) as served:
        anna = at_work(served, "anna")
        told = draft(anna, 1, "What?").body + anna.ask("GET", "").body + anna.ask("GET", "/static/annotate.js").body
        served.stop()
    assert chat.authorizations == ["Bearer secret-key-of-mine"]
    assert b"secret-key" not in told
    assert b"secret-key" not in b"".join(p.read_bytes() for p in out.rglob("*") if p.is_file())


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ({"question": ""}, 400), ({"question": 7}, 400), ({"question": "x" * 2001}, 400), ({"question": "What?", "rejected": 99, "reason": "no"}, 409),
        ({"question": "What?", "picture": 3}, 409), ({"question": "What?", "picture": "x"}, 400),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_question_is_refused(
    images: Path, out: Path, chat: ChatServer, value: dict[str, Any], status: int
) -> None:
    """Before a model is asked."""
    with serve(images, out, chat=chat) as served:
        anna = annotator(served, "anna")
        assert anna.picture() == 1
        body = {"picture": 1, **value}
        assert anna.post(f"drafts/{secrets.token_hex(16)}", **body).status == status
        assert anna.post("drafts/short", picture=1, question="What?").status == 400
    assert chat.log == []


def test_the_owner_sees_rejected_drafts_and_corrects(images: Path, out: Path, chat: ChatServer) -> None:
    """The correction is what counts; what people gave before is kept beside it."""
    with serve(images, out, chat=chat) as served:
        anna, me = at_work(served, "anna"), Caller(served.port)
        me.enter(served.links["owner"])
        first = draft(anna, 1, "What?").json
        draft(anna, 1, "What?", rejected=first["draft"], reason="<script>wrong")
        anna.submit(1, question="What?", answer="A <b>bus</b>")
        body = me.ask("GET", "review").body
        assert b"Draft 1" in body
        assert b"&lt;script&gt;wrong" in body
        assert me.post("review/1", verdict="correct", question="What is it?", answer="").status == 400
        assert me.post("review/1", verdict="correct", question="What is it?", answer="A bus.").status == 200
        served.stop()
    (row,) = served.rows("qa.jsonl")
    assert (row["question"], row["answer"], row["review"]) == ("What is it?", "A bus.", "corrected")
    assert row["rejected"][0]["reason"] == "<script>wrong"


def test_gold_questions_test_the_verdict(images: Path, out: Path, tmp_path: Path) -> None:
    """A known draft, right or wrong, accepted or rejected; looks like any other and is never in the list."""
    gold = tmp_path / "gold.csv"
    gold.write_text('image,question,answer,right\na.png,Is it red?,"Yes, it is.",false\nb.jpg,Is it?,Yes.,true\n')
    with serve(images, out, "--gold", str(gold), "--gold-rate", "0.5", "--gold-feedback") as served:
        anna, me = annotator(served, "anna"), Caller(served.port)
        me.enter(served.links["owner"])
        assert anna.submit(anna.picture() or 0, question="Mine?", answer="Yes.").json == {}
        page = anna.ask("GET", "").body
        assert b"Is it red?" in page
        assert b"Yes, it is." in page
        picture = anna.picture() or 0
        given = served_draft(page)
        told = draft(anna, picture, "Is it red?", rejected=given, reason="it is blue").json
        assert told == {"done": 1, "feedback": "This one was known: you scored 100%."}
        assert anna.submit(anna.picture() or 0, question="Mine?", answer="Yes.").json == {}
        assert b"Is it?" in anna.ask("GET", "").body
        assert anna.submit(anna.picture() or 0, answer="No.").json["feedback"].endswith("0%.")
        assert b"50% of 2" in me.ask("GET", "").body
        served.stop()
    assert [row["question"] for row in served.rows("qa.jsonl")] == ["Mine?", "Mine?"]


def served_draft(page: bytes) -> int:
    """The number of the draft on a page."""
    return int(page.partition(b'data-draft="')[2].partition(b'"')[0])


def test_withdrawing_takes_questions_drafts_and_reasons_out(images: Path, out: Path, chat: ChatServer) -> None:
    """From the lists and the database; what drafts cost still counts."""
    with serve(images, out, chat=chat) as served:
        anna = at_work(served, "anna")
        first = draft(anna, 1, "A private question?").json
        draft(anna, 1, "A private question?", rejected=first["draft"], reason="a private reason")
        anna.submit(1, question="A private question?", answer="A private answer")
        served.stop()
    assert run(["annotate", "withdraw", str(out), "anna"]) == 0
    assert served.rows("qa.jsonl") == []
    everything = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    for word in (b"A private", b"a private", b"Draft 1"):
        assert word not in everything


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--base-url", "http://127.0.0.1:1/v1"], "--model"), (["--model", "m", "--budget-usd", "1"], "prices"),
        (["--model", "m"], "no key"), (["--gold", "bad.csv"], "right"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_told(
    images: Path,
    tmp_path: Path,
    options: list[str],
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In one line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    Path("bad.csv").write_text("image,question,answer,right\na.png,x,y,maybe\n")
    assert run(["annotate", "qa", str(images), "out", "--port", "0", *options]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert told in said


def test_a_model_needs_something_to_read(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It sees no pictures: a folder alone tells it nothing."""
    options = ["--port", "0", "--model", "m", "--base-url", "http://127.0.0.1:1/v1"]
    assert run(["annotate", "qa", str(images.parent), str(tmp_path / "out"), *options]) == 2
    assert "reads no pictures" in capsys.readouterr().err
