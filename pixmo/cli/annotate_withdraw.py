"""`pixmo annotate withdraw`: somebody takes back what they gave."""

from __future__ import annotations

from pathlib import Path

import click

from pixmo.cli.printing import many


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("person")
def command(out: Path, person: str) -> None:
    """Delete all that somebody recorded or submitted, with their name and link. PERSON is a name or a pseudonym.

    What was made of recordings elsewhere is deleted with `pixmo forget CAPTIONS --annotator`.
    """
    from pixmo.annotate.withdraw import withdraw

    gone = withdraw(out, person)
    if gone.kind == "speech":
        print(f"{out}: {many(gone.recordings, 'recording')} of {gone.person} deleted")
        print(f"captions made of them: pixmo forget CAPTIONS --annotator {gone.person}")
    else:
        print(f"{out}: {many(gone.answers, 'submission')} of {gone.person} deleted; the lists are without them now")
