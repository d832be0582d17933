"""The plugin that keeps a skipped test from passing for one that ran."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RAN = "def test_ran():\n    pass\n"


def run(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """pytest over one file of so much text, with the plugin."""
    (folder / "test_it.py").write_text(f"import pytest\n{text}")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    gpu: needs a GPU\n")
    paths = {"PYTHONPATH": str(ROOT / "scripts"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", "pytest", "-p", "no_skips", "-p", "no:cacheprovider", *options, str(folder)]
    return subprocess.run(
        command, cwd=folder, env=os.environ | paths, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("options", [(), ("-p", "xdist.plugin", "-n", "1")], ids=["one process", "xdist"])
@pytest.mark.parametrize(
    "text",
    [
        RAN + "@pytest.mark.skip(reason='no nginx')\ndef test_that():\n    pass\n",
        RAN + "def test_that():\n    pytest.skip('no nginx')\n",
        "pytest.skip('no nginx', allow_module_level=True)\n",
    ],
    ids=["marked", "within", "module"],
)
def test_a_skip_fails_the_run_and_is_named(tmp_path, text, options):
    """Whoever skips is named with the reason, and the exit status is that of a failed test."""
    done = run(tmp_path, text, *options)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    assert "test_it.py" in done.stdout
    assert "no nginx" in done.stdout.split("that fails this run")[1]


def test_a_gpu_test_may_skip_and_an_expected_failure_may_fail(tmp_path):
    """Neither says that something which should have run did not."""
    skips = "@pytest.mark.gpu\ndef test_gpu():\n    pytest.skip('none')\n"
    fails = "@pytest.mark.xfail\ndef test_x():\n    assert 0\n"
    text = RAN + skips + fails
    done = run(tmp_path, text)
    assert done.returncode == pytest.ExitCode.OK, done.stdout
