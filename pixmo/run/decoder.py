"""The process that looks at pictures, and may be killed for it.

Started as `python -m pixmo.run.decoder FD`; speaks length-prefixed pickles with the coordinator that started it. Each picture
gets a wall-clock limit from the kernel: SIGALRM's default action ends the process, so a decoder that hangs in C code is
ended too. A crash or a kill is seen by the coordinator as the end of the stream.
"""

from __future__ import annotations

import os
import pickle
import resource
import signal
import socket
import struct
import sys
from typing import Any, NamedTuple

_LENGTH = struct.Struct("<I")
NO_MEMORY = 137  # what a shell says of a process that the kernel killed for its memory
MEMORY_BYTES = 6 * 2**30  # of address space, libraries included


class PictureTask(NamedTuple):
    """One picture: where its bytes lie, its digest, and the row's values that stages or their `when` need."""

    path: str
    offset: int
    length: int
    sha256: str
    values: dict[str, Any]  # Any: column values


class PictureStep(NamedTuple):
    """A stage to run on pictures, and the column that must be true for it."""

    stage: Any  # Any: a RowStage that takes a Picture
    when: str | None


class Work(NamedTuple):
    """What one message asks for."""

    steps: tuple[PictureStep, ...]
    pictures: list[PictureTask]
    limit_s: float


Result = list[tuple[Any, ...] | None]  # per step: the added values, None where the step's `when` is false


def look_at(work: Work, files: dict[str, int]) -> list[Result]:
    """The added columns of every picture, stage by stage, with one decode for all stages."""
    return [_one(work, task, files) for task in work.pictures]


def _one(work: Work, task: PictureTask, files: dict[str, int]) -> Result:
    from pixmo.stage import Picture

    if task.path not in files:
        files[task.path] = os.open(task.path, os.O_RDONLY | os.O_CLOEXEC)
    signal.setitimer(signal.ITIMER_REAL, work.limit_s)
    picture = Picture(os.pread(files[task.path], task.length, task.offset), task.sha256)
    values = task.values
    results: Result = []
    for step in work.steps:
        if step.when and not is_true(values, step.when):
            results.append(None)
            continue
        added = step.stage.row(*[picture if n is None else values[n] for n in step.stage.parameter_columns()])
        values.update(zip(step.stage.adds_names(), added, strict=True))
        results.append(tuple(added))
    signal.setitimer(signal.ITIMER_REAL, 0)
    return results


def is_true(values: dict[str, Any], when: str) -> bool:
    """Whether `name` or `not name` holds for a row; null is false."""
    name = when.removeprefix("not ")
    return bool(values[name]) != (name != when)


def send(sock: socket.socket, message: object) -> None:
    """One pickled message."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    sock.sendall(_LENGTH.pack(len(data)) + data)


def receive(sock: socket.socket) -> Any | None:  # Any: whatever the other end of our own socket pair sent
    """The next message; None at the end of the stream."""
    head = _exactly(sock, _LENGTH.size)
    body = _exactly(sock, _LENGTH.unpack(head)[0]) if head else None
    return None if body is None else pickle.loads(body)


def _exactly(sock: socket.socket, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        more = sock.recv(min(1 << 20, size - len(data)))
        if not more:
            return None
        data += more
    return bytes(data)


def warm_up() -> None:
    """Loads what nearly every picture needs, while the first ones are still on their way."""
    from PIL import Image

    from pixmo.image.phash import hashes

    hashes(Image.new("L", (128, 128)))


def main(fd: int) -> None:
    """Answers until the coordinator leaves."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the coordinator's to handle
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or hard > MEMORY_BYTES:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sock = socket.socket(fileno=fd)
    warm_up()
    files: dict[str, int] = {}
    while (work := receive(sock)) is not None:
        try:
            send(sock, look_at(work, files))
        except MemoryError:  # a picture too large for this process, or a leak: as if the kernel had killed it
            os._exit(NO_MEMORY)


if __name__ == "__main__":
    main(int(sys.argv[1]))
