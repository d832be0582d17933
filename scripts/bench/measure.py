"""One counted run of a command, and figures over several."""

from __future__ import annotations

import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

COUNT = Path(__file__).with_name("count.py")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Used:
    """What a command and every process below it used; returncode None: it ran past its limit."""

    wall_s: float
    user_s: float
    sys_s: float
    max_rss_mb: float
    returncode: int | None

    @property
    def cpu_s(self) -> float:
        """User and system time together."""
        return self.user_s + self.sys_s


def counted(command: Sequence[str], env: Mapping[str, str], log: Path, limit_s: float = 600) -> Used:
    """Runs a command with its output in `log`, in the folder of `log`."""
    result = log.with_suffix(".json")
    with log.open("wb") as sink:
        subprocess.run(
            [sys.executable, str(COUNT), str(result), str(limit_s), *command],
            check=True, env=dict(env), stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, cwd=log.parent,
        )  # fmt: skip
    return Used(**json.loads(result.read_text()))


def cpu_of(pids: Sequence[int]) -> float:
    """CPU seconds of living processes until now."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def clean_environment(**extra: str) -> dict[str, str]:
    """This environment without proxies and other certificates, so that nothing but loopback is spoken to."""
    dropped = {"ssl_cert_file", "ssl_cert_dir", "requests_ca_bundle", "curl_ca_bundle", "pixmo_home", "pythonpath"}
    kept = {k: v for k, v in os.environ.items() if k.lower() not in dropped and not k.lower().endswith("_proxy")}
    return kept | {"PYTHONDONTWRITEBYTECODE": "1"} | extra


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def spread(values: Sequence[float], digits: int = 0) -> str:
    """`median (least–most)`."""
    middle, least, most = (f"{v:,.{digits}f}" for v in (median(values), min(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({least}–{most})"


def machine() -> str:
    """Processor, cores and system in one line."""
    cpus = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in cpus if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores of {model}, {memory:.0f} GiB, Linux {platform.release()}, Python {platform.python_version()}"


def spelled(command: Sequence[str]) -> str:
    """A command as one would type it."""
    return shlex.join(command)
