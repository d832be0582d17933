"""Parts of a model that learn at their own pace."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from pixmo.errors import BadSetting
from pixmo.molmo.build import build, initialise
from pixmo.train.components import clip_each, component_of, components, freeze, optimizer_of, rate, set_rates
from pixmo.train.settings import Component, Source, Training

RUN = Training(model="m", source=(Source("s"),), steps=1000, connector=Component(2e-4, 200), vit=Component(6e-6, 600))
STILL = Component(0.0, 0)


@pytest.mark.parametrize("name", ["molmo-7b-d", "molmoe-1b", "molmo-7b-o", "molmo2-8b"])
def test_every_parameter_stands_in_one_component(name: str) -> None:
    """Once each, in the released sizes; the added rows of the embedding learn as the connector does."""
    model = build(name, device="meta")
    parts = components(model)
    held = [id(parameter) for parameters in parts.values() for parameter in parameters]
    assert sorted(held) == sorted(map(id, model.parameters()))
    assert len(set(held)) == len(held)
    assert any(parameter is model.decoder.embedding.extra for parameter in parts["connector"])
    assert {component_of(key) for key in ("decoder.embedding.base", "decoder.norm.weight")} == {"decoder"}


@pytest.mark.parametrize(
    ("step", "connector", "vit"),
    [
        (1, 1e-6, 1e-8),
        (100, 1e-4, 1e-6),
        (200, 2e-4, 2e-6),
        (600, 0.55 * 2e-4, 6e-6),  # half way down from the peak to a tenth of it
        (800, 2e-4 * (0.1 + 0.9 * (1 + math.cos(math.pi * 0.75)) / 2), 0.55 * 6e-6),
        (1000, 2e-5, 6e-7),
    ],
)
def test_a_rate_rises_in_a_line_and_falls_in_a_cosine(step: int, connector: float, vit: float) -> None:
    """Each component over its own warm-up, to a tenth of its peak at the last step."""
    assert rate(RUN, "connector", step) == pytest.approx(connector, rel=1e-12)
    assert rate(RUN, "vit", step) == pytest.approx(vit, rel=1e-12)


def test_a_run_may_be_shorter_than_a_warm_up_or_have_none() -> None:
    """The rate then never comes to its peak, or begins there."""
    short = replace(RUN, steps=10, vit=Component(1.0, 20), connector=Component(1.0, 0), floor=0.0)
    assert rate(short, "vit", 10) == 0.5
    assert rate(short, "connector", 1) == pytest.approx((1 + math.cos(math.pi / 10)) / 2)
    assert rate(short, "connector", 10) == 0.0


def test_rates_reach_the_optimizer() -> None:
    """Every group has the rate of its component."""
    optimizer = optimizer_of(components(build("molmo-tiny")), RUN)
    rates = set_rates(optimizer, RUN, 100)
    assert rates == {"connector": 1e-4, "vit": pytest.approx(1e-6), "decoder": pytest.approx(1e-6)}
    assert all(group["lr"] == rates[group["component"]] for group in optimizer.param_groups)


def test_a_component_without_a_rate_is_left_alone() -> None:
    """It has no gradient and no place in the optimizer; a model of which nothing learns is refused."""
    model = build("molmo-tiny")
    freeze(model, replace(RUN, vit=STILL))
    assert set(components(model)) == {"connector", "decoder"}
    assert not any(parameter.requires_grad for parameter in model.vit.parameters())
    with pytest.raises(BadSetting, match="nothing would learn"):
        freeze(model, replace(RUN, vit=STILL, connector=STILL, decoder=STILL))


def test_weights_decay_in_matrices_only() -> None:
    """Norms and biases are not drawn to 0."""
    model = build("molmo-tiny")
    initialise(model)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer = optimizer_of(components(model), replace(RUN, weight_decay=0.5))
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    set_rates(optimizer, RUN, 200)
    optimizer.step()
    for name, parameter in model.named_parameters():
        shrunk = 1 - 0.5 * rate(RUN, component_of(name), 200) if parameter.ndim > 1 else 1.0
        torch.testing.assert_close(parameter.detach(), before[name] * shrunk)


def test_each_component_is_clipped_by_its_own_norm() -> None:
    """A wild tower does not still the language model; gradients below the limit stay as they are."""
    model = build("molmo-tiny")
    parts = components(model)
    sizes = {"connector": 0.5, "vit": 300.0, "decoder": 2.0}
    for name, parameters in parts.items():
        count = sum(parameter.numel() for parameter in parameters)
        for parameter in parameters:
            parameter.grad = torch.full_like(parameter, sizes[name] / count**0.5)
    norms = clip_each(parts, 1.0)
    assert {name: float(norm) for name, norm in norms.items()} == pytest.approx(sizes, rel=1e-4)
    after = {name: float(norm) for name, norm in clip_each(parts, 0.0).items()}
    assert after == pytest.approx({"connector": 0.5, "vit": 1.0, "decoder": 1.0}, rel=1e-4)
    assert {name: float(norm) for name, norm in clip_each(parts, 0.0).items()} == after
