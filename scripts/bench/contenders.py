"""Who is compared, how each is called, and what each has fetched. Edit the command lines here."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import venv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.pictures import Work

HERE = Path(__file__).parent
I2D_VERSION = "1.47.0"
I2D_NEEDS = "setuptools<81"  # pkg_resources, which newer Pythons no longer put into an environment


@dataclass(frozen=True)
class Contender:
    """`command` holds {python} {i2d} {urls} {out} {base} {count} {bench}; `fetched` says the work done."""

    name: str
    command: str
    connections: str
    fetched: Callable[[Path, Path], Work]

    def argv(self, **words: str) -> list[str]:
        """The command with its variables filled in."""
        return [part.format(**words) for part in self.command.split()]


def said(out: Path, log: Path) -> Work:
    """The last line of the log, as JSON."""
    told = json.loads(log.read_text().splitlines()[-1])
    return Work(told["pictures"], told["total_bytes"], told["digest"])


def in_tars(out: Path, log: Path) -> Work:
    """The pictures in OUT's tars, hashed again."""
    return work_of(data for path in sorted(out.rglob("*.tar")) for data in jpegs(path))


def in_parquet(out: Path, log: Path) -> Work:
    """The pictures in OUT/data, hashed again."""
    import pyarrow.parquet as pq

    files = sorted((out / "data").rglob("*.parquet"))
    batches = (batch for path in files for batch in pq.ParquetFile(path).iter_batches(256, columns=["image"]))
    return work_of(cell["bytes"] for batch in batches for cell in batch.column("image").to_pylist() if cell)


def jpegs(path: Path) -> Iterator[bytes]:
    """The members of a tar that are pictures."""
    with tarfile.open(path) as archive:
        for member in archive:
            if member.name.endswith((".jpg", ".jpeg")):
                yield (archive.extractfile(member) or io.BytesIO()).read()


def work_of(pictures: Iterator[bytes]) -> Work:
    """Counted and hashed."""
    shas, total = [], 0
    for data in pictures:
        shas.append(hashlib.sha256(data).digest())
        total += len(data)
    return Work.of(shas, total)


PIXMO = (
    "{python} -m pixmo download {urls} {out} --allow-host 127.0.0.1 --requests-per-s 0 --concurrency 64 --per-host 64 "
    "--format parquet"
)  # one host has one owner: --n-proc beyond 1 is for the processes that decode
# Shards of 1,000, so that both of its processes have work; EXIF is not read (its default), as here nobody reads it.
IMG2DATASET = (
    "{i2d} --url_list {urls} --output_folder {out} --output_format webdataset --processes_count 2 --thread_count 64 "
    "--number_sample_per_shard 1000 --resize_mode no --skip_reencode True --disable_all_reencoding True "
    "--extract_exif False --compute_hash sha256 --enable_wandb False"
)
# As people run it, re-encoding off: EXIF is read, which is its default, and a shard is 10,000 rows.
SHIPPED = IMG2DATASET.replace(" --extract_exif False", "").replace(" --number_sample_per_shard 1000", "")
img2dataset_shipped = Contender("img2dataset as shipped", SHIPPED, "2 × 64 threads, a connection per picture", in_tars)
img2dataset = Contender("img2dataset", IMG2DATASET, "2 × 64 threads, a connection per picture", in_tars)
pixmo_plain = Contender("pixmo, no decode", PIXMO + " --n-proc 1 --no-decode", "64, kept alive", in_parquet)
pixmo_default = Contender("pixmo, default", PIXMO + " --n-proc 2", "64, kept alive", in_parquet)
bare = Contender("bare loop", "{python} {bench}/bare_loop.py {base} {count} 64", "64, kept alive", said)
bare_decode = Contender(
    "bare loop + decode", "{python} {bench}/bare_decode.py {base} {count} 64", "64, kept alive", said
)

ROADS: Mapping[str, tuple[Contender, ...]] = {
    "plain": (img2dataset, img2dataset_shipped, pixmo_plain, bare),
    "https": (img2dataset, pixmo_plain, bare),
    "default": (img2dataset, img2dataset_shipped, pixmo_default, bare_decode),
}


def img2dataset_command(python: Path | None, cache: Path) -> str:
    """The img2dataset of its own environment, made in `cache` when no python is given. Exits at another version."""
    if python is None:
        home = cache / f"img2dataset-{I2D_VERSION}-py{sys.version_info.major}.{sys.version_info.minor}"
        python = home / "bin/python"
        if not (home / "bin/img2dataset").is_file():
            print(f"installing img2dataset {I2D_VERSION} in {home}", flush=True)
            venv.create(home, clear=True, with_pip=True)
            pip = [str(python), "-m", "pip", "install", "--quiet", f"img2dataset=={I2D_VERSION}", I2D_NEEDS]
            subprocess.run(pip, check=True)
    ask = "import importlib.metadata as m; print(m.version('img2dataset'))"
    found = subprocess.run([str(python), "-c", ask], capture_output=True, text=True, check=False).stdout.strip()
    if found != I2D_VERSION:
        raise SystemExit(f"{python}: has img2dataset {found or 'not at all'}, the comparison is with {I2D_VERSION}")
    return str(python.absolute().parent / "img2dataset")
