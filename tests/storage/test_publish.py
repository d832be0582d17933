"""A file gets its final name whole and durable, or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pixmo.errors import BadFolder, NoSpace
from pixmo.storage.publish import disk_errors, is_temporary, publish_bytes, publishing, sweep

DIES_IN_THE_MIDDLE = """
import os, signal, sys
from pathlib import Path
from pixmo.storage.publish import publishing
with publishing(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half of it")
    os.kill(os.getpid(), signal.SIGKILL)
"""
OVER_A_LIMIT = """
import resource, signal, sys
from pathlib import Path
from pixmo.errors import NoSpace
from pixmo.storage.publish import publish_bytes
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    publish_bytes(Path(sys.argv[1]), bytes(5000))
except NoSpace as error:
    print(error)
"""


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_what_was_written_has_the_final_name_afterwards(tmp_path: Path) -> None:
    """Folders on the way are made, and nothing but the file is left."""
    publish_bytes(tmp_path / "a" / "b.txt", b"whole")
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"whole"
    assert os.listdir(tmp_path / "a") == ["b.txt"]


def test_leaving_by_exception_publishes_nothing(tmp_path: Path) -> None:
    """The old content stays and no temporary file is left behind."""
    publish_bytes(tmp_path / "f", b"old")

    def fails_in_the_middle() -> None:
        with publishing(tmp_path / "f") as temporary:
            temporary.write_bytes(b"new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails_in_the_middle()
    assert (tmp_path / "f").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


def test_a_killed_process_leaves_only_a_temporary_file(tmp_path: Path) -> None:
    """After SIGKILL in the middle the final name still holds the old content, and `sweep` removes the rest."""
    publish_bytes(tmp_path / "f", b"old")
    died = python(DIES_IN_THE_MIDDLE, tmp_path / "f")
    assert died.returncode == -signal.SIGKILL
    assert (tmp_path / "f").read_bytes() == b"old"
    (left,) = [p for p in tmp_path.iterdir() if p.name != "f"]
    assert is_temporary(left)
    assert sweep(tmp_path) == 1
    assert os.listdir(tmp_path) == ["f"]


def test_sweep_removes_temporary_folders_with_all_they_hold(tmp_path: Path) -> None:
    """A plan that was killed leaves a folder of unfinished shards; they may be gigabytes."""
    (tmp_path / ".tmp-plan-x").mkdir()
    (tmp_path / ".tmp-plan-x" / "0.arrow").write_bytes(b"rows")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / ".tmp-1-0-f").write_bytes(b"")
    (tmp_path / "deep" / "kept").write_bytes(b"")
    sweep(tmp_path)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["deep", "kept"]


def test_sweeping_a_folder_that_is_not_there_is_nothing(tmp_path: Path) -> None:
    """A first run has no leftovers."""
    assert sweep(tmp_path / "nowhere") == 0


def test_a_file_over_the_limit_is_no_space_and_leaves_nothing(tmp_path: Path) -> None:
    """A quota (here the limit of a process on file sizes) is told as a full disk, by the file's name."""
    told = python(OVER_A_LIMIT, tmp_path / "f")
    assert told.stderr == ""
    assert "no space left" in told.stdout
    assert str(tmp_path / "f") in told.stdout
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "kind"),
    [(28, NoSpace), (122, NoSpace), (27, NoSpace), (30, BadFolder), (13, BadFolder), (20, BadFolder), (36, BadFolder)],
)
def test_refusals_to_write_become_errors_a_user_can_act_on(number: int, kind: type[Exception], tmp_path: Path) -> None:
    """ENOSPC, EDQUOT and EFBIG are a full disk; EROFS and EACCES a folder that may not be written."""
    with pytest.raises(kind, match=str(tmp_path)), disk_errors(tmp_path):
        raise OSError(number, "as the system says it")


def test_other_errors_of_the_system_keep_their_traceback(tmp_path: Path) -> None:
    """What no user caused is not dressed up as a wrong request."""
    with pytest.raises(FileNotFoundError), disk_errors(tmp_path):
        (tmp_path / "nothing").read_bytes()
