"""pixmo: image–text training data, from lists of URLs to shards that trainers read.

The names below load when they are used, so that `import pixmo` costs next to nothing:

    import pixmo
    recipe = pixmo.road("urls.csv", drop_duplicates=True)      # what `pixmo download urls.csv` would run
    summary = pixmo.run_recipe(recipe, Path("out"), pixmo.Effort(n_proc=4))
    rows = pixmo.load("out")                                   # typed, lazily; into `datasets` or torch
    molmo = pixmo.open_model("Molmo-7B-D-0924")                # molmo.ask("dog.jpg", "Describe this image.")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixmo.ask import Outcome as Outcome
    from pixmo.cli.judged_road import judged_road as judged_road
    from pixmo.cli.road import road as road
    from pixmo.cli.spoken_road import spoken_road as spoken_road
    from pixmo.dataset.load import load as load
    from pixmo.errors import PixmoError as PixmoError
    from pixmo.molmo.folder import open_model as open_model
    from pixmo.run.forget import forget as forget
    from pixmo.run.job import Effort as Effort
    from pixmo.run.job import Summary as Summary
    from pixmo.run.job import run_recipe as run_recipe
    from pixmo.run.maintain import clean as clean
    from pixmo.run.maintain import export as export
    from pixmo.run.maintain import retry as retry
    from pixmo.run.maintain import status as status
    from pixmo.run.recipe import Recipe as Recipe
    from pixmo.run.recipe import Step as Step
    from pixmo.run.recipe import load_recipe as load_recipe
    from pixmo.run.splits import assign_split as assign_split
    from pixmo.run.verify import verify as verify
    from pixmo.view.show import show as show

    __version__: str

_HOME = {
    "Effort": "pixmo.run.job",
    "Outcome": "pixmo.ask",
    "PixmoError": "pixmo.errors",
    "Recipe": "pixmo.run.recipe",
    "Step": "pixmo.run.recipe",
    "Summary": "pixmo.run.job",
    "assign_split": "pixmo.run.splits",
    "clean": "pixmo.run.maintain",
    "export": "pixmo.run.maintain",
    "forget": "pixmo.run.forget",
    "judged_road": "pixmo.cli.judged_road",
    "load": "pixmo.dataset.load",
    "load_recipe": "pixmo.run.recipe",
    "open_model": "pixmo.molmo.folder",
    "retry": "pixmo.run.maintain",
    "road": "pixmo.cli.road",
    "run_recipe": "pixmo.run.job",
    "spoken_road": "pixmo.cli.spoken_road",
    "show": "pixmo.view.show",
    "status": "pixmo.run.maintain",
    "verify": "pixmo.run.verify",
}


def __getattr__(name: str) -> object:
    """The module attribute, loaded now (PEP 562)."""
    if name == "__version__":
        return _version()
    if name not in _HOME:
        raise AttributeError(f"module 'pixmo' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME, "__version__"])


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pixmo")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "0+unknown"


__all__ = [  # noqa: RUF022 – sorted without regard to case
    "assign_split", "clean", "Effort", "export", "forget", "judged_road", "load", "load_recipe", "open_model", "Outcome", "PixmoError", "Recipe", "retry", "road",
    "run_recipe", "show", "spoken_road", "status", "Step", "Summary", "verify",
]  # fmt: skip
