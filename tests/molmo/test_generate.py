"""Answers token by token: with and without a cache, alone and in a batch, by every way of choosing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import Molmo2ForConditionalGeneration

from pixmo.errors import BadSetting, BadSource
from pixmo.molmo.build import MODELS, build, initialise
from pixmo.molmo.generate import Generation, generate, stream
from pixmo.molmo.graph import Step
from pixmo.molmo.molmo import Molmo
from pixmo.molmo.weights.read import load
from pixmo.molmo.weights.write import save

GOLDEN = Path(__file__).parent.parent / "golden"
torch.set_num_threads(1)


def decode(ids: Sequence[int]) -> str:
    """Each token is a byte."""
    return bytes(token % 256 for token in ids).decode(errors="replace")


@pytest.fixture(scope="module", params=["qwen2like", "olmolike", "olmoelike"])
def recorded(request: pytest.FixtureRequest) -> tuple[Molmo, dict[str, torch.Tensor]]:
    """A tiny model and what the original code said of it."""
    import json

    folder = GOLDEN / f"molmo_v1_{request.param}"
    model = load(folder, vision=json.loads((folder / "meta.json").read_text())["vision"])
    assert isinstance(model, Molmo)
    return model, load_file(folder / "io.safetensors")


@pytest.fixture(scope="module")
def model() -> Any:
    """A Molmo2 with weights large enough that tokens differ, and few words."""
    config = MODELS["molmo2-tiny"]
    made = build(config)
    initialise(made, std=0.3)
    return made.eval()


def left(rows: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
    """Texts padded on the left."""
    longest = max(map(len, rows))
    return {"input_ids": torch.tensor([[-1] * (longest - len(row)) + list(row) for row in rows])}


PROMPTS = [[5, 9, 2], [7, 1, 8, 2, 8, 1, 8], [3]]


def inference(io: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The recorded batch with pictures, padded on the left instead of on the right."""
    names = ("input_ids", "images", "image_masks", "image_input_idx")
    inputs = {name: io[f"inference.{name}"].clone() for name in names}
    for row, ids in enumerate(inputs["input_ids"].clone()):
        padding = int((ids == -1).sum())
        inputs["input_ids"][row] = ids.roll(padding)
        places = inputs["image_input_idx"][row]
        places[places >= 0] += padding
    return inputs


def test_a_padded_batch_says_what_was_recorded(recorded):
    """Pictures, unequal rows, a cache: the greedy tokens that the original gave row by row."""
    model, io = recorded
    answers = generate(model, inference(io), Generation(ends=(), max_new_tokens=8))
    assert [answer.ids for answer in answers] == io["inference.generated"].tolist()
    assert {answer.reason for answer in answers} == {"length"}


def test_a_cached_step_gives_the_logits_of_the_whole(recorded):
    """Reading token by token, or in pieces, changes no logit by more than rounding."""
    model, io = recorded
    ids = io["text_only.input_ids"][1:2]
    ids = ids[ids != -1][None]
    with torch.inference_mode():
        whole = model(ids)
        cache = model.cache(1, ids.shape[1])
        pieces = [model(piece, cache=cache) for piece in ids.split((5, 1, 1, 4, ids.shape[1] - 11), dim=1)]
    assert (torch.cat(pieces, dim=1) - whole).abs().max() < 2e-6


def test_a_step_on_fixed_memory_gives_the_same_logits(recorded):
    """The step that a GPU plays back from a recording, and the plain one, after a padded batch with pictures."""
    model, io = recorded
    inputs, tokens = inference(io), io["inference.generated"]
    with torch.inference_mode():
        plain, static = (model.cache(2, inputs["input_ids"].shape[1] + 8) for _ in range(2))
        for cache in (plain, static):
            model(**inputs, cache=cache, last_only=True)
        step = Step(model, static)
        for number in range(8):
            expected = model(tokens[:, number : number + 1], cache=plain)[:, -1]
            assert (step(tokens[:, number]) - expected).abs().max() < 2e-6
    with pytest.raises(ValueError, match="full"):
        step(tokens[:, 0])


@pytest.mark.gpu
def test_a_recorded_step_gives_the_same_tokens(recorded):
    """On a GPU, where steps are played back, the tokens are those of the CPU."""
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    model, io = recorded
    try:
        answers = generate(model.cuda(), inference(io), Generation(ends=(), max_new_tokens=8))
    finally:
        model.cpu()
    assert [answer.ids for answer in answers] == io["inference.generated"].tolist()


