"""What stands beside the weights of a checkpoint and goes with them into another folder: tokenizer, settings of processing, templates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pixmo.errors import BadFolder, BadSource
from pixmo.storage.publish import disk_errors, publish_bytes

TOKENIZER = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt",
)  # fmt: skip
SETTINGS = (
    "preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json", "generation_config.json",
    "chat_template.jinja", "chat_template.json",
)  # fmt: skip


def carry(source: Path, out: Path, names: tuple[str, ...] = TOKENIZER + SETTINGS) -> list[str]:
    """Copy the files of `names` that `source` has; their names.

    Settings lose their `auto_map`: it leads to code beside the released weights, which is neither carried nor needed.
    """
    carried = []
    for name in names:
        path = source / name
        if not path.is_file():
            continue
        try:
            data = path.read_bytes()
            if path.suffix == ".json" and b'"auto_map"' in data:
                settings = json.loads(data)
                settings.pop("auto_map", None)
                data = (json.dumps(settings, indent=2, ensure_ascii=False) + "\n").encode()
        except (OSError, ValueError, AttributeError) as error:
            raise BadSource(f"{path}: cannot be read: {error}") from error
        publish_bytes(out / name, data)
        carried.append(name)
    return carried


@contextmanager
def new_folder(out: Path) -> Iterator[None]:
    """A folder with nothing in it, in which a checkpoint is made; left by an exception it is empty again, for the next attempt.

    BadFolder when it is not empty: no model is written over another.
    """
    if out.exists() and not out.is_dir():
        raise BadFolder(f"{out}: a file, not a folder; name a new folder")
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise BadFolder(
                f"{out}: not empty; no model is written over another; name a new folder, or delete this one"
            )
    try:
        yield
    except BaseException:
        for path in out.iterdir():
            path.unlink(missing_ok=True)
        raise
