"""SQL of the user, in a process of its own: the time and memory it takes are taken from nobody else.

DuckDB's own limits do not bind single values: `repeat('x', 2000000000)` on every row would end the viewer, or hold it for minutes.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from pixmo.errors import BadSetting

SECONDS = 10.0
_MOST_BYTES = 2 * 2**30  # of address space
_AT_ONCE = threading.BoundedSemaphore(2)
_REFUSED = 3  # the exit status of a question that is told to be wrong
_LOCKED = (
    "temp_directory = ''", "autoinstall_known_extensions = false", "autoload_known_extensions = false", "python_enable_replacements = false",
    "enable_external_access = false", "lock_configuration = true",
)  # fmt: skip


def numbers_of(facts: Path, sql: str, rows: int) -> NDArray[np.int32]:
    """The numbers that SQL tells, as it tells them: a condition on the columns of `rows`, or a SELECT that gives `number`.

    `rows` is how many there are. Raises BadSetting for what is no such SQL, fails, or takes too much.
    """
    command = [sys.executable, "-P", "-c", f"from {__name__} import answer; answer()"]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    asked = json.dumps([str(facts), sql, 4 * rows]).encode()
    with _AT_ONCE:
        try:
            told = subprocess.run(command, input=asked, capture_output=True, timeout=SECONDS, env=env, check=False)
        except subprocess.TimeoutExpired:
            raise BadSetting(f"SQL: took longer than {SECONDS:.0f} s; ask for less") from None
    if told.returncode == _REFUSED:
        raise BadSetting(f"SQL: {told.stdout.decode()}")
    if told.returncode:
        raise BadSetting("SQL: took more memory than it may; ask for less")
    return np.frombuffer(told.stdout, np.int32)


def answer() -> None:
    """The process: a question on stdin, its numbers on stdout."""
    facts, sql, most = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (3 * int(SECONDS), 3 * int(SECONDS)))  # where nobody is left to end it
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        sys.stdout.buffer.write(_asked(facts, sql, most).tobytes())
    except (BadSetting, duckdb.Error) as error:
        told = " ".join(str(error).split("\n\n")[0].split())[:300]
        sys.stdout.buffer.write(told.encode(errors="replace"))
        sys.exit(_REFUSED)


def _asked(facts: str, sql: str, most: int) -> NDArray[np.int32]:
    text = sql.strip().rstrip(";").strip()
    is_select = text[:6].lower() == "select" or text[:4].lower() == "with"
    inner = text if is_select else f"SELECT number FROM rows WHERE (\n{text}\n) ORDER BY number"
    table = duckdb.connect(facts, read_only=True, config={"memory_limit": "512MB", "threads": 2})
    for told in _LOCKED:  # it reaches no file but the index, changes nothing, and stays so
        table.execute(f"SET {told}")
    statements = table.extract_statements(inner)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise BadSetting("write one condition on the columns, or one SELECT that gives `number`")
    found = table.execute(f"SELECT number::INTEGER AS n FROM (\n{inner}\n) LIMIT {most + 1}").fetchnumpy()["n"]
    if len(found) > most:
        raise BadSetting("gives rows more than four times; write SELECT DISTINCT number")
    return np.asarray(np.ma.filled(found, -1), np.int32)
