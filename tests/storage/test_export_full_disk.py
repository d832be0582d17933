"""A disk that fills up while a shard is written, in each format."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

WRITE = """
import os, resource, sys
from pathlib import Path
import pyarrow as pa
from pixmo.errors import NoSpace
from pixmo.storage.export.writers import writer
from pixmo.storage.publish import publishing

resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))  # the kernel refuses what is beyond, as a full disk does
picture = {"bytes": os.urandom(20_000), "path": "a.jpg"}
batch = pa.RecordBatch.from_pylist([{"image": picture, "row_id": str(i), "n": [i] * 50} for i in range(40)])
try:
    with publishing(Path(sys.argv[2])) as path, writer(sys.argv[1])(path, batch.schema, ("image",)) as shard:
        for _ in range(3):
            shard.write(batch)
        shard.close()
except NoSpace as error:
    print(error)
"""


@pytest.mark.parametrize("format", ["parquet", "arrow", "webdataset"])
def test_a_full_disk_is_an_error_to_act_on(tmp_path: Path, format: str) -> None:
    """The file that does not fit is told as NoSpace and leaves nothing; Arrow used to end the process (SIGABRT)."""
    done = subprocess.run([sys.executable, "-c", WRITE, format, tmp_path / "shard"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "no space left" in done.stdout
    assert list(tmp_path.iterdir()) == []
