"""The JSON files that stand beside weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pixmo.errors import BadSource


def read_json(path: Path, *, needed: bool = True) -> dict[str, Any]:  # Any: JSON values
    """The object in a file; of one that is missing and not `needed`, nothing. BadSource for any other trouble with it."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if not needed:
            return {}
        raise BadSource(f"{path}: no such file; a checkpoint needs it") from error
    except (OSError, ValueError) as error:
        raise BadSource(f"{path}: cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise BadSource(f"{path}: not an object of settings")
    return value
