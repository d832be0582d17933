"""Captions with their sources, by a language model on loopback or by the rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pixmo.ask import Answer
from pixmo.engines.chat.settings import ChatSettings
from pixmo.errors import BadSetting, PixmoError, UnknownName
from pixmo.run.askers import Askers
from pixmo.run.recipe import Step
from pixmo.stage import fingerprint
from pixmo.stages import write_caption
from pixmo.stages.write_caption import NEEDS, WriteCaption
from pixmo.storage.store import Store
from pixmo.text import caption_prompt
from pixmo.text.caption_prompt import SCHEMA, load_prompt, told_units
from tests.server.chat import ChatServer
from tests.text import writer

Row = dict[str, Any]  # Any: column values
ANNA = "Um, a brown dog is standing on the green grass. Behind it there is a white house with two windows."
BEN = "In this picture I see a brown dog. A red ball lies on the left. Okay."
SHA = ["a" * 64, "b" * 64, "c" * 64]


class Nobody:
    """A world without engines."""

    async def ask(self, engine: str, questions: Sequence[Any]) -> list[Answer[Any]]:
        raise AssertionError("asked")


def batch(*rows: Row) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(list(rows), NEEDS)


def said(*transcripts: str | None) -> Row:
    return {"transcripts": list(transcripts)}


def serving(write: Callable[[writer.Messages], str] = writer.answer) -> ChatServer:
    return ChatServer(answer=lambda body: write(body["messages"]))


def stage_for(server: ChatServer, **settings: Any) -> WriteCaption:
    return WriteCaption(model="m", base_url=server.base_url, **settings)


async def written(stage: WriteCaption, folder: Path, *rows: Row) -> list[Row]:
    """The columns a run would add, its journal in a folder."""
    askers = Askers(Store(folder), Nobody(), 1)
    try:
        made = await stage(batch(*rows), askers.of(Step("write_caption", stage)))
    finally:
        await askers.close()
    assert made.schema == stage.adds
    return made.to_pylist()


async def by_rules(*rows: Row) -> list[Row]:
    return (await WriteCaption(writer="rules")(batch(*rows), Nobody())).to_pylist()


def cited(row: Row, transcripts: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Each sentence with the speech it points to."""
    return [
        (s["text"], [transcripts[p["transcript"]][p["start"] : p["end"]] for p in s["spans"]])
        for s in row["caption_sentences"]
    ]


# a language model


async def test_every_sentence_cites_what_was_said(tmp_path: Path) -> None:
    """Characters of the transcript; the caption is its sentences."""
    with serving() as server:
        (row,) = await written(stage_for(server), tmp_path, said(ANNA, BEN))
    assert row["caption_outcome"] == "ok"
    assert row["caption"] == " ".join(s["text"] for s in row["caption_sentences"])
    assert cited(row, [ANNA, BEN])[0] == (
        "A brown dog is standing on the green grass.",
        ["Um, a brown dog is standing on the green grass."],
    )
    assert cited(row, [ANNA, BEN])[-1] == ("A red ball lies on the left.", ["A red ball lies on the left."])
    omitted = [([ANNA, BEN][o["transcript"]][o["start"] : o["end"]], o["reason"]) for o in row["caption_omitted"]]
    assert omitted == [("In this picture I see a brown dog.", "repeated"), ("Okay.", "artefact")]


async def test_a_caption_says_who_wrote_it_with_what(tmp_path: Path) -> None:
    """The model as it answered, the prompt, tokens and cost."""
    with serving() as server:
        stage = stage_for(server, usd_per_mtok_in=1.0, usd_per_mtok_out=2.0)
        one, several = await written(stage, tmp_path, said(ANNA), said(ANNA, BEN))
    assert (one["caption_by"], one["caption_prompt"]) == ("m-0001", load_prompt("clean-1").id)
    assert several["caption_prompt"] == load_prompt("merge-1").id
    for row in (one, several):
        assert row["caption_cost_usd"] == pytest.approx(
            (row["caption_tokens_in"] + 2 * row["caption_tokens_out"]) / 1e6
        )


async def test_rows_without_transcripts_ask_nobody(tmp_path: Path) -> None:
    """None, none left, blank ones: an outcome of their own."""
    with serving() as server:
        rows = await written(
            stage_for(server), tmp_path, said(), {"transcripts": None}, said("  ", None), said("A dog.")
        )
        assert server.times() == 1
    assert [r["caption_outcome"] for r in rows] == ["no_transcripts"] * 3 + ["ok"]
    assert [r["caption"] for r in rows] == [None] * 3 + ["A dog."]


async def test_seconds_come_from_the_words_of_the_right_recording(tmp_path: Path) -> None:
    """`transcript_recording` says which recording a transcript is of: here the third."""
    words = [
        {"text": w, "start_s": 10.0 + n, "end_s": 10.9 + n, "probability": None}
        for n, w in enumerate(["A", "dog", "sleeps."])
    ]
    row = {
        "transcripts": ["A dog sleeps."], "transcript_recording": [2], "recording_sha256": SHA, "heard_words": [None, [], words],
        "heard_segments": [None, None, []],
    }  # fmt: skip
    with serving() as server:
        (made,) = await written(stage_for(server), tmp_path, row)
    assert made["caption_sentences"][0]["spans"] == [
        {"transcript": 0, "start": 0, "end": 13, "start_s": 10.0, "end_s": 12.9}
    ]


