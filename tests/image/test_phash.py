"""Our hashes are those of imagehash, bit for bit."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pixmo.image.decode import look
from pixmo.image.phash import Hashes, hashes
from tests import pictures
from tests.image.test_decode import FILES


def theirs(image: Image.Image) -> Hashes:
    """What imagehash says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a palette with alphas
        return Hashes(str(imagehash.phash(image)), str(imagehash.dhash(image)))


def bits_apart(a: str, b: str) -> int:
    """How many of 64 bits differ."""
    return (int(a, 16) ^ int(b, 16)).bit_count()


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file(name: str) -> None:
    """The decoded picture of each format and mode hashes as imagehash hashes it, without a warning."""
    image = look(FILES[name]).image
    assert image is not None
    assert hashes(image) == theirs(image)


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "I", "F", "I;16"]
)
def test_every_mode(mode: str) -> None:
    """Whatever Pillow can make grey, also by way of RGB."""
    image = pictures.photo(4, (200, 150))
    changed = image.convert("RGBA").convert("PA") if mode == "PA" else pictures.in_mode(image, mode)
    assert hashes(changed) == theirs(changed)


def test_a_mode_without_a_way_to_grey_has_no_hash() -> None:
    """Where imagehash raises, there is no hash: Lab colours, which only TIFF has."""
    lab = Image.new("LAB", (200, 150))
    with pytest.raises(ValueError, match="conversion"):
        imagehash.phash(lab)
    assert hashes(lab) is None


@pytest.mark.parametrize("colour", [0, 1, 77, 128, 254, 255])
@pytest.mark.parametrize("size", [(1, 1), (64, 64), (640, 3)])
def test_flat_pictures(colour: int, size: tuple[int, int]) -> None:
    """A picture of one colour has at most its first frequency."""
    found = hashes(pictures.flat(colour, size))
    assert found == theirs(pictures.flat(colour, size))
    assert found == Hashes("8000000000000000" if colour else "0000000000000000", "0000000000000000")


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (2, 2), (31, 33), (99, 2000), (100, 2000), (1283, 977)])
def test_extreme_shapes(size: tuple[int, int]) -> None:
    """Tiny, long and thin, just below and above where the fast way begins."""
    noise = np.random.default_rng(5).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    assert hashes(Image.fromarray(noise)) == theirs(Image.fromarray(noise))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(2, 900),
    st.integers(2, 700),
    st.floats(0, 1),
    st.sampled_from(["L", "RGB", "CMYK"]),
)
def test_generated_pictures(seed: int, width: int, height: int, detail: float, mode: str) -> None:
    """Pictures of any content, size and grain."""
    image = pictures.photo(seed, (width, height), detail).convert(mode)
    assert hashes(image) == theirs(image)


@pytest.mark.parametrize("seed", range(5))
def test_copies_are_near_and_others_are_not(seed: int) -> None:
    """Scaling, re-encoding and brightening turn few bits; another picture turns many."""
    image = pictures.photo(seed, (320, 240))
    own = hashes(image)
    assert own is not None
    for name, copy in pictures.near_copies(image).items():
        found = hashes(copy)
        assert found is not None
        assert bits_apart(own.phash, found.phash) <= 4, name
    other = hashes(pictures.photo(seed + 100, (320, 240)))
    assert other is not None
    assert bits_apart(own.phash, other.phash) > 8


def test_the_orientation_is_not_applied() -> None:
    """A picture hashes as it is stored, however its EXIF says to turn it."""
    turned, plain = look(pictures.exif_rotated(6)).image, look(pictures.exif_rotated(1)).image
    assert turned is not None
    assert plain is not None
    assert hashes(turned) == hashes(plain)


def test_the_picture_is_left_as_it_was() -> None:
    """Hashing changes neither pixels nor what is known of the picture."""
    data = pictures.palette_png()
    image = look(data).image
    assert image is not None
    hashes(image)
    with Image.open(io.BytesIO(data)) as fresh:
        assert (image.mode, image.info, image.tobytes()) == (fresh.mode, fresh.info, fresh.tobytes())


def test_scipy_is_imported_when_the_first_picture_is_hashed() -> None:
    """Loading the module costs no SciPy."""
    script = "import sys, pixmo.image.phash; print('scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
