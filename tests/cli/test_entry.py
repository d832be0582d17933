"""The way in: exit codes, one line for a wrong request, help without weight."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys

import click
import pytest

from pixmo.cli import VERBS, module_name, run

ENV_HINT = "`pixmo"


def pixmo(*argv: str, **settings) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "pixmo", *argv], capture_output=True, text=True, check=False, timeout=60, **settings
    )


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_the_help_that_the_list_of_verbs_promises(verb):
    """The table of one-line helps, kept so that `--help` imports nothing, says what each command's docstring says."""
    command = importlib.import_module(f"pixmo.cli.{module_name(verb)}").command
    assert command.help.partition("\n")[0] == VERBS[verb]


@pytest.mark.parametrize("verb", VERBS)
def test_each_option_says_what_it_does(verb):
    """No option of any verb is without help."""
    command = importlib.import_module(f"pixmo.cli.{module_name(verb)}").command
    assert [p.name for p in command.params if isinstance(p, click.Option) and not p.help] == []


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["dowload"], "no command 'dowload'; did you mean `pixmo download`?"),
        (["status"], "Missing argument 'OUT'"),
        (["status", "--jsn", "x"], "no option --jsn; did you mean --json?"),
        (["status", "nowhere"], "nowhere: is not a pixmo folder"),
        (["retry", "out", "--outcome", "time_out"], "no outcome named 'time_out'; did you mean 'timeout'?"),
        (["clean", "nowhere"], "nowhere: is not a pixmo folder"),
        (["update", "nowhere", "urls.csv"], "nowhere: is not a pixmo folder"),
        (["forget", "nowhere", "http://a/b.jpg"], "nowhere: is not a pixmo folder"),
        (["export", "nowhere", "--format", "parquet"], "nowhere: is not a pixmo folder"),
        (["verify", "nowhere"], "nowhere: is not a pixmo folder"),
        (["run", "nothing.toml"], "nothing.toml: no such recipe"),
        (["init", "cpa"], "no recipe named 'cpa'; did you mean 'cap'?"),
        (["import", "no-folder"], "no-folder: is no folder of pictures"),
    ],
)
def test_a_wrong_request_is_one_line_and_exit_code_2(argv, said, capsys, tmp_path, monkeypatch):
    """What was meant, the nearest name, what to do; nothing on stdout, nothing made."""
    monkeypatch.chdir(tmp_path)
    assert run(argv) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("pixmo: ")
    assert said in err
    assert list(tmp_path.iterdir()) == []


def test_no_verb_shows_the_verbs(capsys):
    """A bare `pixmo` is a wrong request that is helped with the list of verbs."""
    assert run([]) == 2
    assert "download" in capsys.readouterr().err


def test_help_and_version_end_well(capsys):
    """They print on stdout and exit 0."""
    assert run(["--help"]) == 0
    assert run(["--version"]) == 0
    assert re.search(r"^pixmo \S+$", capsys.readouterr().out, re.MULTILINE)


def test_a_bug_keeps_its_traceback(tmp_path):
    """What is not a wrong request is not dressed as one."""
    done = subprocess.run(
        [sys.executable, "-c", "import pixmo.cli.status as s; s.status = lambda out: 1 / 0\n"
         "import sys; sys.argv = ['pixmo', 'status', 'x']; from pixmo.cli import main; main()"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ZeroDivisionError" in done.stderr


def test_a_reader_that_leaves_is_no_error():
    """`pixmo stages | head -1` says nothing on stderr."""
    with subprocess.Popen(
        [sys.executable, "-c", "import time, sys; time.sleep(0.5); sys.argv = ['pixmo', 'stages']\n"
         "from pixmo.cli import main; main()"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        process.stdout.close()
        complaint = process.stderr.read()
    assert (complaint, process.wait()) == ("", 141)


def test_the_package_shows_its_names_and_loads_them_when_used():
    """Every public name is there, and an unknown one is an AttributeError."""
    import pixmo as package

    assert set(package.__all__) <= set(dir(package))
    assert all(getattr(package, name) is not None for name in package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'downlod'"):
        _ = package.downlod
