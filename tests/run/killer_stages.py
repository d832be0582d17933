"""Picture stages that kill, for the tests of the decoders: the picture's bytes say how."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pixmo.stage import Picture, RowStage

_HELD: list[np.ndarray] = []


class Seen(NamedTuple):
    image_outcome: str
    image_ok: bool
    image_bytes: int


class Worker(NamedTuple):
    process: int


@dataclass(frozen=True)
class Killer(RowStage):
    """Say how many bytes a picture has, unless its bytes are an order to die."""

    def row(self, picture: Picture) -> Seen:
        order, _, argument = picture.data.decode().partition(" ")
        if order in ORDERS:
            ORDERS[order](argument)
        return Seen("ok", True, len(picture.data))


@dataclass(frozen=True)
class WhoLooks(RowStage):
    """Say which process looked."""

    def row(self, picture: Picture, image_ok: bool) -> Worker:
        return Worker(os.getpid())


def _segv(argument: str) -> None:
    ctypes.string_at(0)


def _hang(argument: str) -> None:
    ctypes.CDLL(None).pause()  # in C: no Python signal handler would ever run


def _leak(argument: str) -> None:
    _HELD.append(np.empty(2**32, np.uint8))  # of address space: pages that nobody touches cost nothing


def _hoard(argument: str) -> None:
    _HELD.append(np.empty(2**30, np.uint8))


def _raise(argument: str) -> None:
    raise RuntimeError(f"a bug in the stage, {argument}")


def _complain(argument: str) -> None:
    sys.stderr.write("a library's warning\n" * int(argument))


def _die_once(argument: str) -> None:
    if not Path(argument).exists():
        Path(argument).touch()
        os.kill(os.getpid(), signal.SIGKILL)


ORDERS = {
    "abort": lambda argument: os.abort(),
    "segv": _segv,
    "exit": lambda argument: os._exit(0),
    "hang": _hang,
    "leak": lambda argument: [_leak(argument) for _ in range(3)],
    "hoard": _hoard,
    "raise": _raise,
    "complain": _complain,
    "die_once": _die_once,
}
