"""The fast way to crops and the straight one, with Pillow and plain numpy, come to the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench_preprocess.py"
SIZES = ("640x480", "113x700", "37x41", "1000x112", "3x2", "517x389", "300x1201", "1301x977")


@pytest.mark.parametrize("model", ["molmo", "molmo2"])
def test_equal_to_the_straight_way(model: str) -> None:
    """Patches and masks of pictures of many sizes are those of Pillow's resizes, padded, cut and split step by step."""
    command = [sys.executable, str(SCRIPT), "--model", model, "--sizes", ",".join(SIZES), "--repeats", "1", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=SCRIPT.parents[1])
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert [(each["size"], each["agrees"]) for each in found] == [(size, True) for size in SIZES]
