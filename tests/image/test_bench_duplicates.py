"""The benchmark of the join runs and finds the groups it generated."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench_duplicates.py"


@pytest.mark.parametrize("options", [[], ["--stage"]], ids=["arrays", "stage"])
def test_groups_are_as_generated(options: list[str]) -> None:
    """Twenty thousand skewed hashes: every copy with its original, every blank alone."""
    command = [sys.executable, str(SCRIPT), "--pictures", "20000", "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=SCRIPT.parents[1])
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert (figures["rows_in_wrong_group"], figures["duplicates"]) == (0, 3000)
    assert figures["cpu_s"] < 15
