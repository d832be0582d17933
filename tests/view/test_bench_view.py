"""The measuring of the viewer measures: every figure is there, of a real viewer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent.parent / "scripts"


@pytest.mark.slow
def test_every_bar_is_measured(tmp_path: Path) -> None:
    """Of a small set made for it; how fast this machine is, is not asked."""
    words = ["--rows", "200", "--picture-bytes", "1500", "--folder", str(tmp_path / "set"), "--json"]
    environment = os.environ | {"PYTHONPATH": str(SCRIPTS.parent)}
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "bench_view.py"), *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode in (0, 1), done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["rows"] == 200
    wanted = (
        "first paint",
        "a page of the grid",
        "a row",
        "index",
        "filter and sort",
        "search",
        "statistics",
        "memory in the end",
    )
    assert [name for name in wanted if not any(figure.startswith(name) and told[figure] > 0 for figure in told)] == []
