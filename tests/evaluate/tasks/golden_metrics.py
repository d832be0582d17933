"""What the original evaluators said, and what is right where they are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parents[2] / "golden" / "metrics.json"
METRICS: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))


def told(example: dict[str, Any]) -> str:
    """The id of a test: the start of its prediction."""
    return example.get("id") or example["prediction"][:30] or "empty"


def brief(value: object) -> str | None:
    """The id of a hostile text: how it starts, and its length."""
    return f"{value[:8]!a}x{len(value)}" if isinstance(value, str) else None
