"""Statuses, exceptions and Retry-After."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.ask import Outcome
from pixmo.engines.http.verdicts import LONGEST_S, may_pass, of_exception, of_status, retry_after_s


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "ok"), (203, "ok"), (404, "not_found"), (410, "gone"), (401, "forbidden"), (402, "forbidden"),
     (403, "forbidden"), (407, "forbidden"), (451, "forbidden"), (429, "throttled"), (400, "client_error"),
     (418, "client_error"), (500, "server_error"), (502, "server_error"), (503, "server_error"), (599, "server_error"),
     (304, "bad_redirect"), (999, "server_error")],
)  # fmt: skip
def test_every_status_has_one_outcome(status, outcome):
    """The table of outcomes."""
    assert of_status(status, says_when=False) == outcome


def test_503_with_a_pause_is_a_throttle():
    """Who says when to come back is busy, not broken."""
    assert of_status(503, says_when=True) is Outcome.THROTTLED
    assert of_status(500, says_when=True) is Outcome.SERVER_ERROR


def test_what_cannot_change_is_not_tried_again():
    """404, 410, 403, 501 and a bad certificate stay as they are within a run."""
    for outcome in (Outcome.NOT_FOUND, Outcome.GONE, Outcome.FORBIDDEN, Outcome.CLIENT_ERROR, Outcome.TLS):
        assert not may_pass(outcome, None)
    assert not may_pass(Outcome.SERVER_ERROR, 501)
    assert may_pass(Outcome.SERVER_ERROR, 502)


def test_a_bug_is_not_an_outcome():
    """Only failures of the world are in the table."""
    assert of_exception(ZeroDivisionError(), in_body=False) is None


DATE = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5),
        (" 120 ", 120),
        ("1.5", 1.5),
        ("0", None),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("inf", None),
        ("nan", None),
        ("1e9", None),
        ("٣", None),
        ("9" * 300, LONGEST_S),
        ("Sun, 06 Nov 1994 08:49:57 GMT", 20),
        ("Sunday, 06-Nov-94 08:50:37 GMT", 60),
        ("Sun, 06 Nov 1994 08:49:07 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_S),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
    ],
)
def test_retry_after_is_read_with_suspicion(value, seconds):
    """Seconds or a date beside the response's own Date; hostile values are bounded or as good as none."""
    assert retry_after_s({"Retry-After": value, "Date": DATE}) == seconds


def test_a_date_without_a_date_beside_it_counts_from_now():
    """Only then our own clock is asked."""
    wait = retry_after_s({"Retry-After": formatdate(time.time() + 30, usegmt=True)})
    assert wait is not None
    assert 25 < wait <= 31


@given(st.text(max_size=60), st.text(max_size=40))
def test_no_header_breaks_the_reader(value: str, date: str):
    """Any text is a bounded number of seconds or nothing."""
    wait = retry_after_s({"Retry-After": value, "Date": date})
    assert wait is None or 0 < wait <= LONGEST_S
