"""Pictures, video and texts as the tensors of Molmo2, for asking and for training.

    processor = Processor2.load(folder)
    inputs = processor.batch([processor.process(images=[one, other], text="What differs?")])

A sequence is a begin token, the tokens of the pictures or of the video's frames, and the chat, each message tokenised by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from pixmo.errors import BadRecord
from pixmo.image.crops import Kind
from pixmo.image.crops2 import NO_PATCH, Cropping2, cropped2, frame_grid, frame_patches, frame_pooling
from pixmo.image.crops_load import rgb
from pixmo.molmo.processor import (
    PADDING,
    SHARED,
    Inputs,
    Picture,
    annotations_of,
    padded,
    pictures_of,
    positions,
    require_question,
    tensors,
)
from pixmo.molmo.settings import read_json
from pixmo.molmo.tokens import MOLMO2, Tokens
from pixmo.molmo.video import Frames, Sampling, sample
from pixmo.text.messages import Layout, laid_out

# B rows, T tokens, C crops or frames, P patches of one, V values of a patch, Q pooled features, W patches that one may take
Video = Path | str | bytes | Frames
RELEASED, RELEASED_SAMPLING = Cropping2(), Sampling()


@dataclass(frozen=True)
class Processor2:
    """What stands before the model.

    `context` is how many tokens it reads, `most_pictures` how many pictures at a time (five in training). `has_frame_tokens`: frames
    stand between tokens of their own, as some checkpoints say. `contrasting` puts something behind transparent parts.
    """

    tokens: Tokens
    cropping: Cropping2 = RELEASED
    sampling: Sampling = RELEASED_SAMPLING
    context: int = 36_864
    most_pictures: int = 5
    has_frame_tokens: bool = False
    contrasting: bool = True

    @classmethod
    def load(cls, folder: Path | str) -> Processor2:
        """That of a checkpoint's folder: its tokenizer, and the flags of its `processor_config.json`, which differ between checkpoints.

        Raises BadSource for a tokenizer of another model and for settings that cannot be read.
        """
        made, path = cls(Tokens.load(folder, MOLMO2)), Path(folder) / "processor_config.json"
        if not path.exists():
            return made
        told = read_json(path)
        # what a file does not say is as in the class that wrote it, not as in the released files
        cropping = replace(
            RELEASED,
            low_has_columns=told.get("use_single_crop_col_tokens") is not False,
            low_has_own_start=told.get("use_single_crop_start_token") is not False,
        )
        return replace(made, cropping=cropping, has_frame_tokens=told.get("use_frame_special_tokens") is not False)

    def process(
        self,
        images: Picture | Sequence[Picture] | None = None,
        text: str | Sequence[str] = "",
        video: Video | None = None,
    ) -> Inputs:
        """The inputs of one request, without a batch dimension: pictures, or a video, and what the user says.

        `text` may be the turns of a conversation, the user's first. Raises BadRecord for too many pictures, for pictures and a video
        together, and for what does not fit into the context.
        """
        turns = [text] if isinstance(text, str) else list(text)
        return self.prompt(images, laid_out(turns, Layout.CHAT), video=video)

    def prompt(
        self, images: Picture | Sequence[Picture] | None, messages: Sequence[str], *, video: Video | None = None
    ) -> Inputs:
        """`input_ids` (T,) and, with pictures or a video, `images` (C, P, V) and `pooling` (Q, W).

        `messages` are as the model reads them, from `pixmo.text.prompts` or `laid_out`; the last is a question.
        """
        require_question(messages)
        seen = self._seen(pictures_of(images, self.most_pictures), video)
        said = [each for message in messages for each in self.tokens.text(message)]
        ids = [self.tokens.begin_id, *seen.ids, *said]
        self._require_room(len(ids), seen)
        return tensors(input_ids=np.array(ids, np.int64)) | seen.inputs

    def example(
        self,
        images: Picture | Sequence[Picture] | None,
        messages: Sequence[str] | Sequence[Sequence[str]],
        *,
        video: Video | None = None,
        weight: float | None = None,
    ) -> Inputs:
        """As `prompt`, with what is learned: `labels` and `loss_masks` (T,), aligned with the inputs, and `position_ids` (T,).

        `messages` are questions and answers by turns, or a list of such lists, one per annotation: these do not see each other
        (`subsegment_ids`) and all begin behind what is seen. An answer of n tokens weighs 2 / sqrt(n) each, over the root of the
        number of annotations, or `weight` each. Raises BadRecord for an annotation that ends with a question.
        """
        annotations = annotations_of(messages)
        seen = self._seen(pictures_of(images, self.most_pictures), video)
        before = 1 + len(seen.ids)
        parts = [self._annotation(turns, len(annotations), weight) for turns in annotations]
        ids = np.array([self.tokens.begin_id, *seen.ids, *(each for part in parts for each in part.ids)], np.int64)
        self._require_room(len(ids), seen)
        labels, loss, segments = np.append(ids[1:], PADDING), np.zeros(len(ids), np.float32), np.full(len(ids), SHARED)
        for number, part in enumerate(parts):
            after = before + len(part.ids)
            labels[after - 1], loss[before:after] = self.tokens.end_id, part.loss
            segments[before:after] = number if len(parts) > 1 else SHARED
            before = after
        fields = {"input_ids": ids, "labels": labels, "loss_masks": loss, "position_ids": positions(segments)}
        if len(parts) > 1:
            fields["subsegment_ids"] = segments
        return tensors(**fields) | seen.inputs

    def batch(self, rows: Sequence[Inputs]) -> Inputs:
        """The inputs of several requests: texts padded on the left with -1, crops behind each other, pooling counted through them."""
        return _batch(rows, is_left=True)

    def training_batch(self, rows: Sequence[Inputs]) -> Inputs:
        """Several examples, padded on the right with -1."""
        return _batch(rows, is_left=False)

    def _seen(self, pictures: list[Picture], video: Video | None) -> _Seen:
        if video is None:
            return self._pictures(pictures)
        if pictures:
            raise BadRecord("pictures and a video in one request; the model takes either")
        return self._video(video)

    def _pictures(self, pictures: list[Picture]) -> _Seen:
        ids: list[int] = []
        made = [cropped2(rgb(picture, contrasting=self.contrasting), self.cropping) for picture in pictures]
        for number, one in enumerate(made, 1):
            ids += self.tokens.text(f"Image {number}") if len(made) > 1 else []
            ids += self.tokens.picture(one.layout.kinds_T).tolist()
        rows = [tensors(images=one.patches_NPV, pooling=one.layout.pooling_KS) for one in made]
        return _Seen(ids, _joined(rows))

    def _video(self, video: Video) -> _Seen:
        sampled = sample(video, self.sampling)
        rows, cols = frame_grid(self.cropping)
        start, end = (Kind.FRAME_START, Kind.FRAME_END) if self.has_frame_tokens else (Kind.START, Kind.END)
        block = self.tokens.picture(np.array([start, *[Kind.PATCH] * (rows * cols), end], np.int8)).tolist()
        times = [self.tokens.text(f"{' ' if i else ''}{time_s:.1f} ") for i, time_s in enumerate(sampled.times_s)]
        ids = [each for time in times for each in (*time, *block)]
        side, px = self.cropping.patches, self.cropping.patch_px
        if len(ids) >= self.context:  # before decoding what would not be read
            self._require_room(len(ids) + 1, _Seen(ids, {}))
        patches = np.empty((len(times), side * side, 3 * px * px), np.float32)
        for out, frame in zip(patches, sampled.frames, strict=True):
            frame_patches(frame, self.cropping, out)
        return _Seen(ids, tensors(images=patches, pooling=frame_pooling(len(times), self.cropping)))

    def _annotation(self, turns: Sequence[str], annotations: int, weight: float | None) -> _Annotation:
        if len(turns) % 2:
            raise BadRecord(f"{len(turns)} turns; an example ends with the answer that is learned")
        ids: list[int] = []
        is_learned: list[bool] = []
        for number, message in enumerate(turns):
            new = self.tokens.text(message) + ([self.tokens.end_id] if number % 2 else [])
            ids += new
            is_learned += [number % 2 == 1] * len(new)
        # The last end is only ever a label. Beside other annotations it does not count among the tokens: that is how it was trained.
        counted = sum(is_learned) - (annotations > 1)
        each = weight if weight is not None else 2 / np.sqrt(max(counted, 1)) / np.sqrt(annotations)
        return _Annotation(ids[:-1], np.float32(each) * np.array(is_learned[1:], np.float32))

    def _require_room(self, length: int, seen: _Seen) -> None:
        if length > self.context:
            raise BadRecord(
                f"{length} tokens, {len(seen.ids)} of them of pictures, do not fit into a context of {self.context}"
            )


class _Seen(NamedTuple):
    """What stands before the text: its tokens, and its pixels if there are any."""

    ids: list[int]
    inputs: Inputs


class _Annotation(NamedTuple):
    """One annotation's tokens but the last end, and the weight of what each of them is followed by."""

    ids: list[int]
    loss: NDArray[np.float32]


def _joined(rows: Sequence[Inputs]) -> Inputs:
    """Crops behind each other, their pooling counted through all of them and as wide as the widest."""
    rows = [row for row in rows if "images" in row]
    if not rows:
        return {}
    width, crops = max(row["pooling"].shape[1] for row in rows), 0
    pooling = []
    for row in rows:
        patches = row["images"].shape[1]
        moved = torch.where(row["pooling"] == NO_PATCH, NO_PATCH, row["pooling"] + crops * patches)
        pooling.append(torch.nn.functional.pad(moved, (0, width - moved.shape[1]), value=NO_PATCH))
        crops += len(row["images"])
    images = rows[0]["images"] if len(rows) == 1 else torch.cat([row["images"] for row in rows])
    return {"images": images, "pooling": torch.cat(pooling)}


def _batch(rows: Sequence[Inputs], *, is_left: bool) -> Inputs:
    texts = [{name: value for name, value in row.items() if value.ndim == 1} for row in rows]
    return padded(texts, is_left=is_left) | _joined(rows)
