"""Lists of URLs with every kind of trouble, and what each row must end as."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pixmo.run.recipe import Recipe, Step, load_stage
from tests.pictures import jpeg, png, png_bomb, truncated
from tests.server.trouble import TroubleServer

ADDRESSES = tuple(f"127.0.0.{n}" for n in range(1, 10))
GOOD, LIMITED, UNREADY, SLOW, ODD, BAD, CHAIN, HANGING, DRIPPING = ADDRESSES


class Row(NamedTuple):
    """A row of the list and what must become of it; `picture` is the name of the picture it must get."""

    url: str
    outcome: str
    picture: str | None = None
    expected_sha256: str | None = None


def fill(server: TroubleServer, count: int = 40) -> None:
    """Registers the pictures."""
    for i in range(count):
        server.pictures[f"{i}.jpg"] = jpeg(i, (96, 72))
    server.pictures["a.png"] = png(1)
    server.pictures["bomb.png"] = png_bomb()
    server.pictures["broken.jpg"] = truncated(jpeg(99, (160, 120)))
    server.pictures["page.jpg"] = b"<!doctype html><title>not here</title>"


def troubles(server: TroubleServer, good: int = 30) -> list[Row]:
    """The mix of the house: one host per habit, as the Internet has it."""

    def at(host: str, path: str) -> str:
        return server.url(path, host)

    rows = [Row(at(GOOD, f"/p/{i}.jpg"), "ok", f"{i}.jpg") for i in range(good)]
    rows += [Row(at(LIMITED, f"/limited:60:1/p/{i}.jpg?l"), "ok", f"{i}.jpg") for i in range(good)]
    rows += [Row(at(UNREADY, f"/unready:2/p/{i}.jpg?u"), "ok", f"{i}.jpg") for i in range(4)]
    rows += [Row(at(SLOW, f"/cut:500:once/p/{i}.jpg?c"), "ok", f"{i}.jpg") for i in range(3)]
    rows += [Row(at(CHAIN, f"/redirect:3/p/{i}.jpg?r"), "ok", f"{i}.jpg") for i in range(3)]
    rows += [
        Row(at(CHAIN, f"/to:302?u={at(ODD, '/p/7.jpg?other-owner')}"), "ok", "7.jpg"),
        Row(at(ODD, "/gzip/p/3.jpg"), "ok", "3.jpg"),
        Row(at(ODD, "/p/a.png?wrong-hash"), "ok", "a.png", "0" * 64),
        Row(at(ODD, "/p/0.jpg?déjà vu"), "ok", "0.jpg"),
        Row(at(GOOD, "/p/0.jpg"), "ok", "0.jpg"),  # the same question twice
        Row(at(ODD, "/noai/p/1.jpg"), "opted_out"),
        Row(at(ODD, "/tdm/p/2.jpg"), "opted_out"),
        Row(at(ODD, "/html"), "not_an_image"),
        Row(at(ODD, "/p/page.jpg"), "not_an_image"),
        Row(at(ODD, "/svg"), "not_an_image"),
        Row(at(ODD, "/empty"), "empty"),
        Row(at(ODD, "/p/broken.jpg"), "broken_image"),
        Row(at(ODD, "/p/bomb.png"), "too_many_pixels"),
        Row(at(ODD, "/bomb:100"), "too_large"),
        Row(at(ODD, "/declare:10000000000"), "too_large"),
        Row(at(ODD, "/endless"), "too_large"),
        Row(at(BAD, "/cut:500/p/4.jpg"), "truncated"),
        Row(at(BAD, "/status:404"), "not_found"),
        Row(at(BAD, "/status:410"), "gone"),
        Row(at(BAD, "/status:403"), "forbidden"),
        Row(at(BAD, "/status:500"), "server_error"),
        Row(at(BAD, "/garbage"), "reset"),
        Row(at(CHAIN, "/loop:2"), "bad_redirect"),
        Row(at(CHAIN, "/redirect:30/p/1.jpg"), "bad_redirect"),
        Row(at(CHAIN, "/nowhere"), "bad_redirect"),
        Row(at(CHAIN, "/to:302?u=http://169.254.169.254/latest/meta-data/"), "refused_address"),
        Row(at(CHAIN, "/to:302?u=file:///etc/passwd"), "refused_scheme"),
        Row("http://169.254.169.254/latest/meta-data/", "refused_address"),
        Row("http://10.0.0.1/a.jpg", "refused_address"),
        Row("file:///etc/passwd", "refused_scheme"),
        Row("/etc/passwd", "bad_url"),
        Row("s3://bucket/a.jpg", "refused_scheme"),
        Row("data:image/png;base64,iVBORw0KGgo=", "refused_scheme"),
        Row("", "no_url"),
        Row(at(HANGING, "/hang"), "timeout"),
        Row(at(DRIPPING, "/drip:16/p/1.jpg"), "too_slow"),
        Row(f"http://127.0.0.1:1/p/{'x' * 9000}", "bad_url"),
        Row("http://127.0.0.1:1/refused.jpg", "connect"),
    ]
    return rows


def write_list(path: Path, rows: Sequence[Row]) -> Path:
    """The list as JSON lines, with captions and expected digests."""
    lines = [{"image_url": r.url, "image_sha256": r.expected_sha256, "caption": f"row {i}"} for i, r in enumerate(rows)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def road(source: Path, **settings: object) -> Recipe:
    """The default road with time-outs fit for tests."""
    quick = {
        "allow_hosts": ["127.0.0.0/8"], "requests_per_s": 0.0, "per_host": 8, "retries": 3, "retry_base_s": 0.05,
        "connect_timeout_s": 2.0, "first_byte_timeout_s": 1.0, "idle_timeout_s": 1.0, "total_timeout_s": 12.0,
        "max_bytes": 2_000_000, "first_park_s": 0.2, "max_park_s": 5.0,
    }  # fmt: skip
    steps = (
        Step("download", load_stage("download", quick | settings)),
        Step("inspect_image", load_stage("inspect_image", {})),
        Step("hash_image", load_stage("hash_image", {}), "image_ok"),
        Step("find_duplicates", load_stage("find_duplicates", {})),
        Step("fold_outcome", load_stage("fold_outcome", {})),
        Step("select", load_stage("select", {"where": ["ok"]})),
    )
    return Recipe("test", steps, input=str(source))
