"""What a model is charged for the captions of a set, against sums done by hand and against transformers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import Molmo2ForConditionalGeneration

from pixmo.errors import BadSource, UnknownName
from pixmo.molmo.build import build, config_of
from pixmo.molmo.folder import open_model
from pixmo.molmo.loss import token_losses
from pixmo.molmo.tiny import save_tiny
from pixmo.train.examples import Examples
from pixmo.train.score import LEARNED, OF_ALL, charged, figures, score
from pixmo.train.settings import Source
from tests.train.shapes import captioned, drawn, things

torch.set_num_threads(1)
FAMILIES = ("molmo-tiny", "molmo2-tiny")


@pytest.fixture(scope="module", params=FAMILIES)
def ready(request, tmp_path_factory):
    """A model of each family with random weights."""
    return open_model(save_tiny(tmp_path_factory.mktemp("model") / "m", request.param))


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """Five captioned pictures of different lengths, each with a transcript."""
    seen = things(5, seed=3)
    captions = [one.caption + " and more" * n for n, one in enumerate(seen)]
    pictures = [drawn(one, n) for n, one in enumerate(seen)]
    said = [(f"um {one.colour}",) for one in seen]
    return captioned(tmp_path_factory.mktemp("set") / "a.parquet", pictures, captions, said)


@torch.no_grad()
def by_hand(ready, path, row: int, style: str) -> tuple[float, int, float]:
    """Sum of cross-entropy, tokens and hits of one style of one row, alone in its sequence."""
    source = Source(str(path), styles=(style,))
    inputs = Examples(source, ready.processor, context=4096).at(row).inputs
    batch = ready.processor.training_batch([inputs])
    told = {name: value for name, value in batch.items() if name not in LEARNED}
    logits = ready.model(**told)[0]
    learned = inputs["loss_masks"] > 0
    wanted = inputs["labels"][learned]
    loss = cross_entropy(logits[learned], wanted, reduction="sum")
    return float(loss), len(wanted), float((logits[learned].argmax(-1) == wanted).sum())


def test_each_line_is_what_the_style_costs_alone(ready, spoken):
    """Packed with the other annotation and batched with other rows, a caption costs what it costs alone."""
    scored = score(ready, Source(str(spoken)), batch=3)
    assert [(line.row, line.style) for line in scored.lines] == [
        (f"r{row:04d}", style) for row in range(5) for style in ("long_caption", "transcript")
    ]
    for line in scored.lines:
        loss, tokens, _ = by_hand(ready, spoken, int(line.row[1:]), line.style)
        assert line.tokens == tokens
        assert line.plain == pytest.approx(loss, abs=2e-4)


def test_the_figures_are_means_over_tokens(ready, spoken):
    """Loss and accuracy weigh every token as training does; perplexity counts tokens; intervals hold the value."""
    scored = score(ready, Source(str(spoken), weight=1.0))
    found = figures(scored)
    assert set(found) == {OF_ALL, "long_caption", "transcript"}
    told = [by_hand(ready, spoken, row, "transcript") for row in range(5)]
    loss, tokens, right = (sum(each) for each in zip(*told, strict=True))
    one = found["transcript"]
    assert (one.rows, one.tokens) == (5, tokens)
    assert one.loss.value == pytest.approx(loss / tokens, abs=1e-5)
    assert one.accuracy.value == pytest.approx(right / tokens)
    assert one.perplexity == pytest.approx(math.exp(loss / tokens), rel=1e-4)
    assert one.loss.low <= one.loss.value <= one.loss.high
    assert found[OF_ALL].tokens == sum(line.tokens for line in scored.lines)


def test_batches_change_rounding_only(ready, spoken):
    """One by one, in pairs, all together: the same lines."""
    alone = score(ready, Source(str(spoken)), batch=1)
    for batch in (2, 5):
        together = score(ready, Source(str(spoken)), batch=batch)
        np.testing.assert_allclose(
            [line[3:] for line in together.lines], [line[3:] for line in alone.lines], rtol=2e-5, atol=1e-5
        )


def test_weights_are_those_of_training(ready, spoken):
    """Molmo2's shorter annotations weigh more per token; the loss is the weighted mean, as the trainer's own sums say."""
    examples = Examples(Source(str(spoken)), ready.processor, context=4096)
    batch = ready.processor.training_batch([examples.at(row).inputs for row in range(5)])
    told = {name: value for name, value in batch.items() if name not in LEARNED}
    with torch.no_grad():
        sums = token_losses(ready.model(**told), batch["labels"], batch["loss_masks"])
    found = charged(ready.model, batch)
    assert float((found.ce_L * found.weight_L).sum()) == pytest.approx(float(sums.ce), rel=1e-5)
    assert float((found.z_L * found.weight_L).sum()) == pytest.approx(float(sums.z), rel=1e-5)
    assert float((found.right_L * found.weight_L).sum()) == pytest.approx(float(sums.right))
    assert float(found.weight_L.sum()) == pytest.approx(float(sums.weight))


def test_transformers_charges_the_same(tmp_path, spoken):
    """A caption costs what transformers' Molmo2 says, given the same sequence with labels of -100 where nothing is learned."""
    ready = open_model(save_tiny(tmp_path, "molmo2-tiny"))
    theirs = Molmo2ForConditionalGeneration.from_pretrained(tmp_path, dtype=torch.float32).eval()
    source = Source(str(spoken), styles=("long_caption",))
    lines = score(ready, source).lines
    for row, line in enumerate(lines):
        inputs = Examples(source, ready.processor, context=4096).at(row).inputs
        ids = torch.cat([inputs["input_ids"], torch.tensor([ready.processor.tokens.end_id])])[None]
        learned = inputs["labels"].where(inputs["loss_masks"] > 0, -100)
        tokens = len(inputs["pooling"])
        with torch.no_grad():
            told = theirs(
                input_ids=ids, pixel_values=inputs["images"], image_token_pooling=inputs["pooling"],
                image_grids=torch.tensor([[1, 1, 1, tokens - 1]]), image_num_crops=torch.tensor([len(inputs["images"])]),
                mm_token_type_ids=torch.isin(ids, torch.tensor(ready.model.config.image_tokens)).long(),
                labels=torch.cat([torch.tensor([-100]), learned])[None],
            )  # fmt: skip
        assert line.loss == pytest.approx(float(told.loss), abs=1e-5)


