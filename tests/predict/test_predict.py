"""Predicting as a whole: what is asked, what is written, how it goes on, and what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from pixmo.errors import BadFolder, BadRecord, BadSetting, BadSource, InUse, PixmoError, UnknownName
from pixmo.ids import digest
from pixmo.molmo.folder import open_model
from pixmo.molmo.tiny import save_tiny
from pixmo.predict import work
from pixmo.predict.predict import predict
from pixmo.predict.settings import Effort, Settings
from pixmo.storage.export.features import PICTURE
from pixmo.storage.lock import locked
from tests.dataset.sets import LABELS, finished, grouped
from tests.predict.material import asked, checkpoint, left_out, picture, pictures, told

HOUSE = Path(__file__).parents[2]


@pytest.mark.parametrize("family", ["molmo", "molmo2"])
def test_every_picture_has_the_answer_that_it_has_alone(
    family: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Rows asked together, sorted by length and padded, say what a model says that is asked one picture at a time."""
    model, data = request.getfixturevalue(family), pictures(tmp_path / "data", 9)
    asked(data, tmp_path / "out", model, effort=Effort(batch_size=4))
    ready = open_model(model)
    alone = [ready.ask(path, "Describe this image.", max_new_tokens=6) for path in sorted(data.iterdir())]
    assert [row["prediction"] for row in told(tmp_path / "out")] == alone
    assert len(set(alone)) > 5


def test_a_prediction_says_what_was_asked_about_what(tmp_path: Path, molmo: Path) -> None:
    """The row, its picture by name and digest, the question, the prompt as the model read it, the answer and its length."""
    data = pictures(tmp_path / "data", 1)
    asked(data, tmp_path / "out", molmo, prompt="What is it?")
    (row,) = told(tmp_path / "out")
    text = row.pop("prediction")
    assert text
    assert row == {
        "id": "000.png", "image": "000.png", "image_sha256": digest(picture(0)), "question": "What is it?",
        "prompt": " User: What is it? Assistant:", "n_tokens": 6, "reason": "length",
    }  # fmt: skip


def test_the_same_bytes_for_any_batch_size(tmp_path: Path, molmo: Path) -> None:
    """How many rows are asked together is effort: nothing that is published tells it."""
    data = pictures(tmp_path / "data", 7)
    for size in (1, 3, 16):
        asked(data, tmp_path / f"out{size}", molmo, effort=Effort(batch_size=size))
    for name in ("predictions.json", "predictions.meta.json"):
        assert len({(tmp_path / f"out{size}" / name).read_bytes() for size in (1, 3, 16)}) == 1


def test_sampled_answers_do_not_depend_on_the_batch(tmp_path: Path, molmo: Path) -> None:
    """With a temperature each row draws for itself; another seed draws otherwise."""
    data = pictures(tmp_path / "data", 5)
    for out, size, seed in (("one", 1, 0), ("four", 4, 0), ("other", 4, 1)):
        asked(data, tmp_path / out, molmo, temperature=1.0, seed=seed, effort=Effort(batch_size=size))
    one, four, other = (told(tmp_path / out) for out in ("one", "four", "other"))
    assert one == four
    assert one != other


def test_beams_answer_too(tmp_path: Path, molmo: Path) -> None:
    """What a search by beams finds is what the model finds with it alone."""
    data = pictures(tmp_path / "data", 3)
    asked(data, tmp_path / "out", molmo, beams=3)
    ready = open_model(molmo)
    alone = [ready.ask(path, "Describe this image.", max_new_tokens=6, beams=3) for path in sorted(data.iterdir())]
    assert [row["prediction"] for row in told(tmp_path / "out")] == alone


def test_rows_near_the_end_of_the_context_are_not_cut_with_their_neighbours(tmp_path: Path) -> None:
    """A prompt that leaves little room gets a short answer; those beside it keep their length."""
    model = checkpoint(tmp_path / "model", context=150)
    data = tmp_path / "data.jsonl"
    (tmp_path / "a.png").write_bytes(picture(0, (20, 20)))
    questions = ["x" * n for n in (3, 85, 5)]
    data.write_text("".join(json.dumps({"image": "a.png", "question": q}) + "\n" for q in questions))
    asked(data, tmp_path / "together", model, "answer", max_new_tokens=40)
    asked(data, tmp_path / "single", model, "answer", max_new_tokens=40, effort=Effort(batch_size=1))
    assert told(tmp_path / "together") == told(tmp_path / "single")
    lengths = [row["n_tokens"] for row in told(tmp_path / "together") if row["reason"] == "length"]
    assert sorted(lengths) == [18, 40]


