"""Put on PYTHONPATH, notes every pack a Python process opens: one path a line in the file $PIXMO_BENCH_OPENED names."""

import os
import sys


def _watch(note: str) -> None:
    fd = os.open(note, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def hook(event: str, args: tuple[object, ...]) -> None:
        if event == "open" and isinstance(args[0], str | bytes) and os.fsdecode(args[0]).endswith(".pack"):
            os.write(fd, os.fsencode(args[0]) + b"\n")

    sys.addaudithook(hook)


if "PIXMO_BENCH_OPENED" in os.environ:
    _watch(os.environ["PIXMO_BENCH_OPENED"])
