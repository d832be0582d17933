"""Pictures and texts as the tensors of Molmo (2024), for asking and for training.

    processor = Processor(Tokens.load(folder, MOLMO))
    inputs = processor.batch([processor.process(images=[picture], text="Describe this image.")])

A sequence is a begin token, the tokens of the picture, and the messages, each tokenised by itself; an end token follows each answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pixmo.errors import BadRecord
from pixmo.image.crops import DISCARDED, Cropped, Cropping, cropped
from pixmo.image.crops_load import rgb
from pixmo.molmo.tokens import PICTURE, Tokens
from pixmo.text.messages import Layout, laid_out

# B rows, T tokens, N crops, P patches of a crop, V values of a patch, Q pooled features of a crop
Inputs = dict[str, Tensor]
Picture = Image.Image | NDArray[np.uint8]
RELEASED = Cropping()
SHARED = 10_000
"""The subsegment of what all annotations of a picture see."""
PADDING = -1
"""Stands where a batch has nothing: no token, no label, no crop."""


@dataclass(frozen=True)
class Processor:
    """What stands before the model. `context` is how many tokens it reads; `contrasting` puts something behind transparent parts."""

    tokens: Tokens
    cropping: Cropping = RELEASED
    layout: Layout = Layout.ROLE
    context: int = 4096
    contrasting: bool = True

    def process(self, images: Picture | Sequence[Picture] | None = None, text: str | Sequence[str] = "") -> Inputs:
        """The inputs of one request, without a batch dimension, as the model card shows it.

        `text` is what the user says, or the turns of a conversation, the user's first. Raises BadRecord for more than one picture.
        """
        turns = [text] if isinstance(text, str) else list(text)
        return self.prompt(next(iter(pictures_of(images, 1)), None), laid_out(turns, self.layout))

    def prompt(self, image: Picture | None, messages: Sequence[str]) -> Inputs:
        """`input_ids` (T,) and, with a picture, `images` (N, P, V), `image_masks` (N, P) and `image_input_idx` (N, Q).

        `messages` are as the model reads them, from `pixmo.text.prompts` or `laid_out`; the last is a question.
        """
        require_question(messages)
        made = self._cropped(image)
        sequence = _sequence(self.tokens, made, [messages])
        self._require_room(len(sequence.ids), made)
        return tensors(input_ids=sequence.ids) | _picture(made, sequence.picture_at)

    def example(
        self,
        image: Picture | None,
        messages: Sequence[str] | Sequence[Sequence[str]],
        *,
        weight: float = 1.0,
        is_weight_shared: bool = False,
    ) -> Inputs:
        """As `prompt`, with what is learned: `labels` and `loss_masks` (T,), aligned with the inputs, and `position_ids` (T,).

        `messages` are questions and answers by turns, or a list of such lists, one per annotation of the picture: these do not see
        each other (`subsegment_ids`) and all begin behind the picture (`position_ids`). An answer's tokens and its end weigh
        `weight`, over the root of the number of annotations if `is_weight_shared`.
        """
        annotations = annotations_of(messages)
        made = self._cropped(image)
        ids, is_learned, segments, picture_at = _sequence(self.tokens, made, annotations)
        loss = is_learned * np.float32(weight * (np.sqrt(1 / len(annotations)) if is_weight_shared else 1))
        # each token but the first is learned from those before it; behind a last question nothing is
        labels, masks = np.append(ids[1:], PADDING), np.append(loss[1:], np.float32(PADDING))
        if is_learned[-1]:
            ids, labels, masks, segments = ids[:-1], labels[:-1], masks[:-1], segments[:-1]
        self._require_room(len(ids), made)
        fields = {"input_ids": ids, "labels": labels, "loss_masks": masks, "position_ids": positions(segments)}
        if len(annotations) > 1:
            fields["subsegment_ids"] = segments
        return tensors(**fields) | _picture(made, picture_at)

    def batch(self, rows: Sequence[Inputs]) -> Inputs:
        """The inputs of several requests, padded on the left with -1 to the longest, so that all go on at the same place."""
        return padded(rows, is_left=True)

    def training_batch(self, rows: Sequence[Inputs]) -> Inputs:
        """Several examples, padded on the right with -1."""
        return padded(rows, is_left=False)

    def _cropped(self, image: Picture | None) -> Cropped | None:
        return None if image is None else cropped(rgb(image, contrasting=self.contrasting), self.cropping)

    def _require_room(self, length: int, made: Cropped | None) -> None:
        if length > self.context:
            of_picture = 0 if made is None else len(made.layout.kinds_T)
            raise BadRecord(
                f"{length} tokens, {of_picture} of them the picture's, do not fit into a context of {self.context}"
            )


def annotations_of(messages: Sequence[str] | Sequence[Sequence[str]]) -> list[list[str]]:
    """The messages as a list per annotation of the picture; raises BadRecord where there are none."""
    if any(isinstance(each, str) for each in messages):
        messages = [cast("Sequence[str]", messages)]
    lists = [list(each) for each in messages]
    if not lists or not all(lists):
        raise BadRecord("an example without messages")
    return lists


def require_question(messages: Sequence[str]) -> None:
    """Raises BadRecord for a request that ends with an answer, or has no messages: there is nothing to answer."""
    if len(messages) % 2 == 0:
        raise BadRecord(f"{len(messages)} turns; a request ends with what the user says")


def pictures_of(images: Picture | Sequence[Picture] | None, most: int) -> list[Picture]:
    """The pictures of a request as a list; raises BadRecord for more of them than `most`."""
    if images is None or isinstance(images, (Image.Image, np.ndarray)):
        images = [] if images is None else [images]
    if len(images) > most:
        raise BadRecord(f"{len(images)} pictures; the model takes at most {most} in one request")
    return list(images)


class _Sequence(NamedTuple):
    """A whole sequence with its begin token, and where in it the picture begins."""

    ids: NDArray[np.int64]
    is_learned: NDArray[np.float32]
    segments: NDArray[np.int64]
    picture_at: int


class _Piece(NamedTuple):
    ids: Sequence[int] | NDArray[np.int64]
    is_learned: bool
    segment: int


def _sequence(tokens: Tokens, made: Cropped | None, annotations: Sequence[Sequence[str]]) -> _Sequence:
    several = len(annotations) > 1
    pieces = [_Piece([tokens.begin_id], False, SHARED)]
    texts = [
        piece
        for number, turns in enumerate(annotations, 1)
        for piece in _texts(tokens, turns, number if several else SHARED)
    ]
    places = [i for i, piece in enumerate(texts) if piece is None]
    if len(places) > (made is not None):
        raise BadRecord(f"{PICTURE} stands {len(places)} times in the text of {0 if made is None else 1} pictures")
    at = places[0] if places else 0
    said = [piece for piece in texts if piece is not None]
    pieces += said[:at]
    picture_at = sum(len(piece.ids) for piece in pieces)
    if made is not None:
        pieces.append(_Piece(tokens.picture(made.layout.kinds_T), False, SHARED))
    pieces += said[at:]
    lengths = [len(piece.ids) for piece in pieces]
    return _Sequence(
        np.concatenate([np.asarray(piece.ids, np.int64) for piece in pieces]),
        np.repeat([np.float32(piece.is_learned) for piece in pieces], lengths),
        np.repeat([piece.segment for piece in pieces], lengths),
        picture_at,
    )


def _texts(tokens: Tokens, turns: Sequence[str], segment: int) -> Iterator[_Piece | None]:
    """The messages of one annotation; None where a question says that the picture stands."""
    for number, message in enumerate(turns):
        if number % 2:
            yield _Piece([*tokens.text(message), tokens.end_id], True, segment)
            continue
        for part, text in enumerate(message.split(PICTURE)):
            if part:
                yield None
            yield _Piece(tokens.text(text), False, segment)


def positions(segments: NDArray[np.int64]) -> NDArray[np.int64]:
    """The positions of tokens, each annotation's going on from what all share."""
    positions = np.empty(len(segments), np.int64)
    for segment in np.unique(segments):
        is_seen = segments >= segment
        positions[segments == segment] = np.cumsum(is_seen)[segments == segment] - 1
    return positions


