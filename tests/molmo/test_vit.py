"""The tower on grids other than its own, and no deeper than asked."""

from __future__ import annotations

from dataclasses import replace

import torch

from pixmo.molmo.build import MODELS, build, initialise
from pixmo.molmo.vit import ViT

torch.set_num_threads(1)


def tower(**changes: object) -> ViT:
    """A tiny CLIP."""
    made = ViT(replace(MODELS["molmo-tiny"].vit, **changes))
    initialise(made, std=0.2)
    return made.eval()


def test_positions_are_interpolated_for_another_grid():
    """A table of 6 × 6 serves 8 × 5: the class token's row is kept, an even slope stays even inside."""
    vit = tower(image_px=(112, 70))
    with torch.no_grad():
        vit.positions[1:] = (torch.arange(6.0)[:, None] + 10 * torch.arange(6.0)).flatten()[:, None]
    rows = vit.position_rows()
    assert rows.shape == (41, 32)
    assert torch.equal(rows[0], vit.positions[0])
    inner = rows[1:, 0].view(8, 5)[2:6, 2]
    torch.testing.assert_close(inner.diff(), torch.full((3,), 0.75), atol=0.08, rtol=0)
    assert vit(torch.zeros(2, 40, 588), (8, 1)).shape == (2, 40, 64)


def test_blocks_deeper_than_asked_do_not_run():
    """The last of CLIP's blocks has weights and no use: whatever it holds, nothing changes."""
    vit, pixels = tower(), torch.randn(1, 36, 588, generator=torch.Generator().manual_seed(0))
    before = vit(pixels, (8, 1))
    torch.nn.init.constant_(vit.blocks[9].mlp.up.weight, float("nan"))
    assert torch.equal(vit(pixels, (8, 1)), before)


def test_features_are_in_the_order_asked():
    """Deeper blocks may come first."""
    vit, pixels = tower(), torch.randn(1, 36, 588, generator=torch.Generator().manual_seed(0))
    first, second = vit(pixels, (8, 1)).chunk(2, dim=-1)
    assert torch.equal(vit(pixels, (1, 8)), torch.cat((second, first), dim=-1))
    assert not torch.equal(first, second)


def test_a_model_takes_what_bfloat16_has():
    """Pictures in float32 go through a model in bfloat16, near to what it says in float32."""
    model = build("molmo-tiny").eval()
    initialise(model, std=0.1)
    images = torch.randn(1, 2, 36, 588, generator=torch.Generator().manual_seed(0))
    inputs = (torch.arange(30)[None], images, torch.ones(1, 2, 36), torch.arange(18).view(1, 2, 9))
    exact = model(*inputs)
    rough = model.bfloat16()(*inputs)
    assert rough.dtype == torch.bfloat16
    assert (rough - exact).norm() < 0.05 * exact.norm()
