"""Runs a command and counts what its whole tree of processes used: python count.py RESULT.json TIME_LIMIT_S COMMAND …

RESULT.json gets wall_s (of the command itself), user_s, sys_s (of every process it started, orphans included),
max_rss_mb (of the largest one) and returncode; None when the limit passed and the tree was killed.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36  # orphans of the command become children of ours, so that their CPU time is not lost


def children(pid: int) -> list[int]:
    """The living processes started by one, and by those, deepest last."""
    try:
        direct = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:  # it ended meanwhile
        return []
    return direct + [below for child in direct for below in children(child)]


def end_tree() -> None:
    """Kills whatever is still below this process."""
    for pid in children(os.getpid()):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def reap() -> None:
    """Waits for orphans that are ending; those that do not within two seconds are killed."""
    patience = time.monotonic() + 2
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            if time.monotonic() > patience:
                end_tree()
            time.sleep(0.005)


def main(result: Path, limit_s: float, command: list[str]) -> None:
    """Runs, counts, writes."""
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        sys.exit("count.py needs Linux: orphaned processes could not be counted")
    start = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    returncode: int | None
    try:
        returncode = process.wait(limit_s)
    except subprocess.TimeoutExpired:
        returncode = None
        end_tree()
        process.wait()
    wall_s = time.monotonic() - start
    reap()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = {"wall_s": wall_s, "user_s": used.ru_utime, "sys_s": used.ru_stime, "max_rss_mb": used.ru_maxrss / 1024}
    result.write_text(json.dumps(told | {"returncode": returncode}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
