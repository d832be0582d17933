"""Captions to be judged: predictions of one or more models, each tied to what people said of its picture."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pixmo.errors import BadSetting, BadSource
from pixmo.ids import canonical_json, digest_of
from pixmo.sources.columns import Columns
from pixmo.sources.judged_thumbnail import thumbnail
from pixmo.sources.predictions import Predictions, named, read_predictions, stem
from pixmo.sources.reader import BATCH_BYTES
from pixmo.sources.references import KEYS, Reference, References, listed, open_references
from pixmo.sources.source import Expected

SEED = 12312
"""Of Ai2's script."""
_LIST = pa.list_(pa.string())
SCHEMA = pa.schema(
    [
        ("picture", pa.string()), ("image_url", pa.string()), ("thumbnail", pa.binary()), ("model", pa.string()),
        ("caption", pa.string()), ("transcripts", _LIST), ("given_statements", _LIST), ("given_categories", _LIST),
        ("given_text", pa.string()),
    ]
)  # fmt: skip