def _picture(made: Cropped | None, at: int) -> Inputs:
    if made is None:
        return {}
    index = np.where(made.layout.feature_at_NQ == DISCARDED, DISCARDED, made.layout.feature_at_NQ + at)
    masks = {} if made.masks_NP is None else {"image_masks": made.masks_NP}
    return tensors(images=made.patches_NPV, image_input_idx=index.astype(np.int64), **masks)


def tensors(**arrays: NDArray[Any]) -> Inputs:
    """Arrays as tensors; those that are shared (read-only) are copied."""
    return {name: torch.from_numpy(np.require(array, requirements=["C", "W"])) for name, array in arrays.items()}


def padded(rows: Sequence[Inputs], *, is_left: bool) -> Inputs:
    """Rows of any lengths and numbers of crops under each other; what is not there is -1."""
    if not rows:
        raise BadRecord("a batch without rows")
    longest = max(len(row["input_ids"]) for row in rows)
    batch: Inputs = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        like = next(row[name] for row in rows if name in row)
        size = longest if like.ndim == 1 else max(len(row[name]) for row in rows if name in row)
        batch[name] = like.new_full((len(rows), size, *like.shape[1:]), PADDING)
        for out, row in zip(batch[name], rows, strict=True):
            if name in row:
                start = longest - len(row[name]) if is_left and like.ndim == 1 else 0
                out[start : start + len(row[name])] = row[name]
    if is_left and "image_input_idx" in batch:
        shifts = torch.tensor([longest - len(row["input_ids"]) for row in rows])[:, None, None]
        batch["image_input_idx"] += shifts * (batch["image_input_idx"] >= 0)
    return batch
