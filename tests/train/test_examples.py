"""Rows of a set as sequences to learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from pixmo.errors import BadRecord, BadSource
from pixmo.molmo.folder import processor_for
from pixmo.molmo.processor import SHARED
from pixmo.molmo.weights.read import config_in, open_checkpoint
from pixmo.records.arrow import Label, batch_of, grouped_schema, labelled
from pixmo.records.caption import Caption
from pixmo.train.examples import Example, Examples
from pixmo.train.settings import Source
from tests.train.runs import PICTURE, caption, model, save_set, shape, told

SPOKEN = ["There is a thing.", "I see something there.", "Well, a drawing."]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where models are."""
    return tmp_path_factory.mktemp("models")


Made = Callable[..., Examples]


@pytest.fixture
def made(folder: Path, tmp_path: Path) -> Made:
    """Examples of a set of captions."""

    def make(
        records: Sequence[Caption] | Path, name: str = "molmo-tiny", context: int = 512, **settings: object
    ) -> Examples:
        path = records if isinstance(records, Path) else save_set(tmp_path / "set.parquet", records)
        begun = model(folder, name)
        processor = processor_for(config_in(open_checkpoint(begun)), begun)
        return Examples(Source(str(path), **settings), processor, context=context, seed=1)  # type: ignore[arg-type]

    return make


def learned(examples: Examples, example: Example) -> str:
    """The text of the tokens that are learned."""
    inputs = example.inputs
    return str(examples.processor.tokens.decode(inputs["labels"][inputs["loss_masks"] > 0].tolist()))


@pytest.mark.parametrize("name", ["molmo-tiny", "molmo2-tiny"])
def test_what_is_learned_is_the_caption_and_its_end(made: Made, name: str) -> None:
    """The picture and the question are read, the answer is learned; its end, too."""
    examples = made([caption(0)], name)
    example = examples.at(0)
    assert told(0) in learned(examples, example)
    assert example.inputs["labels"][example.inputs["loss_masks"] > 0][-1] == examples.processor.tokens.end_id
    assert "images" in example.inputs


@pytest.mark.parametrize("name", ["molmo-tiny", "molmo2-tiny"])
def test_annotations_of_a_picture_stand_in_one_sequence(made: Made, name: str) -> None:
    """Caption and transcript, each with segments and positions of its own behind the picture."""
    example = made([caption(0, SPOKEN[:1])], name).at(0)
    segments, positions = example.inputs["subsegment_ids"], example.inputs["position_ids"]
    own = sorted(set(segments.tolist()) - {SHARED})
    assert (len(example.texts), len(own)) == (2, 2)
    begins = [int(positions[segments == segment][0]) for segment in own]
    assert begins == [int((segments == SHARED).sum())] * 2


def test_transcripts_are_drawn_anew_each_epoch(made: Made) -> None:
    """At most as many as the source says, not always the same; none when it says 0."""
    examples = made([caption(0, SPOKEN)], transcripts=1)
    drawn = [str(examples.at(0, epoch).texts) for epoch in range(20)]
    assert all(sum(spoken in texts for spoken in SPOKEN) == 1 for texts in drawn)
    assert all(any(spoken in texts for texts in drawn) for spoken in SPOKEN)
    assert len(made([caption(0, SPOKEN)], transcripts=5).at(0).texts) == 4
    assert len(made([caption(0, SPOKEN)], transcripts=0).at(0).texts) == 1


def test_styles_choose_what_is_asked(made: Made) -> None:
    """Captions only, or transcripts only; a row that has none of them cannot be learned."""
    records = [caption(0, SPOKEN[:1]), caption(1)]
    assert len(made(records, styles=("long_caption",)).at(0).texts) == 1
    spoken = made(records, styles=("transcript",))
    assert SPOKEN[0] in str(spoken.at(0).texts)
    with pytest.raises(BadRecord, match="nothing is known to ask about it"):
        spoken.at(1)


def test_the_same_visit_is_the_same_example(made: Made) -> None:
    """Asked alone, with others, or again."""
    records = [caption(n, SPOKEN) for n in range(6)]
    examples = made(records)
    together = examples.visited(list(range(12)))
    for visit in (0, 7, 11):
        (alone,) = made(records).visited([visit])
        assert alone.row == together[visit].row
        assert alone.texts == together[visit].texts
        assert all(torch.equal(value, together[visit].inputs[name]) for name, value in alone.inputs.items())


def test_an_example_longer_than_the_context_is_cut(made: Made) -> None:
    """Its tokens up to there are as they were."""
    whole, short = made([caption(0)]).at(0).inputs, made([caption(0)], context=70).at(0).inputs
    assert len(whole["input_ids"]) > 70
    for name in ("input_ids", "labels", "loss_masks", "position_ids"):
        assert torch.equal(short[name], whole[name][:70])
    assert torch.equal(short["images"], whole["images"])


