"""The doctor finds, and never fails."""

from __future__ import annotations

import json
import resource

from pixmo.cli import run
from pixmo.cli.doctor_checks import Finding, disk, files_limit, findings, proxies, resolver, suggestion


def test_a_name_that_resolves_and_one_that_cannot():
    """Both are findings; `.invalid` never exists (RFC 2606)."""
    good, poor = resolver(["localhost", "picture.invalid"])
    assert (good.state, poor.state) == ("good", "poor")
    assert "resolved in" in good.told


def test_a_low_limit_of_open_files_is_told_with_its_remedy():
    """The very command is there."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        found = files_limit()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert found.state == "poor"
    assert "ulimit -n" in found.told


def test_the_disk_is_measured_where_out_would_be(tmp_path):
    """Also when OUT and its parents are not there yet; nothing is left behind."""
    space, writes = disk(tmp_path / "not" / "yet")
    assert str(tmp_path) in space.told
    assert writes.facts["per_s"] > 0
    assert list(tmp_path.iterdir()) == []


def test_proxies_are_named_but_their_values_are_not_told(monkeypatch):
    """They may hold passwords."""
    monkeypatch.setenv("https_proxy", "http://user:secret@proxy.example:3128")
    found = proxies()
    assert "https_proxy" in found.told
    assert "secret" not in repr(found)


def test_the_suggestion_fits_the_machine():
    """Fewer processes where memory is short, fewer connections where files are."""

    def machine(cpus: int, free: int, files: int) -> list[Finding]:
        return [
            Finding("processors", "good", "", {"count": cpus}), Finding("memory", "good", "", {"free_bytes": free}),
            Finding("open files", "good", "", {"soft": files}),
        ]  # fmt: skip

    assert suggestion(machine(8, 64 * 2**30, 65536)) == "pixmo download SOURCE OUT --n-proc 8 --concurrency 64"
    assert "--n-proc 1 " in suggestion(machine(8, 2**30, 65536))
    assert "--concurrency 32" in suggestion(machine(8, 64 * 2**30, 128))


def test_the_whole_of_it_as_json(tmp_path, capsys):
    """Exit 0 whatever was found; every finding has its words."""
    assert run(["doctor", str(tmp_path), "--name", "localhost", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["suggestion"].startswith("pixmo download SOURCE OUT")
    assert all(f["state"] in ("good", "note", "poor") and f["told"] for f in told["findings"])
    assert len(told["findings"]) == len(findings(tmp_path, ["localhost"]))
