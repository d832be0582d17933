"""The tokenizer of a Molmo: texts to ids and back, with the special tokens that pictures stand for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixmo.errors import BadRecord, BadSource, MissingExtra
from pixmo.image.crops import Kind
from pixmo.molmo.settings import read_json

_NAMES = {
    Kind.START: "<im_start>",
    Kind.END: "<im_end>",
    Kind.PATCH: "<im_patch>",
    Kind.COLUMN: "<im_col>",
    Kind.LOW_START: "<low_res_im_start>",
    Kind.FRAME_START: "<frame_start>",
    Kind.FRAME_END: "<frame_end>",
}
MOLMO = ("<im_start>", "<im_end>", "<im_patch>", "<im_col>", "<|image|>")
"""The special tokens of Molmo (2024), in the order of their ids."""
MOLMO2 = (
    *MOLMO[:4], "<low_res_im_start>", "<|image|>", "<im_low>", "<frame_start>", "<frame_end>", "<|video|>", "<|points|>",
    "<|token_index|>", "<|vit_index|>", "<|vit_loc|>",
)  # fmt: skip
"""Those of Molmo2."""
PICTURE, VIDEO = "<|image|>", "<|video|>"


class Tokens:
    """A tokenizer with the special tokens of a Molmo.

    `begin_id` starts each sequence: the tokenizer's own token for it or, as in all released models known, that which ends an answer,
    `end_id`.
    """

    def __init__(self, tokenizer: Any, special: Sequence[str], end: str, begin: str | None = None) -> None:
        """Any: a `tokenizers.Tokenizer`. Raises BadSource for one that lacks a special token."""
        named = [*special, end, *([begin] if begin else [])]
        if missing := [name for name in named if tokenizer.token_to_id(name) is None]:
            raise BadSource(f"the tokenizer lacks the special tokens {', '.join(missing)}; it is that of another model")
        self._tokenizer = tokenizer
        self.end_id: int = tokenizer.token_to_id(end)
        self.begin_id: int = tokenizer.token_to_id(begin or end)
        self._special_ids = {tokenizer.token_to_id(name): name for name in special}
        first = tokenizer.token_to_id(special[0])
        follow = [*self._special_ids] == [*range(first, first + len(special))]
        self.first_special: int | None = (
            first if follow else None
        )  # None: they do not follow each other, as in every release
        self._id_of_kind = np.array(
            [tokenizer.token_to_id(_NAMES[kind]) if _NAMES[kind] in special else -1 for kind in sorted(Kind)]
        )

    @classmethod
    def load(cls, source: Path | str, special: Sequence[str]) -> Tokens:
        """That of a `tokenizer.json` or of a folder with one, and what `tokenizer_config.json` beside it says of begin and end.

        Without the latter an answer ends with `<|endoftext|>`, or `<|im_end|>` in Molmo2. Raises BadSource for a file that is none.
        """
        path = Path(source)
        path = path / "tokenizer.json" if path.is_dir() else path
        return cls.told(read_tokenizer(path), path, special)

    @classmethod
    def told(cls, tokenizer: Any, path: Path, special: Sequence[str]) -> Tokens:
        """A `tokenizers.Tokenizer` (Any: an extra) with what the `tokenizer_config.json` beside `path` says of begin and end."""
        told = read_json(path.with_name("tokenizer_config.json"), needed=False)
        end = _name(told.get("eos_token")) or ("<|im_end|>" if VIDEO in special else "<|endoftext|>")
        try:
            return cls(tokenizer, special, end, _name(told.get("bos_token")))
        except BadSource as error:
            raise BadSource(f"{path}: {error}") from None

    def text(self, text: str) -> list[int]:
        """The ids of a text, no token added around it.

        Raises BadRecord for a text with a special token of pictures: such a token has pixels behind it, which no text has; and for
        one that is no text (half a character, as broken JSON gives).
        """
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise BadRecord(f"a text with half a character at {error.start}: {text[:60]!a}") from None
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        for each in ids:
            if each in self._special_ids:
                raise BadRecord(f"a text holds {self._special_ids[each]}, a token of pictures: {text[:60]!r}")
        return ids

    def picture(self, kinds_T: NDArray[np.int8]) -> NDArray[np.int64]:
        """The ids of a picture's tokens."""
        ids: NDArray[np.int64] = self._id_of_kind[kinds_T]
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids, special tokens and padding (-1) left out."""
        text: str = self._tokenizer.decode([each for each in ids if each >= 0], skip_special_tokens=True)
        return text


def read_tokenizer(path: Path) -> Any:
    """The `tokenizers.Tokenizer` of a `tokenizer.json` (Any: an extra); BadSource for a file that is none."""
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtra("molmo", "reading texts as a model does") from error
    try:
        data = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise BadSource(f"{path}: cannot be read: {error}") from error
    try:
        return Tokenizer.from_str(data)
    except Exception as error:  # the border to tokenizers, which raises nothing narrower
        raise BadSource(f"{path}: not a tokenizer: {error}") from error


def _name(told: object) -> str | None:
    """A token's text in a tokenizer's settings: as it is, or in an object."""
    if isinstance(told, dict):
        told = told.get("content")
    return told if isinstance(told, str) and told else None