KILLED = """
import os, signal, sys
import torch
from pathlib import Path
from pixmo.predict.predict import predict
from pixmo.predict.settings import Effort, Settings
torch.set_num_threads(1)
def dies(done):
    if done.answers == 6:
        os.kill(os.getpid(), signal.SIGKILL)
data, out, model = map(Path, sys.argv[1:])
predict(data, out, model, Settings(max_new_tokens=6), Effort(batch_size=2), on_progress=dies)
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_and_asks_nothing_twice(tmp_path: Path, molmo: Path) -> None:
    """After SIGKILL in mid-run there is no predictions.json; the next run asks only what has no answer and publishes the same bytes."""
    data = pictures(tmp_path / "data", 11)
    command = [sys.executable, "-c", KILLED, str(data), str(tmp_path / "out"), str(molmo)]
    dead = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(HOUSE)}, check=False, capture_output=True, text=True
    )
    assert dead.returncode == -9, dead.stderr
    assert not (tmp_path / "out" / "predictions.json").exists()
    summary = asked(data, tmp_path / "out", molmo)
    assert (summary.before, summary.answers, summary.is_published) == (6, 5, True)
    assert len(_keys(tmp_path / "out")) == len(set(_keys(tmp_path / "out"))) == 11
    asked(data, tmp_path / "whole", molmo)
    assert (tmp_path / "out" / "predictions.json").read_bytes() == (
        tmp_path / "whole" / "predictions.json"
    ).read_bytes()


def _keys(out: Path) -> list[str]:
    lines = [line for file in (out / ".pixmo" / "answers").iterdir() for line in file.read_text().splitlines()]
    return [row["key"] for row in map(json.loads, lines) if "key" in row]


def test_a_torn_answer_is_asked_again(tmp_path: Path, molmo: Path) -> None:
    """A line of the journal that a power cut broke off does not count; all others do."""
    data = pictures(tmp_path / "data", 5)
    asked(data, tmp_path / "out", molmo, effort=Effort(batch_size=1))
    whole = (tmp_path / "out" / "predictions.json").read_bytes()
    (journal,) = (tmp_path / "out" / ".pixmo" / "answers").iterdir()
    lines = journal.read_bytes().splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if line.startswith(b'{"key"'))
    journal.write_bytes(b"".join(lines[:last]) + lines[last][:90])
    assert asked(data, tmp_path / "out", molmo).answers == 1
    assert (tmp_path / "out" / "predictions.json").read_bytes() == whole


def test_a_second_run_asks_nothing(tmp_path: Path, molmo: Path) -> None:
    """All answers are there; the files are written again with the same bytes, and no new journal."""
    data = pictures(tmp_path / "data", 3)
    asked(data, tmp_path / "out", molmo)
    before = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*.json*")}
    seen: list[work.Done] = []
    again = predict(data, tmp_path / "out", molmo, Settings(max_new_tokens=6), on_progress=seen.append)
    assert (again.answers, again.before) == (0, 3)
    assert (seen[-1].rows, seen[-1].of) == (3, 3)  # looking at rows is work, too: it may take an hour
    assert {p: p.read_bytes() for p in (tmp_path / "out").rglob("*.json*")} == before


def test_ranks_publish_together(tmp_path: Path, molmo: Path) -> None:
    """Three ranks, one after the other: the last one publishes what a single process would."""
    data = pictures(tmp_path / "data", 7)
    done = [asked(data, tmp_path / "three", molmo, effort=Effort(rank=rank, world_size=3)) for rank in (2, 0, 1)]
    assert [each.is_published for each in done] == [False, False, True]
    assert [each.rows for each in done] == [2, 3, 2]
    asked(data, tmp_path / "one", molmo)
    for name in ("predictions.json", "predictions.meta.json"):
        assert (tmp_path / "three" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()


def test_answers_are_there_for_another_number_of_ranks(tmp_path: Path, molmo: Path) -> None:
    """What two of three ranks answered is not asked again by a single one."""
    data = pictures(tmp_path / "data", 7)
    for rank in (0, 2):
        asked(data, tmp_path / "out", molmo, effort=Effort(rank=rank, world_size=3))
    last = asked(data, tmp_path / "out", molmo)
    assert (last.before, last.answers, last.is_published) == (5, 2, True)


def test_a_share_of_another_run_is_not_published_with_ours(tmp_path: Path, molmo: Path) -> None:
    """After the data grew, a rank's old share does not count: all ranks look at it again."""
    data = pictures(tmp_path / "data", 4)
    for rank in (0, 1):
        asked(data, tmp_path / "out", molmo, effort=Effort(rank=rank, world_size=2))
    (data / "004.png").write_bytes(picture(4))
    assert not asked(data, tmp_path / "out", molmo, effort=Effort(rank=0, world_size=2)).is_published
    assert asked(data, tmp_path / "out", molmo, effort=Effort(rank=1, world_size=2)).is_published
    assert len(told(tmp_path / "out")) == 5