def test_rows_of_a_batch_answer_as_alone(model):
    """Left padding changes no token, for greedy choice and for beams."""
    for how in (Generation(ends=(0,), max_new_tokens=12), Generation(ends=(0,), max_new_tokens=12, beams=3)):
        together = generate(model, left(PROMPTS), how)
        for prompt, answer in zip(PROMPTS, together, strict=True):
            alone = generate(model, left([prompt]), how)[0]
            assert alone.ids == answer.ids
            assert alone.score == pytest.approx(answer.score, abs=1e-4)


def test_an_end_token_ends_its_row_only(model):
    """The end token is not part of the answer, and other rows go on."""
    free = generate(model, left(PROMPTS), Generation(ends=(), max_new_tokens=10))
    end = free[0].ids[3]
    answers = generate(model, left(PROMPTS), Generation(ends=(end,), max_new_tokens=10))
    assert answers[0].ids == free[0].ids[: free[0].ids.index(end)]
    assert answers[0].reason == "end"
    for answer, whole in zip(answers, free, strict=True):
        cut = whole.ids.index(end) if end in whole.ids else 10
        assert answer.ids == whole.ids[:cut]


def test_a_stop_string_ends_the_text_before_it(model):
    """Found across tokens, and left out of the text."""
    free = generate(model, left(PROMPTS), Generation(ends=(), max_new_tokens=10), lambda ids: "-".join(map(str, ids)))
    first, second = free[1].ids[4:6]
    how = Generation(ends=(), max_new_tokens=10, stop=(f"{first}-{second}",))
    answer = generate(model, left(PROMPTS), how, lambda ids: "-".join(map(str, ids)))[1]
    assert answer.reason == "stop"
    assert answer.text == (free[1].text or "").split(f"{first}-{second}")[0]


def test_a_score_is_the_log_probability_of_the_answer(model):
    """The sum over its tokens under the model."""
    answer = generate(model, left(PROMPTS[:1]), Generation(ends=(), max_new_tokens=5))[0]
    ids = torch.tensor([PROMPTS[0] + answer.ids])
    with torch.inference_mode():
        logs = model(ids).log_softmax(dim=-1)[0, len(PROMPTS[0]) - 1 : -1]
    assert answer.score == pytest.approx(float(logs[range(5), answer.ids].sum()), abs=1e-4)


def test_samples_are_those_of_the_seed(model):
    """One seed, one answer; another seed, another; and the coldest sample is the greedy answer."""
    how = Generation(ends=(), max_new_tokens=10, temperature=1.5, seed=4)
    one, two = (generate(model, left(PROMPTS), how) for _ in range(2))
    assert one == two
    assert generate(model, left(PROMPTS), replace(how, seed=5)) != one
    greedy = generate(model, left(PROMPTS), Generation(ends=(), max_new_tokens=10))
    for cold in (
        replace(how, temperature=1e-4),
        replace(how, temperature=5e-324),
        replace(how, top_k=1),
        replace(how, top_p=1e-6),
    ):
        assert [answer.ids for answer in generate(model, left(PROMPTS), cold)] == [answer.ids for answer in greedy]


def test_samples_keep_to_the_best(model):
    """With top_k and top_p no token outside of the best is ever drawn."""
    prompt = left([PROMPTS[0]] * 200)
    with torch.inference_mode():
        shares = model(prompt["input_ids"][:1])[0, -1].softmax(dim=-1).sort(descending=True)
    five = set(shares.indices[:5].tolist())
    half = set(shares.indices[: int((shares.values.cumsum(0) < 0.5).sum()) + 1].tolist())
    how = Generation(ends=(), max_new_tokens=1, temperature=1.0)
    drawn = {answer.ids[0] for answer in generate(model, prompt, replace(how, top_k=5))}
    assert drawn <= five
    assert len(drawn) > 1
    assert {answer.ids[0] for answer in generate(model, prompt, replace(how, top_p=0.5))} <= half


