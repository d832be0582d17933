"""What a person gets from `pip install pixmo`: the wheel, looked into."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from this tree with the project's own back end and no network."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        yield archive


def test_the_wheel_holds_every_module_and_data_file_of_the_package(wheel):
    """Types marker, catalogue and every module travel; what is only ours does not."""
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    tree = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "pixmo").rglob("*")
        if path.is_file() and path.suffix != ".pyc" and "__pycache__" not in path.parts
    }
    recipes = {f"pixmo/pipelines/{path.name}" for path in (ROOT / "pipelines").iterdir()}
    assert "pixmo/py.typed" in held
    assert held == tree | recipes


def test_the_wheel_is_for_any_python_and_says_what_it_is(wheel):
    """Pure Python, with licence, version and the least Python named."""
    (name,) = {name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")}
    told = Parser().parsestr(wheel.read(name).decode())
    assert (told["Name"], told["Version"], told["Requires-Python"]) == ("pixmo", PROJECT["version"], ">=3.11")
    assert told["License-Expression"] == "Apache-2.0"
    assert "Root-Is-Purelib: true" in wheel.read(name.replace("METADATA", "WHEEL")).decode()
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())


def test_the_wheel_installs_the_command(wheel):
    """`pixmo` is pixmo.cli:main."""
    (name,) = {name for name in wheel.namelist() if name.endswith("entry_points.txt")}
    assert "pixmo = pixmo.cli:main" in wheel.read(name).decode()


def test_the_base_holds_what_the_product_promises_and_no_more():
    """Heavy things (torch, ray, speech) are extras; each dependency of the base is one we named."""
    names = {re.split(r"[<>=;\[ ]", line)[0] for line in PROJECT["dependencies"]}
    promised = {"datasets", "aiohttp", "pillow", "imagehash", "pyarrow", "openai", "tqdm", "click"}
    small = {"protego", "publicsuffixlist", "rapidfuzz", "zstandard"}
    ours_by_way_of_others = {"numpy", "scipy"}  # imagehash brings them, and we import them ourselves
    assert names == promised | small | ours_by_way_of_others
    assert {"speech", "whisper", "sphinx", "molmo", "view", "annotate", "ray"} <= set(PROJECT["optional-dependencies"])


def test_everything_make_installs_is_pinned():
    """Each dependency of the base and of `dev` has one exact version in constraints.txt; no index is named."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.!+]+", line) for line in lines)
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in lines}
    wanted = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
    extras = PROJECT["optional-dependencies"]
    wanted += [line for name in ("speech", "whisper", "sphinx", "annotate") for line in extras[name]]
    assert {re.split(r"[<>=;\[ ]", line)[0].lower() for line in wanted} - {"pixmo"} <= pinned
