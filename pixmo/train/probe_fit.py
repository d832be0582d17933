"""A small training run in memory: a captioner from scratch or from a folder, some hundred steps, what rows cost it then."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from pixmo.errors import BadSetting, PixmoError
from pixmo.image.crops import Cropping
from pixmo.molmo.build import build, initialise
from pixmo.molmo.config import ConnectorConfig, DecoderConfig, MolmoConfig, ViTConfig
from pixmo.molmo.folder import open_model, processor_for
from pixmo.molmo.loss import chunked_losses
from pixmo.molmo.molmo import Molmo
from pixmo.molmo.molmo2 import Molmo2
from pixmo.molmo.processor import Inputs, Processor
from pixmo.molmo.processor2 import Processor2
from pixmo.molmo.tiny import WORDS, tiny_tokenizer
from pixmo.molmo.tokens import MOLMO, Tokens
from pixmo.molmo.weights.read import config_in, open_checkpoint
from pixmo.train.components import NAMES, components, freeze, optimizer_of, pace, set_rates
from pixmo.train.parallel import clip
from pixmo.train.score import charged
from pixmo.train.settings import Component, Source, Training

# A captioner that learns what a picture roughly shows in a minute or two on a CPU: a million parameters, a token for each byte.
SCRATCH = MolmoConfig(
    "molmo",
    ViTConfig(96, 4, 192, 2, (84, 84), 14, "gelu_tanh", 1e-6, 36),
    ConnectorConfig((1, 0), 96, 4, 256),
    DecoderConfig(128, 3, 4, 4, 32, 352, WORDS, 1e4, 1e-6, qkv_bias=True, max_positions=512),
    first_special=WORDS,
)
SCRATCH_STD = 0.06  # narrower, and it takes twice the steps to look at the picture
SCRATCH_RATE = 2e-3
AHEAD = 4  # batches prepared while the model works
SCORED = 16  # rows at a time
OnStep = Callable[[int, float], None]


class Learner:
    """What is trained, again and again from the same beginning: a checkpoint folder, or the small captioner from scratch."""

    def __init__(self, folder: str, device: torch.device, *, steps: int, rate: float, seed: int) -> None:
        """`rate` 0: the captioner's own for each part, and `SCRATCH_RATE` from scratch. Raises BadSource for a folder that is no model."""
        self.folder, self.device, self._seed = folder, device, seed
        self.config = config_in(open_checkpoint(folder)) if folder else SCRATCH
        self.processor: Processor | Processor2 = processor_for(self.config, folder) if folder else _processor()
        self.training = _training(folder, steps, rate)

    @property
    def context(self) -> int:
        """Tokens of a row that are learned."""
        return min(self.training.context, self.config.decoder.max_positions)

    def model(self) -> Molmo | Molmo2:
        """The model as it begins."""
        if self.folder:
            model = open_model(self.folder, dtype=torch.float32, devices=self.device).model
            model.decoder.checkpointing = model.vit.checkpointing = True
            return model
        model = build(SCRATCH)
        initialise(model, self._seed, SCRATCH_STD)
        return model.to(self.device)

    def fit(
        self, batches: Sequence[Callable[[], Inputs]], on_step: OnStep, goal: float = 0.0
    ) -> tuple[Molmo | Molmo2, list[float]]:
        """The model after learning these batches, one a step, and the loss of each step; no further than a loss below `goal`.

        Raises PixmoError for a loss that is no number, BadSetting where the device's memory does not suffice.
        """
        model = self.model().train()
        freeze(model, self.training)
        parts = components(model)
        optimizer, curve = optimizer_of(parts, self.training), list[float]()
        try:
            for step, batch in enumerate(ahead(batches), 1):
                set_rates(optimizer, self.training, step)
                optimizer.zero_grad()
                curve.append(self._backward(model, batch))
                if not curve[-1] < float("inf"):
                    raise PixmoError(f"step {step}: the loss is {curve[-1]}: lower --rate")
                for parameters in parts.values():
                    clip(parameters, self.training.clip)
                on_step(step, curve[-1])
                if curve[-1] < goal:
                    break
                optimizer.step()
        except torch.OutOfMemoryError as error:
            raise BadSetting(
                "the device's memory does not hold a step: lower --batch-size, or name a smaller --model"
            ) from error
        return model.eval(), curve

    def _backward(self, model: Molmo | Molmo2, batch: Inputs) -> float:
        inputs: dict[str, Any] = {name: value.to(self.device) for name, value in batch.items()}  # Any: tensors
        labels, weights = inputs.pop("labels"), inputs.pop("loss_masks")
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            states = model.states(**inputs)
            losses = chunked_losses(model.decoder.logits, states, labels, weights, z_loss=self.training.z_loss)
        torch.autograd.backward((losses.ce + losses.z) / losses.weight)
        return float(losses.ce.detach() / losses.weight)


def costs(
    model: Molmo | Molmo2, rows: Sequence[int], batch: Callable[[Sequence[int]], Inputs]
) -> dict[int, list[float]]:
    """What each learned token of some rows costs a model, by row."""
    found: dict[int, list[float]] = {}
    pieces = [rows[at : at + SCORED] for at in range(0, len(rows), SCORED)]
    made = ahead([partial(batch, piece) for piece in pieces])
    for piece, inputs in zip(pieces, made, strict=True):
        told = charged(model, inputs)
        for at, row in enumerate(piece):
            found[row] = told.ce_L[told.row_L == at].tolist()
    return found


def ahead(makers: Sequence[Callable[[], Inputs]]) -> Iterator[Inputs]:
    """What each of them makes, in order, made by a thread while the one before is used."""
    with ThreadPoolExecutor(2, "pixmo-probe") as threads:
        waiting: deque[Future[Inputs]] = deque()
        try:
            for make in makers:
                waiting.append(threads.submit(make))
                if len(waiting) > AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()


def _processor() -> Processor:
    (height, _), patch = SCRATCH.vit.image_px, SCRATCH.vit.patch_px
    cropping = Cropping(crop_px=height, patch_px=patch, margins=(2, 2), max_crops=1)
    tokens = Tokens(tiny_tokenizer("molmo"), MOLMO, "<|endoftext|>")
    return Processor(tokens, cropping, context=SCRATCH.decoder.max_positions)


def _training(folder: str, steps: int, rate: float) -> Training:
    """As a captioner is trained, but for warm-ups that fit into a short run."""
    made = Training(model=folder, source=(Source(folder),), steps=steps)
    rate = rate or (0.0 if folder else SCRATCH_RATE)
    connector, vit, decoder = (Component(rate or pace(made, name).rate, max(1, steps // 20)) for name in NAMES)
    return replace(made, connector=connector, vit=vit, decoder=decoder)