async def test_words_without_times_are_no_times(tmp_path: Path) -> None:
    """Columns of others may hold nulls anywhere."""
    words = [
        {"text": w, "start_s": s, "end_s": s, "probability": None} for w, s in (("A", None), (None, 1.0), ("dog.", 2.0))
    ]
    with serving() as server:
        (made,) = await written(
            stage_for(server), tmp_path, said("A dog.") | {"heard_words": [words], "heard_segments": [None]}
        )
    assert made["caption_sentences"][0]["spans"][0]["start_s"] == 2.0


async def test_segments_serve_where_there_are_no_words(tmp_path: Path) -> None:
    """An engine may know no words' times."""
    segment = {"text": " A dog sleeps.", "start_s": 1.0, "end_s": 2.0, "avg_logprob": None, "no_speech_prob": None}
    row = said("A dog sleeps.") | {"heard_words": [[]], "heard_segments": [[segment]]}
    with serving() as server:
        (made,) = await written(stage_for(server), tmp_path, row)
    assert made["caption_sentences"][0]["spans"][0]["start_s"] == 1.0


async def test_neighbouring_units_are_one_stretch(tmp_path: Path) -> None:
    """Of one transcript; apart they stay apart."""

    def all_in_one(messages: writer.Messages) -> str:
        return writer.json.dumps(
            {"sentences": [{"text": "All.", "units": ["2.1", "1.3", "1.1", "1.2", "1.5"]}], "omitted": []}
        )

    one, other = "A. B. C. D. E.", "F."
    with serving(all_in_one) as server:
        (row,) = await written(stage_for(server), tmp_path, said(one, other))
    assert cited(row, [one, other]) == [("All.", ["A. B. C.", "E.", "F."])]


async def test_a_wrong_answer_is_repaired_once(tmp_path: Path) -> None:
    """The model is told which unit does not exist."""
    with serving(writer.repenting) as server:
        (row,) = await written(stage_for(server), tmp_path, said(ANNA))
        assert server.times("names unit '99.1', which does not exist") == 1
    assert row["caption_outcome"] == "ok"


@pytest.mark.parametrize(
    ("write", "detail"),
    [
        (writer.wandering, "which does not exist"),
        (writer.empty, "at least one sentence"),
        (lambda m: "A dog.", "no JSON"),
    ],
    ids=["units nobody said", "no sentence", "prose"],
)
async def test_what_stays_wrong_is_no_caption(
    write: Callable[[writer.Messages], str], detail: str, tmp_path: Path
) -> None:
    """It is told why, and the row keeps what it cost; the others go on."""
    with serving(lambda m: write(m) if "brown" in m[1]["content"] else writer.answer(m)) as server:
        bad, good = await written(stage_for(server), tmp_path, said(ANNA), said("A dog."))
    assert (bad["caption"], bad["caption_sentences"], bad["caption_outcome"]) == (None, None, "unparsable")
    assert detail in bad["caption_detail"]
    assert bad["caption_tokens_in"] > 0
    assert good["caption_outcome"] == "ok"


async def test_a_refusal_is_an_outcome(tmp_path: Path) -> None:
    """The provider's own kind."""
    with serving() as server:
        server.script = ["refusal"]
        (row,) = await written(stage_for(server), tmp_path, said(ANNA))
    assert (row["caption"], row["caption_outcome"]) == (None, "refused")


async def test_nothing_is_asked_twice(tmp_path: Path) -> None:
    """A second run, and a second row of the same transcripts, have their answer."""
    with serving() as server:
        first = await written(stage_for(server), tmp_path, said(ANNA), said(ANNA))
        assert await written(stage_for(server, chat_concurrency=3), tmp_path, said(ANNA)) == first[:1]
        assert server.times() == 1
    assert first[0] == first[1]


async def test_an_answer_of_another_time_is_looked_at_again() -> None:
    """What a journal holds may not fit what is asked for now."""
    from pixmo.ask import ChatOutcome

    class Old:
        async def ask(self, engine: str, questions: Sequence[Any]) -> list[Answer[Any]]:
            assert engine == "chat"
            return [Answer(ChatOutcome.OK, "A dog.", "", {"text": "A dog.", "model": "old"}) for _ in questions]

    (row,) = (await WriteCaption(model="m")(batch(said("A dog.")), Old())).to_pylist()
    assert (row["caption"], row["caption_outcome"], row["caption_by"]) == (None, "unparsable", "old")


# what is asked


