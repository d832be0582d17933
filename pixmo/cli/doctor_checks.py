"""What the doctor looks at. Every check is a finding; none fails for what it finds."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, time
from typing import Any

from pixmo.cli.printing import amount

NAME_S = 5.0  # a resolver slower than this is told as silent
FILES_WANTED = 4096
SYNC_TRIES, SYNC_BYTES = 16, 256 * 1024
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
EXTRAS = {
    "speech": "faster_whisper", "whisper": "whisper", "sphinx": "pocketsphinx", "molmo": "torch", "view": "starlette",
    "ray": "ray",
}  # fmt: skip
MIB_PER_PROCESS = 300
RELEASED = 1_750_000_000  # mid-2025: a clock before this is wrong


@dataclass(frozen=True)
class Finding:
    """`state` is good, note or poor; `facts` are the numbers behind the words."""

    what: str
    state: str
    told: str
    facts: dict[str, Any] = field(default_factory=dict)  # Any: plain JSON values


def findings(out: Path, names: Sequence[str]) -> list[Finding]:
    """All checks, in the order they matter."""
    return [
        processors(), memory(), files_limit(), *disk(out), clock(out), *resolver(names), proxies(), *extras(),
    ]  # fmt: skip


def processors() -> Finding:
    """How many this process may use."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Finding("processors", "good", f"{count}", {"count": count})


def memory() -> Finding:
    """What is free, where the system tells."""
    free = _meminfo("MemAvailable")
    if free is None:
        return Finding("memory", "note", "this system does not say")
    state = "good" if free > 2**30 else "poor"
    return Finding("memory", state, f"{amount(free)} free", {"free_bytes": free})


def files_limit() -> Finding:
    """Open files: each connection is one."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    facts = {"soft": soft, "hard": hard}
    if soft >= FILES_WANTED:
        return Finding("open files", "good", f"{soft:,}", facts)
    return Finding("open files", "poor", f"{soft:,}; raise it with `ulimit -n {min(hard, 65536)}`", facts)


def disk(out: Path) -> Iterator[Finding]:
    """Space, and how fast bytes are on the disk for good (fsync)."""
    where = next(p for p in (out.absolute(), *out.absolute().parents) if p.is_dir())
    free = shutil.disk_usage(where).free
    told = f"{amount(free)} free in {where}, about {free // 250_000:,} pictures of 250 kB"
    yield Finding("disk", "good" if free > 20 * 10**9 else "poor", told, {"free_bytes": free})
    try:
        rate = _sync_rate(where)
    except OSError as error:
        yield Finding("disk writes", "poor", f"cannot write in {where}: {error.strerror}")
        return
    state = "good" if rate > 20 else "poor"
    yield Finding(
        "disk writes", state, f"{rate:,.0f} durable writes per second, of {amount(SYNC_BYTES)} each", {"per_s": rate}
    )


def clock(out: Path) -> Finding:
    """Whether the wall clock can be right: TLS needs it, and so does Retry-After with a date."""
    now = time()
    if now < RELEASED:
        return Finding("clock", "poor", "is years behind: TLS certificates will be refused; set it", {"now": now})
    with tempfile.NamedTemporaryFile(dir=_writable(out)) as file:
        skew = os.stat(file.name).st_mtime - now
    if abs(skew) > 60:
        return Finding("clock", "note", f"differs from the disk's by {skew:.0f} s", {"skew_s": skew})
    return Finding("clock", "good", "plausible", {"skew_s": skew})


def resolver(names: Sequence[str]) -> list[Finding]:
    """How long names take, all asked at once; a silent resolver is not waited for longer than a few seconds."""
    answers: dict[str, tuple[float, str]] = {}
    threads = [threading.Thread(target=_resolve, args=(name, answers), daemon=True) for name in names]
    end = monotonic() + NAME_S
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - monotonic()))
    return [_name_finding(name, answers.get(name)) for name in names]


def proxies() -> Finding:
    """The standard variables, which the fetcher follows; their values may hold passwords and are not told."""
    found = sorted({name for name in os.environ if name.lower() in PROXIES and os.environ[name]})
    return Finding("proxies", "note" if found else "good", ", ".join(found) or "none", {"variables": found})


def extras() -> list[Finding]:
    """Optional dependencies that are there."""
    there = [name for name, module in EXTRAS.items() if importlib.util.find_spec(module) is not None]
    missing = [name for name in EXTRAS if name not in there]
    told = ", ".join(there) or "none installed"
    facts = {"installed": there, "missing": missing}
    return [Finding("extras", "good", f"{told}; not installed: {', '.join(missing)}" if missing else told, facts)]


def suggestion(found: Sequence[Finding]) -> str:
    """Settings for a download on this machine."""
    facts = {f.what: f.facts for f in found}
    count = int(facts["processors"]["count"])
    free = int(facts["memory"].get("free_bytes", 2**34))
    n_proc = max(1, min(count, free // 2 // (2 * MIB_PER_PROCESS * 2**20)))  # a fetching and a decoding one each
    files = int(facts["open files"]["soft"])
    concurrency = 64 if files >= 512 else max(8, files // 4)
    line = f"pixmo download SOURCE OUT --n-proc {n_proc} --concurrency {concurrency}"
    names = [f for f in found if f.what.startswith("name ")]
    silent = bool(names) and all(f.state == "poor" for f in names)
    return line + ("    (but no name resolves here: is there a network?)" if silent else "")


def _name_finding(name: str, answer: tuple[float, str] | None) -> Finding:
    if answer is None:
        return Finding(f"name {name}", "poor", f"no answer in {NAME_S:.0f} s", {"seconds": None})
    seconds, trouble = answer
    if trouble:
        return Finding(f"name {name}", "poor", f"{trouble} after {seconds * 1000:.0f} ms", {"seconds": seconds})
    state = "good" if seconds < 0.5 else "note"
    return Finding(f"name {name}", state, f"resolved in {seconds * 1000:.0f} ms", {"seconds": seconds})


def _resolve(name: str, answers: dict[str, tuple[float, str]]) -> None:
    started = monotonic()
    try:
        socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)
        trouble = ""
    except (OSError, UnicodeError) as error:
        trouble = getattr(error, "strerror", None) or str(error)
    answers[name] = (monotonic() - started, trouble)


def _sync_rate(where: Path) -> float:
    data = os.urandom(SYNC_BYTES)
    with tempfile.TemporaryFile(dir=where) as file:
        started = monotonic()
        for _ in range(SYNC_TRIES):
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return SYNC_TRIES / max(monotonic() - started, 1e-6)


def _writable(out: Path) -> Path | None:
    """The nearest folder we may write in, else the system's temporary one."""
    folders = (p for p in (out.absolute(), *out.absolute().parents) if p.is_dir())
    nearest = next(folders)
    return nearest if os.access(nearest, os.W_OK) else None


def _meminfo(key: str) -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    values = dict(line.split(":", 1) for line in lines)
    return int(values[key].split()[0]) * 1024 if key in values else None
