"""From folders and options to a running server, of speech; `run_answers` does it for the other kinds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pixmo.annotate.folder import collection, keep_consent
from pixmo.annotate.manifest import publish_skips
from pixmo.annotate.pages_speech import Target
from pixmo.annotate.people import People, names_of
from pixmo.annotate.pictures import pictures_of
from pixmo.annotate.speech import Speaking
from pixmo.annotate.store import Store
from pixmo.annotate.tasks import Tasks
from pixmo.annotate.uploads import Uploads
from pixmo.annotate.words import CONSENT
from pixmo.errors import BadSetting
from pixmo.web.serve import serve
from pixmo.web.site import Address, Site, listen

MAX_CONSENT_BYTES = 100_000


@dataclass(frozen=True)
class Speech:
    """How descriptions are collected. `annotators` are names with commas between, or a number; `consent` is a text file."""

    annotators: str = "1"
    per_picture: int = 1
    min_s: float = 60.0
    max_s: float = 90.0
    consent: Path | None = None
    max_bytes: int = 50_000_000


def collect_speech(
    images: Path, out: Path, settings: Speech, address: Address, tell: Callable[[Speaking, list[str]], None]
) -> None:
    """Serves until it is stopped (KeyboardInterrupt). `tell` is called once it can be reached, with what was left out.

    Raises PixmoError for folders and settings that do not do.
    """
    names, target, text = names_of(settings.annotators), _target(settings), consent_text(settings.consent, CONSENT)
    if settings.per_picture < 1:
        raise BadSetting("--per-picture should be 1 or more")
    found = pictures_of(images)
    with collection(out, images) as store:
        sock, site = listen(address)
        with sock:
            collecting = _collecting(images, out, settings, site, store, target, text)
            collecting.tasks.take_in(found.files)
            collecting.people.owner()
            collecting.people.invite(names)
            collecting.uploads.settle()
            publish_skips(out, images, store)
            tell(collecting, found.left_out)
            serve(collecting.app(), sock, address)


def _collecting(
    images: Path, out: Path, settings: Speech, site: Site, store: Store, target: Target, text: str
) -> Speaking:
    tasks = Tasks(store, settings.per_picture)
    uploads = Uploads(out, images, store, tasks, settings.max_bytes)
    return Speaking(out, images, store, People(store), tasks, text, keep_consent(out, text), site, uploads, target)


def _target(settings: Speech) -> Target:
    if not 0 < settings.min_s <= settings.max_s <= 3600:
        raise BadSetting(
            f"--min-s {settings.min_s:g} --max-s {settings.max_s:g}: should be above 0, the first no longer than the second, "
            "and at most 3600"
        )
    return Target(settings.min_s, settings.max_s)


def consent_text(path: Path | None, ours: str) -> str:
    """The text of a file, or ours. Raises BadSetting."""
    if path is None:
        return ours
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise BadSetting(f"--consent {path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadSetting(f"--consent {path}: should be a text in UTF-8") from error
    if not text.strip() or len(data) > MAX_CONSENT_BYTES:
        raise BadSetting(f"--consent {path}: should be a text of 1 to {MAX_CONSENT_BYTES:,} bytes")
    return text.replace("\r\n", "\n")