def test_a_rank_runs_once_at_a_time(tmp_path: Path, molmo: Path) -> None:
    """The same command a second time, while the first works, is refused."""
    data, out = pictures(tmp_path / "data", 1), tmp_path / "out"
    asked(data, out, molmo)
    with locked(out / ".pixmo" / "ranks" / "00000-of-00001", "it"), pytest.raises(InUse, match="rank 0"):
        asked(data, out, molmo)


def test_equal_pictures_are_asked_once(tmp_path: Path, molmo: Path) -> None:
    """The same bytes and the same question are one question with one answer for both rows."""
    data = pictures(tmp_path / "data", 2)
    (data / "copy.png").write_bytes(picture(1))
    assert asked(data, tmp_path / "out", molmo).answers == 2
    one, other = told(tmp_path / "out")[1:]
    assert (one["id"], other["id"], one["prediction"]) == ("001.png", "copy.png", other["prediction"])


def test_a_limit_can_grow(tmp_path: Path, molmo: Path) -> None:
    """A try with a few rows is the beginning of the whole."""
    data = pictures(tmp_path / "data", 5)
    asked(data, tmp_path / "out", molmo, limit=2)
    assert len(told(tmp_path / "out")) == 2
    assert asked(data, tmp_path / "out", molmo).before == 2
    assert len(told(tmp_path / "out")) == 5


@pytest.mark.parametrize(
    ("change", "told_as"),
    [({"prompt": "Why?"}, "prompt None"), ({"max_new_tokens": 9}, "max_new_tokens 6"), ({"dtype": "bfloat16"}, "dtype 'float32'")],
)  # fmt: skip
def test_other_settings_need_another_folder(change: dict[str, Any], told_as: str, tmp_path: Path, molmo: Path) -> None:
    """Answers made otherwise are never mixed; the line says what differs and what to do."""
    data = pictures(tmp_path / "data", 1)
    asked(data, tmp_path / "out", molmo)
    with pytest.raises(BadFolder, match=f"{told_as}.*choose another folder"):
        asked(data, tmp_path / "out", molmo, **change)


def test_another_model_needs_another_folder(tmp_path: Path, molmo: Path) -> None:
    """Also one that lies in a folder of the same name: its weights tell."""
    data = pictures(tmp_path / "data", 1)
    asked(data, tmp_path / "out", molmo)
    with pytest.raises(BadFolder, match="model_sha256"):
        asked(data, tmp_path / "out", checkpoint(tmp_path / "tiny", seed=1))


def test_a_folder_with_other_things_is_not_written_into(tmp_path: Path, molmo: Path) -> None:
    """OUT that is the data, by mistake, stays as it is."""
    data = pictures(tmp_path / "data", 1)
    with pytest.raises(BadFolder, match="not empty and holds no predictions"):
        asked(data, data, molmo)
    assert [path.name for path in data.iterdir()] == ["000.png"]


def _none(folder: Path) -> None:
    (folder / "bad.png").write_bytes(b"")


def _cut(folder: Path) -> None:
    (folder / "bad.png").write_bytes(picture(0)[:200])


def _page(folder: Path) -> None:
    (folder / "bad.png").write_text("<html>not here</html>")


