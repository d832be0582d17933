"""The real harnesses need other versions of what pixmo needs: their tests are collected where they are installed."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore = [
    file
    for file, package in (("test_real_lmms_eval.py", "lmms_eval"), ("test_real_inspect_ai.py", "inspect_ai"))
    if find_spec(package) is None
]
