"""Ctrl-C and SIGTERM, in real processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from time import monotonic

import pytest

from pixmo.cli.stopping import Stopping

FRAME = """
import asyncio, sys, time
from pixmo.cli.stopping import Stopping
with Stopping(["download", "my list.csv", "out"]) as stopping:
    try:
        {act}
    except KeyboardInterrupt:
        sys.exit(stopping.stopped())
"""
SLEEPS = "print('ready', flush=True); time.sleep(60)"
AWAITS = """async def wait():
            print("ready", flush=True)
            await asyncio.sleep(60)
        asyncio.run(wait())"""
WILL_NOT = """while True:
            try:
                print("ready", flush=True)
                time.sleep(60)
            except KeyboardInterrupt:
                print("deaf", flush=True)"""
AGAIN = "pixmo download 'my list.csv' out"


def started(act: str) -> subprocess.Popen[str]:
    """A process at work on `act`."""
    process = subprocess.Popen(
        [sys.executable, "-c", FRAME.format(act=act)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    return process


def ended(process: subprocess.Popen[str]) -> tuple[int, str, float]:
    """Exit code, what was said, and the seconds it took."""
    began = monotonic()
    with process:
        _, said = process.communicate(timeout=30)
    return process.returncode, said, monotonic() - began


@pytest.mark.parametrize("act", [SLEEPS, AWAITS], ids=["plain", "asyncio"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_stops_and_says_how_to_go_on(act, number, code):
    """The exit code is the signal's, and the very command is there to be copied; no traceback."""
    process = started(act)
    process.send_signal(number)
    returned, said, _ = ended(process)
    assert returned == code
    assert said.splitlines() == [f"pixmo: stopped; what is finished is kept. To go on, run the same again: {AGAIN}"]


def test_what_will_not_stop_is_ended_within_two_seconds():
    """Work that does not answer to Ctrl-C is ended all the same, with the same word on how to go on."""
    process = started(WILL_NOT)
    process.send_signal(signal.SIGINT)
    returned, said, seconds = ended(process)
    assert returned == 130
    assert AGAIN in said
    assert 1 < seconds < 4


def test_a_second_one_ends_it_at_once():
    """Whoever presses twice does not wait for the end of the patience."""
    process = started(WILL_NOT)
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "deaf\n"
    process.send_signal(signal.SIGINT)
    returned, _, seconds = ended(process)
    assert returned == 130
    assert seconds < 1.5


def test_signals_are_as_before_when_the_command_is_done():
    """A program that calls the command line from its own code keeps its handlers."""
    from pixmo.cli.stopping import Stopping

    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with Stopping([]):
        assert signal.getsignal(signal.SIGTERM) is not before[0]
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_a_viewer_leaves_nothing_to_go_on_with():
    """Of what only shows, nothing is said to be kept."""
    with Stopping(["view", "my set"]) as stopping:
        assert stopping.how_to_go_on() == "pixmo: stopped; to look again: pixmo view 'my set'"