def _thin(folder: Path) -> None:
    Image.new("RGB", (1, 10_000)).save(folder / "bad.png")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [(_none, "empty"), (_cut, "broken_image"), (_page, "not_an_image html"), (_thin, "10000")],
)  # fmt: skip
def test_a_bad_picture_is_listed_and_the_others_are_answered(
    spoil: Callable[[Path], None], why: str, tmp_path: Path, molmo: Path
) -> None:
    """A row that cannot be asked is no prediction and no error: left-out.jsonl has it with its reason."""
    data = pictures(tmp_path / "data", 2)
    spoil(data)
    assert asked(data, tmp_path / "out", molmo).left_out == 1
    assert [row["id"] for row in told(tmp_path / "out")] == ["000.png", "001.png"]
    ((name, reason),) = left_out(tmp_path / "out").items()
    assert name == "bad.png"
    assert why in reason


def test_a_long_thin_picture_is_answered_where_the_model_takes_it(tmp_path: Path, molmo2: Path) -> None:
    """Molmo2 stretches a picture of 1 x 10,000 into its crops; nothing is left out."""
    data = pictures(tmp_path / "data", 1)
    _thin(data)
    asked(data, tmp_path / "out", molmo2)
    assert [row["id"] for row in told(tmp_path / "out")] == ["000.png", "bad.png"]