def test_questions_are_those_of_rows_with_transcripts() -> None:
    """With their schema, their prompt, and the recordings they are made of, so that they can be forgotten."""
    row = {"transcripts": ["A dog.", "A cat."], "transcript_recording": [0, 2], "recording_sha256": SHA}
    stage = WriteCaption(model="m", target_words_least=20, target_words_most=40)
    (question,) = stage.questions(batch(row, said()))
    assert question.about == (SHA[0], SHA[2])
    assert (question.schema, question.prompt) == (SCHEMA, load_prompt("merge-1").id)
    assert "20 to 40 words" in question.messages[0].content
    assert told_units(question.messages[1].content) == {"1.1": "A dog.", "2.1": "A cat."}
    assert WriteCaption(writer="rules").questions(batch(row)) == []


def test_the_check_is_of_the_question() -> None:
    """The units that may be named are those that were shown."""
    stage = WriteCaption(model="m")
    short, long = stage.questions(batch(said("A dog."), said("A dog. A cat.")))
    answer = '{"sentences": [{"text": "A cat.", "units": ["1.2"]}], "omitted": []}'
    assert stage.check_answer(long, answer) == ""
    assert "1.2" in stage.check_answer(short, answer)


# settings


def test_effort_does_not_rename_work_and_meaning_does() -> None:
    """Another model writes other captions; another pace the same."""
    plain = fingerprint(WriteCaption(model="m"))
    assert (
        fingerprint(WriteCaption(model="m", chat_concurrency=2, budget_usd=1, usd_per_mtok_in=1, usd_per_mtok_out=1))
        == plain
    )
    assert fingerprint(WriteCaption(model="other")) != plain
    assert fingerprint(WriteCaption(model="m", target_words_most=300)) != plain


def test_another_prompt_is_another_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its content: its name stands for one text only."""
    before = fingerprint(WriteCaption(model="m"))
    other = caption_prompt.Prompt("merge-1@000000000000", "", "{transcripts}")
    monkeypatch.setattr(write_caption, "load_prompt", lambda name: other)
    assert fingerprint(WriteCaption(model="m")) != before


def test_the_engine_is_told_its_settings() -> None:
    """Under its own names; a budget of 0 is none."""
    stage = WriteCaption(model="m", chat_concurrency=3, chat_timeout_s=5, chat_retries=1, seed=7, budget_usd=0.0)
    settings = ChatSettings(**stage.chat_settings())
    assert (settings.model, settings.concurrency, settings.timeout_s, settings.retries) == ("m", 3, 5, 1)
    assert (settings.seed, settings.budget_usd) == (7, None)


@pytest.mark.parametrize(
    ("settings", "kind", "why"),
    [
        ({"writer": "me"}, BadSetting, "none of llm, rules"),
        ({"target_words_least": 300}, BadSetting, "target_words_most"),
        ({"merge_prompt": "merge-0"}, UnknownName, "merge-1"),
        ({"base_url": "ftp://x"}, BadSetting, "base_url"),
        ({"budget_usd": 1.0}, BadSetting, "prices"),
        ({"batch_poll_s": 0.0}, BadSetting, "batch_poll_s"),
    ],
    ids=lambda v: next(iter(v)) if isinstance(v, dict) else "",
)
def test_wrong_settings_are_named(settings: Row, kind: type[PixmoError], why: str) -> None:
    """When the stage is made."""
    with pytest.raises(kind, match=why):
        WriteCaption(**settings)


def test_a_writer_that_cannot_write_is_told_before_the_first_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """No model, no key; the rules need neither."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(BadSetting, match="--writer rules"):
        WriteCaption().check()
    with pytest.raises(PixmoError, match="OPENAI_API_KEY"):
        WriteCaption(model="m").check()
    WriteCaption(model="m", base_url="http://localhost:1/v1").check()
    WriteCaption(writer="rules").check()


# rules


async def test_rules_write_from_one_transcript_and_say_so() -> None:
    """Without asking anybody; no prompt, no tokens."""
    (row,) = await by_rules(said(ANNA))
    assert (
        row["caption"]
        == "A brown dog is standing on the green grass. Behind it there is a white house with two windows."
    )
    assert (row["caption_outcome"], row["caption_by"], row["caption_detail"]) == ("ok", "rules/1", None)
    assert [row[f"caption_{n}"] for n in ("prompt", "tokens_in", "tokens_out", "cost_usd")] == [None] * 4
    assert [len(sources) for _, sources in cited(row, [ANNA])] == [1, 1]


async def test_rules_take_the_longest_of_several_transcripts() -> None:
    """And tell that there were others."""
    (row,) = await by_rules(said("A dog.", None, ANNA))
    assert row["caption_detail"] == "written from the longest of 2 transcripts"
    assert {p["transcript"] for s in row["caption_sentences"] for p in s["spans"]} == {2}


async def test_fillers_alone_make_no_caption() -> None:
    """An outcome of its own."""
    nothing, filler = await by_rules(said(), said("Um, okay."))
    assert (nothing["caption_outcome"], filler["caption_outcome"]) == ("no_transcripts", "no_sentences")
    assert nothing["caption"] is filler["caption"] is None
