"""What stands between a person and the first line of help: the standard library and click, nothing else."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

ALLOWED = {"pixmo", "click", "colorama"}  # colorama: click's own, on Windows
PROBE = """
import json, resource, sys
before = set(sys.modules)
{act}
used = resource.getrusage(resource.RUSAGE_SELF)
loaded = sorted({{name.partition(".")[0] for name in set(sys.modules) - before}} - set(sys.stdlib_module_names))
print(json.dumps({{"loaded": loaded, "cpu_s": used.ru_utime + used.ru_stime}}), file=sys.stderr)
"""
HELP = """
from pixmo.cli import main
sys.argv = ["pixmo", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
ACTS = {"import pixmo": "import pixmo", "pixmo --help": HELP}


def probe(act: str) -> tuple[set[str], float, str]:
    """Top-level modules beyond the standard library that an act loads, its CPU seconds, and what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(act=act)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stderr.splitlines()[-1])
    return set(told["loaded"]), told["cpu_s"], done.stdout


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_only_the_standard_library_and_click_are_loaded(act):
    """Each command imports its room when it is called, not before."""
    loaded, _, _ = probe(act)
    assert {name for name in loaded if not name.startswith("__editable__")} <= ALLOWED


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_it_costs_little(act):
    """Best of five under 150 ms of CPU, the interpreter's own start included."""
    assert min(probe(act)[1] for _ in range(5)) < 0.150


def test_help_names_the_verbs():
    """The help that comes so fast is the real one."""
    _, _, printed = probe(HELP)
    assert {"download", "retry", "status", "verify", "export"} <= set(printed.split())


def test_a_heavy_import_would_be_seen():
    """The probe sees what an act loads."""
    loaded, _, _ = probe("import pyarrow")
    assert "pyarrow" in loaded