def test_rows_that_cannot_be_scored_are_left_out_with_their_reason(ready, tmp_path):
    """No picture, a picture that does not decode, a token of pictures in the text: counted by reason, the others scored."""
    good = drawn(things(1)[0])
    captions = ["a red bar"] * 3 + ["<im_patch>", "a red bar"]
    path = captioned(tmp_path / "a.parquet", [None, b"GIF89a", good, good, None], captions)
    scored = score(ready, Source(str(path)))
    assert [line.row for line in scored.lines] == ["r0002"]
    assert sorted(scored.left_out) == ["r0000", "r0001", "r0003", "r0004"]
    assert scored.reasons()["has no picture"] == 2
    assert scored.rows == 1
    assert figures(scored)[OF_ALL].loss.low is None


@pytest.mark.parametrize("family", FAMILIES)
def test_a_caption_beyond_the_context_is_scored_up_to_it(family, tmp_path):
    """What stands behind the context is not charged, and the row is counted as cut; a second annotation there has no line."""
    small = config_of(family)
    small = replace(small, decoder=replace(small.decoder, max_positions=96))
    ready = open_model(save_tiny(tmp_path / "m", build(small)))
    path = captioned(tmp_path / "a.parquet", [drawn(things(1)[0])], ["x" * 99], [("behind it",)])
    scored = score(ready, Source(str(path)))
    assert scored.cut == 1
    (line,) = scored.lines
    assert (line.style, line.tokens < 80) == ("long_caption", True)


def test_nothing_to_score_is_refused(ready, spoken, tmp_path):
    """A style that no row has is told with the nearest; a set of which nothing can be scored with the reason."""
    with pytest.raises(UnknownName, match="did you mean 'long_caption'"):
        score(ready, Source(str(spoken), styles=("long_captoin",)))
    path = captioned(tmp_path / "a.parquet", [None, None], ["one", "two"])
    with pytest.raises(BadSource, match="none of its 2 rows can be scored: row r0000: has no picture"):
        score(ready, Source(str(path)))
