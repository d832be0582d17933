"""SQL of the user, in a process of its own: the time and memory it takes are taken from nobody else.

DuckDB's own limits do not bind single values: `repeat('x', 2000000000)` on every row would end the viewer, or hold it for minutes.
"""

from __future__ import annotations

import resource
import threading
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from pixmo.errors import BadSetting

SECONDS = 10.0
START_SECONDS = 20.0  # until the process is there, on a machine that is busy
MOST_BYTES = 2 * 2**30  # of address space
AT_ONCE = threading.BoundedSemaphore(2)
_LOCKED = (
    "temp_directory = ''", "autoinstall_known_extensions = false", "autoload_known_extensions = false", "python_enable_replacements = false",
    "enable_external_access = false", "lock_configuration = true",
)  # fmt: skip


def numbers_of(facts: Path, sql: str, rows: int) -> NDArray[np.int32]:
    """The numbers that SQL tells, as it tells them: a condition on the columns of `rows`, or a SELECT that gives `number`.

    `rows` is how many there are. Raises BadSetting for what is no such SQL, fails, or takes too long.
    """
    context = get_context("spawn")
    with AT_ONCE:
        mine, theirs = context.Pipe()
        asking = context.Process(target=_answer, args=(theirs, str(facts), sql, 4 * rows), daemon=True)
        asking.start()
        theirs.close()
        try:
            told = _heard(mine)
        finally:
            asking.kill()
            asking.join()
            mine.close()
    if isinstance(told, str):
        raise BadSetting(told)
    return np.frombuffer(told, np.int32)


def _heard(mine: Connection) -> bytes | str:
    """The numbers, or what is wrong with the question."""
    try:
        if not mine.poll(START_SECONDS):
            return "SQL: the machine is too busy; ask again"
        mine.recv_bytes()
        if not mine.poll(SECONDS):
            return f"SQL: took longer than {SECONDS:.0f} s; ask for less"
        told = mine.recv_bytes()
    except EOFError:
        return "SQL: took more memory than it may; ask for less"
    return told[1:].decode() if told[:1] == b"!" else told[1:]


def _answer(theirs: Connection, facts: str, sql: str, most: int) -> None:
    """The process: says that it is there, then the numbers, or `!` and what is wrong."""
    theirs.send_bytes(b"there")
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        theirs.send_bytes(b"=" + _asked(facts, sql, most).tobytes())
    except MemoryError:
        theirs.send_bytes(b"!SQL: took more memory than it may; ask for less")
    except (BadSetting, duckdb.Error) as error:
        told = " ".join(str(error).split("\n\n")[0].split())[:300].removeprefix("SQL: ")
        theirs.send_bytes(f"!SQL: {told}".encode(errors="replace"))


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
