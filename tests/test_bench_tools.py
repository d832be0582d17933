"""The measuring tools measure: what they count is there, and what is missing they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"
BURN = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"


def in_bench(code: str, *words: str) -> str:
    """What Python code prints that sees the bench modules; they are scripts, so they are not imported here."""
    done = subprocess.run(
        [sys.executable, "-c", code, *words], env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def count(tmp_path: Path, code: str, limit_s: float = 30) -> dict[str, float]:
    """What bench/count.py says of a Python program."""
    result = tmp_path / "used.json"
    counter = [sys.executable, str(SCRIPTS / "bench/count.py"), str(result), str(limit_s), sys.executable, "-c", code]
    subprocess.run(counter, check=True, timeout=60)
    return json.loads(result.read_text())


@pytest.mark.parametrize(
    "code",
    [
        BURN,
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}])",
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {BURN!r}]); import os; os._exit(0)",
    ],
    ids=["itself", "its child", "an orphan"],
)
def test_the_cpu_of_the_whole_tree_is_counted(tmp_path, code):
    """0.3 s of CPU are seen wherever below the command they were used."""
    used = count(tmp_path, code)
    assert used["user_s"] + used["sys_s"] >= 0.3
    assert used["returncode"] == 0


def test_a_run_past_its_limit_is_ended_with_all_below_it(tmp_path):
    """No process stays behind, and the result says that it did not end by itself."""
    note = tmp_path / "pid"
    child = f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    used = count(tmp_path, f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])", limit_s=1.5)
    assert used["returncode"] is None
    assert not Path(f"/proc/{note.read_text()}").exists()


def test_pictures_are_seeded_and_of_about_seventy_kilobytes():
    """The same number gives the same bytes, another number others."""
    code = "from bench.pictures import picture; a, b = picture(1), picture(2); print(len(a), len(b), a == picture(1), a == b)"
    first, second, same, equal = in_bench(code).split()
    assert 50_000 < int(first) < 90_000
    assert 50_000 < int(second) < 90_000
    assert (same, equal) == ("True", "False")


def test_other_bytes_are_not_the_same_work():
    """As many pictures and bytes, one of them another: the digest tells."""
    code = """
from bench.contenders import work_of
print(work_of(iter([b"one", b"two"])) == work_of(iter([b"two", b"one"])), work_of(iter([b"one", b"two"])) == work_of(iter([b"one", b"twp"])))
"""
    assert in_bench(code).split() == ["True", "False"]


def test_the_spy_sees_a_pack_opened(tmp_path):
    """Every pack that any Python process opens is noted, nothing else is."""
    (tmp_path / "a.pack").write_bytes(b"x")
    opened = tmp_path / "opened.txt"
    code = "import os, sys; os.open(sys.argv[1] + '/a.pack', os.O_RDONLY); open(sys.argv[1] + '/b.txt', 'w')"
    watched = {"PYTHONPATH": str(SCRIPTS / "bench/spy"), "PIXMO_BENCH_OPENED": str(opened)}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=os.environ | watched, check=True, timeout=60)
    assert opened.read_text().splitlines() == [str(tmp_path / "a.pack")]


def test_private_memory_is_what_a_process_alone_has():
    """A hundred megabytes allocated and touched are seen."""
    code = """
import os
from bench.memory import private_mb
before = private_mb(os.getpid())
held = bytearray(100 * 2**20)
held[::4096] = b"x" * len(held[::4096])
print(private_mb(os.getpid()) - before)
"""
    assert 95 < float(in_bench(code)) < 130
