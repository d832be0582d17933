"""A model ready to be asked, from a checkpoint folder: weights, tokenizer, and the processor that fits them.

molmo = open_model("Molmo-7B-D-0924", devices="cuda")
print(molmo.ask("dog.jpg", "Describe this image."))
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from pixmo.errors import BadSetting, BadSource
from pixmo.image.crops import Cropping
from pixmo.molmo.config import MolmoConfig
from pixmo.molmo.generate import Generation, generate
from pixmo.molmo.molmo import Molmo
from pixmo.molmo.molmo2 import Molmo2
from pixmo.molmo.processor import Picture, Processor
from pixmo.molmo.processor2 import Processor2
from pixmo.molmo.settings import read_json
from pixmo.molmo.tokens import MOLMO, Tokens
from pixmo.molmo.weights.place import Devices
from pixmo.molmo.weights.read import config_in, load, open_checkpoint


@dataclass(frozen=True)
class Ready:
    """A model and what stands before it."""

    folder: Path
    model: Molmo | Molmo2
    processor: Processor | Processor2

    def ask(
        self, images: Picture | Path | str | Sequence[Picture | Path | str] | None, text: str, **how: Any
    ) -> str:  # Any: fields of Generation
        """The answer to one question about a picture, several (Molmo2) or none; `how` are fields of `Generation`."""
        some = (
            [images] if images is None or isinstance(images, str | Path) or not isinstance(images, Sequence) else images
        )
        seen = [Image.open(each) if isinstance(each, str | Path) else each for each in some if each is not None]
        row = self.processor.process(images=seen, text=text)
        settings = Generation(ends=(self.processor.tokens.end_id,), **how)
        answer = generate(self.model, self.processor.batch([row]), settings, self.processor.tokens.decode)[0]
        return (answer.text or "").strip()


def open_model(folder: Path | str, *, dtype: torch.dtype | None = None, devices: Devices = "cpu") -> Ready:
    """Load a checkpoint folder, in evaluation mode. `dtype`: bfloat16 on a GPU and float32 elsewhere, unless told.

    Tokenizer and settings are read before the weights. Raises BadSource for what is missing, damaged or of another model.
    """
    where = devices if isinstance(devices, str | torch.device) else next(iter(devices))
    dtype = dtype or (torch.bfloat16 if torch.device(where).type == "cuda" else torch.float32)
    config = config_in(open_checkpoint(folder))
    processor = processor_for(config, folder)
    return Ready(Path(folder), load(folder, dtype=dtype, devices=devices).eval(), processor)


def processor_for(config: MolmoConfig, folder: Path | str) -> Processor | Processor2:
    """The processor of a model: tokenizer and settings from `folder`, sizes of crops and context from the model's numbers."""
    told, px = read_json(Path(folder) / "preprocessor_config.json", needed=False), config.vit.image_px
    if px[0] != px[1]:
        raise BadSetting(f"pictures are cut into squares; this tower reads {px[0]} x {px[1]} px")
    sizes: dict[str, Any] = {"crop_px": px[0], "patch_px": config.vit.patch_px}  # Any: fields of either Cropping
    if (most := told.get("max_crops")) is not None:
        sizes["max_crops"] = _whole("max_crops", [most], 1)[0]
    if (margins := told.get("overlap_margins")) is not None:
        sizes["margins"] = _whole("overlap_margins", margins, 2)
    context = config.decoder.max_positions
    if config.family == "molmo":
        cropping = Cropping(**sizes, resize=config.vit.resize)
        made = Processor(Tokens.load(folder, MOLMO), cropping, context=context)
        # the releases on OLMo count from the tokenizer's size, not from the table's: either may be meant
        _require_fitting(made.tokens, folder, {config.first_special, config.decoder.vocabulary})
        return made
    released = Processor2.load(folder)
    _require_fitting(released.tokens, folder, {config.first_special})
    return replace(released, cropping=replace(released.cropping, **sizes), context=context)


def has_tokenizer(config: MolmoConfig, folder: Path | str) -> bool:
    """Whether a folder has a tokenizer. BadSource where it, or the settings of the processor, are not this model's."""
    if not (Path(folder) / "tokenizer.json").is_file():
        return False
    processor_for(config, folder)
    return True


def weights_digest(folder: Path | str) -> str:
    """A digest of every byte of the weights and of `config.json`: the same for the same model, wherever it lies."""

    def digest(file: Path) -> str:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    checkpoint = open_checkpoint(folder)
    settings = checkpoint.folder / "config.json"
    files = [*checkpoint.files, *([settings] if settings.is_file() else [])]
    with ThreadPoolExecutor(4) as threads:  # hashing lets other threads run
        return hashlib.sha256("\n".join(threads.map(digest, files)).encode()).hexdigest()


def _whole(name: str, told: Any, count: int) -> tuple[int, ...]:  # Any: JSON
    if (
        not isinstance(told, list)
        or len(told) != count
        or not all(type(each) is int and 0 <= each < 1000 for each in told)
    ):
        raise BadSource(
            f"preprocessor_config.json: {name} is {told}, not {count} small whole number{'s' * (count > 1)}"
        )
    return tuple(told)


def _require_fitting(tokens: Tokens, folder: Path | str, firsts: set[int]) -> None:
    """BadSource where the tokens of pictures are not those rows of the embedding that the model learned them as."""
    if tokens.first_special not in firsts:
        expected = " or ".join(f"{first:,}" for first in sorted(firsts))
        raise BadSource(
            f"{Path(folder) / 'tokenizer.json'}: its tokens of pictures are not numbered from {expected} on, as this model's are; "
            "it is that of another model"
        )