@pytest.mark.parametrize("beams", [1, 2, 4])
@pytest.mark.parametrize("penalty", [1.0, 0.5])
def test_beams_find_what_transformers_finds(model, tmp_path, beams, penalty):
    """Greedy and beam search against transformers' own generation of the same model."""
    theirs = Molmo2ForConditionalGeneration.from_pretrained(save(model, tmp_path))
    for prompt in PROMPTS:
        ends = [17, 3]
        out = theirs.generate(
            input_ids=torch.tensor([prompt]), max_new_tokens=8, num_beams=beams, length_penalty=penalty,
            do_sample=False, eos_token_id=ends, pad_token_id=0, bos_token_id=0,
        )[0, len(prompt) :].tolist()  # fmt: skip
        expected = [token for token in out if token not in ends]
        how = Generation(ends=tuple(ends), max_new_tokens=8, beams=beams, length_penalty=penalty)
        assert generate(model, left([prompt]), how)[0].ids == expected


def test_beams_find_more_likely_answers_than_greed(model):
    """Over equal lengths a beam search never scores worse here, and somewhere better."""
    greedy = generate(model, left(PROMPTS), Generation(ends=(), max_new_tokens=6))
    wide = generate(model, left(PROMPTS), Generation(ends=(), max_new_tokens=6, beams=8, length_penalty=0))
    assert all(w.score >= g.score - 1e-5 for w, g in zip(wide, greedy, strict=True))
    assert any(w.score > g.score + 0.1 for w, g in zip(wide, greedy, strict=True))


def test_a_stream_gives_the_answer_in_pieces(model):
    """Joined, the pieces are the answer; no piece ends in half a character."""
    for stop in ((), ("zz",)):
        how = Generation(ends=(0,), max_new_tokens=40, temperature=1.0, stop=stop)
        pieces = list(stream(model, left(PROMPTS[:1]), how, decode))
        assert "".join(pieces) == generate(model, left(PROMPTS[:1]), how, decode)[0].text
        assert len(pieces) > 5


def test_a_stream_never_shows_a_stop_string(model):
    """What may become a stop string waits until it is sure."""
    spoken = {1: "a", 2: "b"}
    how = Generation(ends=(), max_new_tokens=30)
    ids = generate(model, left(PROMPTS[1:2]), how)[0].ids

    def letters(tokens: Sequence[int]) -> str:
        return "".join(spoken.get(token, chr(97 + token % 26)) for token in tokens)

    text = letters(ids)
    stop = text[6:9]
    pieces = list(stream(model, left(PROMPTS[1:2]), replace(how, stop=(stop,)), letters))
    assert "".join(pieces) == text[: text.find(stop)]


def test_wrong_requests_are_refused_before_work(model):
    """Prompts past the context, padding on the right, settings that contradict each other."""
    how = Generation(ends=())
    with pytest.raises(BadSetting, match="36864 tokens; this model reads at most 36863"):
        generate(model, {"input_ids": torch.zeros(1, 36864, dtype=torch.long)}, how)
    with pytest.raises(BadSetting, match="padded on the left"):
        generate(model, {"input_ids": torch.tensor([[1, 2], [1, -1]])}, how)
    with pytest.raises(BadSetting, match="stop strings need"):
        generate(model, left(PROMPTS), replace(how, stop=("x",)))
    with pytest.raises(BadSetting, match="one row"):
        list(stream(model, left(PROMPTS), how, decode))
    for wrong in ({"top_p": 0.0}, {"max_new_tokens": 0}, {"beams": 2, "temperature": 1.0}, {"stop": ("",)}):
        with pytest.raises(BadSetting):
            Generation(ends=(), **wrong)


@pytest.mark.parametrize("how", [{}, {"temperature": 1.0}, {"beams": 2}])
def test_a_model_that_answers_no_numbers_says_so(how):
    """Weights that hold no numbers, or overflow their type, are told, not taken for an answer."""
    broken = build("molmo-tiny").eval()
    initialise(broken, seed=0)
    with torch.no_grad():
        broken.decoder.norm.weight[0] = float("nan")
    with pytest.raises(BadSource, match="no number"):
        generate(broken, left(PROMPTS), Generation(ends=(), max_new_tokens=2, **how))


def test_a_full_cache_says_so(model):
    """More tokens than were made room for."""
    cache = model.cache(1, 4)
    with pytest.raises(ValueError, match="holds 4 tokens, 5 were given"):
        model(torch.zeros(1, 5, dtype=torch.long), cache=cache)
