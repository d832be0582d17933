"""One run at a time on a folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pixmo.errors import InUse
from pixmo.storage.lock import locked

HOLDS = """
import sys, time
from pathlib import Path
from pixmo.storage.lock import locked
with locked(Path(sys.argv[1]), "OUT"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_run_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    """InUse names the folder and the process that has it."""
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(InUse, match=rf"OUT is in use by another run \(process {holder.pid}\)"),
            locked(tmp_path, "OUT"),
        ):
            pass
        holder.kill()
    with locked(tmp_path, "OUT"):  # the kernel dropped the lock with the process
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_two_runs_of_one_process_exclude_each_other(tmp_path: Path) -> None:
    """Also threads and nested calls of one process may not share a folder."""
    with locked(tmp_path, "OUT"), pytest.raises(InUse), locked(tmp_path, "OUT"):
        pass


def test_the_lock_is_free_after_an_exception(tmp_path: Path) -> None:
    """Leaving by exception gives the folder back."""
    with pytest.raises(RuntimeError), locked(tmp_path, "OUT"):
        raise RuntimeError
    with locked(tmp_path, "OUT"):
        pass


def test_a_child_does_not_inherit_the_lock(tmp_path: Path) -> None:
    """A worker that outlives its coordinator must not keep the folder."""
    code = "print('up', flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with locked(tmp_path, "OUT"):
        worker = subprocess.Popen([sys.executable, "-c", code], close_fds=False, **pipes)
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"up\n"
    with worker, locked(tmp_path, "OUT"):
        assert worker.poll() is None
        worker.communicate(b"\n")
