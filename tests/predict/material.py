"""Pictures and models for the tests of predicting: small, seeded, and told apart by what they say."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from pixmo.molmo.build import build, config_of, initialise
from pixmo.molmo.tiny import save_tiny
from pixmo.predict.predict import Summary, predict
from pixmo.predict.settings import Effort, Settings

torch.set_num_threads(1)


def picture(number: int, size: tuple[int, int] | None = None) -> bytes:
    """A PNG of noise; its size is another for each number unless told."""
    width, height = size or (24 + 9 * (number % 5), 20 + 13 * (number % 7))
    pixels = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def pictures(folder: Path, count: int) -> Path:
    """A folder with so many pictures."""
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number:03}.png").write_bytes(picture(number))
    return folder


def checkpoint(folder: Path, name: str = "molmo-tiny", *, seed: int = 0, context: int | None = None) -> Path:
    """A tiny model with weights so large that every picture has an answer of its own."""
    config = config_of(name)
    if context is not None:
        config = replace(config, decoder=replace(config.decoder, max_positions=context))
    model = build(config)
    initialise(model, seed, std=0.25)
    return save_tiny(folder, model)


def asked(
    data: Path, out: Path, model: Path, task: str = "caption", *, effort: Effort | None = None, **how: Any
) -> Summary:
    """A run with short answers."""
    return predict(data, out, model, Settings(**{"task": task, "max_new_tokens": 6, **how}), effort or Effort())


def told(out: Path) -> list[dict[str, Any]]:
    """What predictions.json holds."""
    return list(json.loads((out / "predictions.json").read_bytes()))


def left_out(out: Path) -> dict[str, str]:
    """Why rows have no answer, by id."""
    lines = (out / "left-out.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["id"]: row["why"][0] for row in map(json.loads, lines)}