def test_a_context_that_ends_before_the_answer_leaves_nothing_to_learn(made: Made) -> None:
    """Said with both lengths."""
    with pytest.raises(BadRecord, match=r"\d+ tokens; within a context of 20 nothing of it can be learned"):
        made([caption(0)], context=20).at(0)


def damaged(number: int) -> bytes:
    """Half of a picture's file."""
    return shape(number)[:60]


def test_a_row_that_cannot_be_learned_gives_way_to_the_next(made: Made, tmp_path: Path) -> None:
    """A damaged picture, a missing one and an empty caption: other rows come, and all three are named with the reason."""
    records = [Caption(caption="  ", transcripts=()) if n == 3 else caption(n) for n in range(6)]
    files = [damaged(0), None, *(shape(n) for n in range(2, 6))]
    examples = made(save_set(tmp_path / "bad.parquet", records, files))
    found = examples.visited(list(range(6)))
    assert {example.number for example in found} == {2, 4, 5}
    reasons = dict(passed for example in found for passed in example.passed)
    assert {key.rpartition(":")[2] for key in reasons} == {"0", "1", "3"}
    assert reasons == examples.left_out
    by_row = {key.rpartition(":")[2]: why for key, why in reasons.items()}
    assert "has no picture" in by_row["1"]
    assert by_row["0"] != by_row["1"]


def test_a_row_comes_instead_for_the_same_visit_wherever_it_is_asked(made: Made, tmp_path: Path) -> None:
    """What came before has no say in which."""
    path = save_set(tmp_path / "bad.parquet", [caption(n) for n in range(6)], [damaged(0), *map(shape, range(1, 6))])
    rows = [example.row for example in made(path).visited(list(range(18)))]
    assert rows == [made(path).visited([visit])[0].row for visit in range(18)]


def test_a_set_of_which_nothing_can_be_learned_is_refused(made: Made, tmp_path: Path) -> None:
    """With one of the reasons."""
    examples = made(save_set(tmp_path / "bad.parquet", [caption(n) for n in range(3)], [damaged(n) for n in range(3)]))
    with pytest.raises(BadSource, match=r"bad\.parquet: none of its 3 rows can be learned: "):
        examples.visited([0])


@pytest.mark.parametrize("word", ["<im_patch>", "<im_start>", "<|image|>"])
def test_a_token_of_pictures_in_a_caption_slips_no_picture_in(made: Made, word: str) -> None:
    """Such a row is left out: behind the token there are no pixels."""
    with pytest.raises(BadRecord, match=r"a token of pictures|in the text of"):
        made([Caption(caption=f"A {word} here.", transcripts=())]).at(0)


def test_grouped_rows_are_one_sequence_per_picture(made: Made, tmp_path: Path) -> None:
    """All annotations of the row, in an order drawn anew each epoch."""
    schema = labelled(grouped_schema(Caption), Label("caption", grouped=True)).append(pa.field("image", PICTURE))
    notes = [{"caption": told(n), "transcripts": []} for n in range(3)]
    row = {"annotations": notes, "image": {"bytes": shape(0), "path": None}}
    pq.write_table(pa.Table.from_pylist([row], schema=schema), tmp_path / "grouped.parquet")
    examples = made(tmp_path / "grouped.parquet")
    orders = {tuple(turns[-1] for turns in examples.at(0, epoch).texts) for epoch in range(12)}
    assert len(orders) > 1
    assert {len(order) for order in orders} == {3}


def test_an_empty_set_is_refused(made: Made) -> None:
    """Before anything is learned."""
    with pytest.raises(BadSource, match="has no rows"):
        made([])


def test_rows_of_no_kind_are_refused(made: Made, tmp_path: Path) -> None:
    """With the setting that says what they are."""
    pq.write_table(pa.table({"image": [b""], "text": ["a"]}), tmp_path / "plain.parquet")
    with pytest.raises(BadSource, match='give the source `as = "caption"`'):
        made(tmp_path / "plain.parquet")


def test_a_set_without_pictures_is_refused_at_once(made: Made, tmp_path: Path) -> None:
    """Before a row is looked at: there may be millions."""
    pq.write_table(pa.table({"caption": ["a dog"], "transcripts": [["a dog"]]}), tmp_path / "bare.parquet")
    with pytest.raises(BadSource, match=r"bare\.parquet: no column holds pictures.*columns: caption, transcripts"):
        made(tmp_path / "bare.parquet", as_="caption")


def test_a_molmo_of_2024_learns_from_one_picture_at_a_time(made: Made, tmp_path: Path) -> None:
    """Rows with several are left out by it, and learned by Molmo2."""
    table = pa.Table.from_batches([batch_of([caption(0)], Caption)])
    two = pa.array([[{"bytes": shape(n), "path": None} for n in range(2)]], pa.list_(PICTURE))
    pq.write_table(table.append_column("images", two), tmp_path / "two.parquet")
    with pytest.raises(BadRecord, match="2 pictures; this model learns from one at a time"):
        made(tmp_path / "two.parquet").at(0)
    assert "images" in made(tmp_path / "two.parquet", "molmo2-tiny").at(0).inputs
