"""The bench of speech runs, and pocketsphinx hears more than nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "bench_speech.py"


@pytest.mark.slow
def test_the_word_error_rate_of_a_clear_voice_is_told():
    """A loose bound: far better than guessing, far from perfect, and the total is that of the one voice."""
    command = [sys.executable, str(SCRIPT), "wer", "--sentences", "3", "--voices", "en-us+klatt4", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    rates = json.loads(done.stdout)
    assert 0 < rates["en-us+klatt4"] < 0.6
    assert rates["all"] == rates["en-us+klatt4"]
