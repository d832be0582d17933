"""Options that say how hard to try, the same for every command that works."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pixmo.cli.lean import give_memory_back
from pixmo.cli.options import built, settings_options
from pixmo.run.folder import Folder
from pixmo.run.job import Effort

HELPS = {
    "n_proc": "processes that fetch, and processes that decode; 0 = one per processor",
    "store": "folder for pictures and answers, shared by the runs that name it [default: inside OUT]",
    "reuse": "pictures already at hand: Ai2's image cache or an img2dataset folder, verified instead of fetched",
    "min_free_bytes": "stop before the disk has less than this free",
    "decode_timeout_s": "seconds one picture may take to decode",
    "quiet": "no progress on stderr",
}
HOME = "PIXMO_HOME"
DEFAULT_HOME = "pixmo-data"

effort_options = settings_options(Effort, {"min_free_bytes": "--min-free-disk"}, HELPS, only=HELPS)
some_effort_options = settings_options(Effort, {"min_free_bytes": "--min-free-disk"}, HELPS, only=("n_proc", "quiet"))


def effort_of(values: Mapping[str, Any], out: Path) -> Effort:  # Any: option values
    """The effort of a command on a folder; a new folder uses the store of $PIXMO_HOME where that is set."""
    give_memory_back()
    values = {**values, "home": home()}
    effort = built(Effort, values)
    if effort.store is None and HOME in os.environ and not Folder(out).exists():
        return built(Effort, {**values, "store": home() / "store"})
    return effort


def home() -> Path:
    """Where whole sets go: $PIXMO_HOME, else ./pixmo-data."""
    return Path(os.environ.get(HOME) or DEFAULT_HOME)
