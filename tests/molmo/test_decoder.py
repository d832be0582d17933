"""The decoder as it is trained: dropout by kind of token, recomputed blocks, experts by either way."""

from __future__ import annotations

import pytest
import torch

from pixmo.molmo.build import MODELS, build, initialise
from pixmo.molmo.decoder import Embedding, Experts, drop
from pixmo.molmo.molmo import Molmo

torch.set_num_threads(1)


@pytest.fixture
def model() -> Molmo:
    """A tiny model in training."""
    made = build(MODELS["molmo-tiny"])
    initialise(made, std=0.2)
    assert isinstance(made, Molmo)
    return made.train()


IDS = torch.arange(40).view(2, 20)


def test_dropout_keeps_its_share_of_each_token():
    """Survivors are divided by the share kept; a token that keeps all is untouched."""
    torch.manual_seed(0)
    keep = torch.tensor([1.0, 0.75, 0.5]).view(1, 3, 1)
    out = drop(torch.ones(1, 3, 20_000), keep)[0]
    assert [sorted(row.unique().tolist()) for row in out] == [[1.0], [0.0, pytest.approx(4 / 3)], [0.0, 2.0]]
    torch.testing.assert_close(out.mean(dim=1), torch.ones(3), atol=0.03, rtol=0)


def test_only_responses_are_dropped_when_only_they_have_a_rate(model):
    """With a rate for responses alone, what stands before the first of them keeps its logits."""
    response = torch.zeros_like(IDS, dtype=torch.bool)
    response[:, 12:] = True
    plain = model(IDS)
    model.decoder.response_dropout = 0.5
    dropped = model(IDS, response_mask=response)
    assert torch.equal(dropped[:, :12], plain[:, :12])
    assert (dropped[:, 12:] - plain[:, 12:]).abs().amax(dim=-1).min() > 1e-3


def test_without_a_rate_of_their_own_responses_are_dropped_like_all(model):
    """A response rate of 0 is no rate, as in the released training code."""
    model.decoder.dropout = 0.5
    torch.manual_seed(1)
    all_alike = model(IDS)
    torch.manual_seed(1)
    assert torch.equal(model(IDS, response_mask=torch.ones_like(IDS, dtype=torch.bool)), all_alike)


def test_nothing_is_dropped_in_evaluation(model):
    """Rates are for training."""
    plain = model(IDS)
    model.decoder.dropout = model.decoder.response_dropout = 0.5
    assert torch.equal(model.eval()(IDS), plain)


def test_recomputed_blocks_give_the_same_gradients(model):
    """Trading memory for time changes no gradient, of the tower's blocks either."""
    images = torch.randn(2, 1, 36, 588, generator=torch.Generator().manual_seed(0))
    places = torch.arange(9).expand(2, 1, 9)
    grads = []
    for checkpointing in (False, True):
        model.decoder.checkpointing = model.vit.checkpointing = checkpointing
        model.decoder.dropout = 0.3
        torch.manual_seed(2)
        model.zero_grad()
        model(IDS, images, torch.ones(2, 1, 36), places).square().mean().backward()
        grads.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
    assert grads[0].keys() == grads[1].keys()
    assert all(torch.equal(grad, grads[1][name]) for name, grad in grads[0].items())
    assert "vit.blocks.0.attention.qkv.weight" in grads[0]


def test_experts_agree_on_both_ways():
    """Weights brought to few tokens, or tokens to the weights: the same answers and gradients."""
    experts = Experts(16, 12, 8, 3)
    generator = torch.Generator().manual_seed(0)
    for parameter in experts.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    x = torch.randn(7, 16, generator=generator)
    together = experts(x)  # 21 choices of 8 experts: expert by expert
    alone = torch.stack([experts(row[None])[0] for row in x])  # 3 choices: gathered
    torch.testing.assert_close(together, alone)
    (first,) = torch.autograd.grad(together.sum(), experts.up)
    (second,) = torch.autograd.grad(alone.sum(), experts.up)
    torch.testing.assert_close(first, second)


def test_two_tables_are_read_as_one():
    """Ids beyond the base go to the added rows, padding reads the first row, gradients go where the ids went."""
    table = Embedding(4, 2, 3)
    table.base.data = torch.arange(12.0).view(4, 3)
    table.extra.data = -torch.arange(1.0, 7.0).view(2, 3)
    ids = torch.tensor([[3, 4, 5, -1]])
    joined = torch.cat((table.base, table.extra))
    assert torch.equal(table(ids), joined[ids.clamp(min=0)])
    table(ids).sum().backward()
    assert table.base.grad is not None
    assert table.base.grad[:, 0].tolist() == [1, 0, 0, 1]
    assert table.extra.grad is not None
    assert table.extra.grad[:, 0].tolist() == [1, 1]


def test_a_row_of_padding_stays_finite(model):
    """A batch may be filled up with rows of nothing."""
    ids = torch.full((2, 5), -1)
    ids[0] = torch.arange(5)
    out = model.eval()(ids)
    assert out.isfinite().all()
    torch.testing.assert_close(out[:1], model(ids[:1]))
