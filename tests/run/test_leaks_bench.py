"""The benchmark of find_leaks runs and finds the leaks it generated."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench_leaks.py"


def test_leaks_are_as_generated() -> None:
    """Twenty thousand skewed rows: each copy as it was made, no blank."""
    command = [sys.executable, str(SCRIPT), "--rows", "20000", "--held", "1000", "--json", "--brute"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=SCRIPT.parents[1], timeout=120)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["rows_told_wrong"] == 0
    assert figures["leaks"] > 400
    assert figures["brute_pairs"] > 0