@pytest.mark.parametrize(("family", "most"), [("molmo", 1), ("molmo2", 5)])
def test_more_pictures_than_the_model_takes_are_listed(
    family: str, most: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Rows with as many as it takes are answered."""
    rows = [[{"bytes": picture(n), "path": None} for n in range(count)] for count in (1, 2, 5, 6)]
    column = pa.array(rows, pa.list_(PICTURE))
    pq.write_table(pa.table({"images": column}), tmp_path / "data.parquet")
    asked(tmp_path / "data.parquet", tmp_path / "out", request.getfixturevalue(family))
    answered = [row["id"] for row in told(tmp_path / "out")]
    listed = left_out(tmp_path / "out")
    assert answered == [f"data.parquet:{n}" for n, count in enumerate((1, 2, 5, 6)) if count <= most]
    assert all(f"takes at most {most} in one request" in why for why in listed.values())
    assert len(answered) + len(listed) == 4


def test_every_label_of_a_grouped_set_is_asked(tmp_path: Path, molmo: Path) -> None:
    """Typed rows: a question for each annotation, in order, under the row's id and address; rows without any are listed."""
    folder = finished(tmp_path / "set", {"train": [grouped(0, 6, True)]})
    summary = asked(folder, tmp_path / "out", molmo, "point")
    made = [(row["id"], row["image_url"], row["label"]) for row in told(tmp_path / "out")]
    known = [(f"{n:016x}", f"https://example.org/{n}.png", LABELS[(n + k) % 4]) for n in range(6) for k in range(n % 5)]
    assert made == [each for each in known if each[2]]
    reasons = [row["why"][0] for row in map(json.loads, (tmp_path / "out" / "left-out.jsonl").read_text().splitlines())]
    assert reasons == [
        "has no label to point at", *["its label is empty"] * sum(not each[2] for each in known), "has no label to point at",
    ]  # fmt: skip
    assert (summary.rows, summary.left_out) == (6, len(reasons))


def test_where_all_is_well_nothing_is_listed(tmp_path: Path, molmo: Path) -> None:
    """left-out.jsonl goes when what it told of is mended."""
    data = pictures(tmp_path / "data", 1)
    (data / "bad.png").write_bytes(b"")
    asked(data, tmp_path / "out", molmo)
    (data / "bad.png").write_bytes(picture(9))
    asked(data, tmp_path / "out", molmo)
    assert not (tmp_path / "out" / "left-out.jsonl").exists()


def test_a_question_longer_than_the_context_is_refused_at_once(tmp_path: Path) -> None:
    """Where no row could fit, nothing is begun."""
    model, data = checkpoint(tmp_path / "model", context=150), pictures(tmp_path / "data", 1)
    with pytest.raises(BadRecord, match="context of 150"):
        asked(data, tmp_path / "out", model, prompt="x" * 200)
    assert not (tmp_path / "out").exists()


def test_a_question_that_fits_only_without_the_picture_is_listed(tmp_path: Path) -> None:
    """What a row's picture leaves too little room for is that row's trouble."""
    model, data = checkpoint(tmp_path / "model", context=150), pictures(tmp_path / "data", 1)
    asked(data, tmp_path / "out", model, prompt="x" * 118)
    assert told(tmp_path / "out") == []
    assert "do not fit into a context of 150" in left_out(tmp_path / "out")["000.png"]


def test_memory_that_does_not_suffice_halves_the_batch(
    tmp_path: Path, molmo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same answers come from smaller batches, and no larger one is tried again."""
    data, sizes, real = pictures(tmp_path / "data", 12), [], work.generate

    def small(model: Any, inputs: Any, *rest: Any) -> Any:
        sizes.append(len(inputs["input_ids"]))
        if sizes[-1] > 2:
            raise torch.OutOfMemoryError
        return real(model, inputs, *rest)

    asked(data, tmp_path / "whole", molmo)
    monkeypatch.setattr(work, "generate", small)
    asked(data, tmp_path / "out", molmo, effort=Effort(batch_size=8))
    assert sizes == [8, 4, 2, 2, 2, 2, 2, 2]
    assert told(tmp_path / "out") == told(tmp_path / "whole")


def test_memory_for_not_even_one_row_is_told(tmp_path: Path, molmo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line with what helps."""

    def none(*_: Any) -> Any:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(work, "generate", none)
    with pytest.raises(BadSetting, match=r"does not suffice for a single row.*--device twice"):
        asked(pictures(tmp_path / "data", 3), tmp_path / "out", molmo)


@pytest.mark.parametrize(
    ("how", "error", "line"),
    [
        ({"task": "captions"}, UnknownName, "did you mean 'caption'"),
        ({"task": "point"}, BadSource, "no column label says what to ask for task point"),
        ({"task": "answer"}, BadSource, "no column question or query"),
        ({"prompts": "molmo2"}, BadSetting, "another family.*molmo1-captioner"),
        ({"prompts": "molmo3"}, UnknownName, "no prompt settings named 'molmo3'"),
        ({"split": "test"}, BadSetting, "has no splits"),
        ({"temperature": 0.5, "beams": 2}, BadSetting, "do not go together"),
        ({"dtype": "float8"}, UnknownName, "no dtype named"),
    ],
)
def test_a_wrong_request_ends_before_work(
    how: dict[str, Any], error: type[PixmoError], line: str, tmp_path: Path, molmo: Path
) -> None:
    """One line says what is wrong; nothing is written."""
    with pytest.raises(error, match=line):
        asked(pictures(tmp_path / "data", 1), tmp_path / "out", molmo, **how)
    assert not (tmp_path / "out").exists()


def test_no_model_no_work(tmp_path: Path) -> None:
    """A folder that is no checkpoint is refused before OUT is made."""
    with pytest.raises(BadSource):
        asked(pictures(tmp_path / "data", 1), tmp_path / "out", tmp_path / "data")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "line"), [("tpu", "one of: cpu, cuda"), ("meta", "no device"), ("cuda:7", "there are")]
)
def test_a_device_that_is_not_there_is_told(name: str, line: str, tmp_path: Path, molmo: Path) -> None:
    """Before a byte of weights is read."""
    with pytest.raises(BadSetting, match=line):
        asked(pictures(tmp_path / "data", 1), tmp_path / "out", molmo, effort=Effort(device=(name,)))


def test_a_world_may_be_larger_than_anybody_waits_for(tmp_path: Path, molmo: Path) -> None:
    """A rank looks for the others' shares up to the first that is not there."""
    done = asked(pictures(tmp_path / "data", 1), tmp_path / "out", molmo, effort=Effort(rank=0, world_size=10**12))
    assert (done.answers, done.is_published) == (1, False)


def test_a_rank_stands_within_its_world() -> None:
    """Ranks are counted from 0."""
    with pytest.raises(BadSetting, match="rank 3 of 3"):
        Effort(rank=3, world_size=3)
    assert Settings().longest == 448


def test_the_tokenizer_belongs_to_the_model(tmp_path: Path) -> None:
    """Other words for the same weights are another model: its answers are not taken for ours."""
    model, data = save_tiny(tmp_path / "model"), pictures(tmp_path / "data", 1)
    asked(data, tmp_path / "out", model)
    settings = model / "preprocessor_config.json"
    settings.write_text(settings.read_text().replace('"max_crops": 2', '"max_crops": 3'))
    with pytest.raises(BadFolder, match="model_sha256"):
        asked(data, tmp_path / "out", model)
