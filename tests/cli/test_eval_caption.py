"""The help of `pixmo eval caption`: many options, found by what they are about."""

from __future__ import annotations

from click.testing import CliRunner

from pixmo.cli.eval_caption import SECTIONS, command


def test_every_option_stands_once_under_its_heading() -> None:
    """What is judged comes first; options that no heading names stand under the last one."""
    text = CliRunner().invoke(command, ["--help"]).output
    at = [text.index(f"\n{heading}:\n") for heading in (*SECTIONS, "Other")]
    assert at == sorted(at)
    options = [param.opts[-1] for param in command.params if param.param_type_name == "option"]
    assert [sum(line.strip().startswith((f"{o} ", f"-o, {o} ")) for line in text.splitlines()) for o in options] == [
        1 for _ in options
    ]
    assert text.index("Who judges:") < text.index("--judge TEXT") < text.index("What it may cost:")


def test_headings_name_options_that_exist() -> None:
    """A name that is misspelt would send its option to the end."""
    known = {param.name for param in command.params}
    assert [name for names in SECTIONS.values() for name in names if name not in known] == []
