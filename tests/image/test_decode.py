"""Looking at bytes: what they are, whether they decode whole, and nothing they hold can raise."""

from __future__ import annotations

import io
import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from pixmo.ask import Outcome
from pixmo.image.decode import DEFAULT_MAX_PIXELS, look
from tests import pictures

SMALL = pictures.photo(1, (64, 48))
FILES = {
    "JPEG": pictures.jpeg(size=(64, 48)),
    "progressive JPEG": pictures.encode(SMALL, "JPEG", progressive=True),
    "CMYK JPEG": pictures.cmyk_jpeg(size=(64, 48)),
    "grey JPEG": pictures.grey_jpeg(size=(64, 48)),
    "rotated JPEG": pictures.exif_rotated(6, size=(64, 48)),
    "MPO": pictures.animated("MPO"),
    "PNG": pictures.png(size=(64, 48)),
    "1-bit PNG": pictures.png(size=(64, 48), mode="1"),
    "16-bit PNG": pictures.png(size=(64, 48), mode="I;16"),
    "grey PNG with alpha": pictures.png(size=(64, 48), mode="LA"),
    "PNG with alpha": pictures.png(size=(64, 48), mode="RGBA"),
    "palette PNG": pictures.palette_png(size=(64, 48)),
    "palette PNG with one clear colour": pictures.palette_png(size=(64, 48), alphas=False),
    "APNG": pictures.animated("PNG"),
    "GIF": pictures.encode(SMALL, "GIF"),
    "animated GIF": pictures.animated("GIF"),
    "WebP": pictures.webp(size=(64, 48)),
    "lossless WebP": pictures.webp(size=(64, 48), lossless=True),
    "animated WebP": pictures.animated("WEBP"),
    "BMP": pictures.encode(SMALL, "BMP"),
    "TIFF": pictures.encode(SMALL, "TIFF"),
    "LZW TIFF": pictures.encode(SMALL, "TIFF", compression="tiff_lzw"),
    "TIFF of three": pictures.animated("TIFF"),
    "ICO": pictures.encode(SMALL, "ICO"),
    "ICO of bitmaps": pictures.encode(SMALL, "ICO", bitmap_format="bmp"),
    "AVIF": pictures.encode(SMALL, "AVIF"),
    "JPEG 2000": pictures.encode(SMALL, "JPEG2000"),
    "PPM": pictures.encode(SMALL, "PPM"),
}
BOMBS = {
    "PNG": pictures.png_bomb(),
    "GIF": pictures.gif_bomb(),
    "WEBP": pictures.webp_bomb(),
    "ICO": pictures.ico_bomb(),
}


@pytest.mark.parametrize("name", FILES)
def test_sound_files_are_ok(name: str) -> None:
    """Every kind of picture decodes to what Pillow decodes it to, with its size, mode and format."""
    found = look(FILES[name])
    with Image.open(io.BytesIO(FILES[name])) as theirs:
        theirs.load()
        assert (found.outcome, found.detail) == (Outcome.OK, "")
        assert (found.format, found.width, found.height, found.mode) == (theirs.format, *theirs.size, theirs.mode)
        assert found.image is not None
        assert found.image.tobytes() == theirs.tobytes()


@pytest.mark.parametrize(
    ("name", "frames"),
    [("JPEG", 1), ("animated GIF", 3), ("animated WebP", 3), ("APNG", 3), ("TIFF of three", 3), ("MPO", 3)],
)
def test_frames_are_counted_and_the_first_is_decoded(name: str, frames: int) -> None:
    """An animation says how many pictures it has; the picture is its first."""
    found = look(FILES[name])
    assert found.frames == frames
    assert found.image is not None
    first = np.asarray(pictures.photo(0, (64, 48)), int)
    assert np.abs(np.asarray(found.image.convert("RGB"), int) - first).mean() < 12


@pytest.mark.parametrize(
    ("name", "is_see_through"),
    [("PNG", False), ("PNG with alpha", True), ("grey PNG with alpha", True), ("palette PNG", True), ("JPEG", False)],
)
def test_transparency(name: str, is_see_through: bool) -> None:
    """Pictures that can be seen through are known."""
    assert look(FILES[name]).has_transparency is is_see_through


def test_an_opaque_alpha_is_no_transparency() -> None:
    """An alpha channel that hides nothing does not count, nor a clear colour that no pixel has."""
    assert look(pictures.encode(SMALL.convert("RGBA"), "PNG")).has_transparency is False
    grey = Image.new("P", (8, 8), 1)
    grey.putpalette(bytes(range(9)))
    assert look(pictures.encode(grey, "PNG", transparency=2)).has_transparency is False
    assert look(pictures.encode(grey, "PNG", transparency=1)).has_transparency is True


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_told_and_not_applied(orientation: int) -> None:
    """The size is as stored, and how to turn it stands beside it."""
    found = look(pictures.exif_rotated(orientation, size=(64, 48)))
    assert (found.exif_orientation, found.width, found.height) == (orientation, 64, 48)


def test_a_tiff_is_turned_by_its_decoder() -> None:
    """Pillow applies a TIFF's orientation while decoding, so nothing is left to apply."""
    found = look(pictures.encode(SMALL, "TIFF", tiffinfo={0x0112: 6}))
    assert (found.exif_orientation, found.width, found.height) == (None, 48, 64)


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0" + bytes(40)])
def test_damaged_exif_says_nothing(exif: bytes) -> None:
    """A picture whose EXIF block is broken is sound all the same, with no orientation."""
    found = look(pictures.encode(SMALL, "JPEG", exif=exif))
    assert (found.outcome, found.exif_orientation) == (Outcome.OK, None)


# cutting only later pictures of these leaves the first whole, and their files do not say how long they are
FIRST_SURVIVES = {"MPO", "TIFF of three"}


@pytest.mark.parametrize("name", sorted(set(FILES) - FIRST_SURVIVES))
@pytest.mark.parametrize("kept", [0.3, 0.7, 0.97])
def test_cut_off_files_are_broken(name: str, kept: float) -> None:
    """A file that ends too early is broken, however far it decodes."""
    found = look(pictures.truncated(FILES[name], kept))
    assert (found.outcome, found.image) == (Outcome.BROKEN_IMAGE, None)
    assert found.detail


@pytest.mark.parametrize("name", sorted(FIRST_SURVIVES))
def test_files_of_several_pictures_are_broken_when_the_first_is_cut(name: str) -> None:
    """What is missing of the first picture of several is missed."""
    assert look(pictures.truncated(FILES[name], 0.15)).outcome is Outcome.BROKEN_IMAGE


@pytest.mark.parametrize("name", ["JPEG", "progressive JPEG", "PNG", "1-bit PNG", "WebP", "AVIF", "BMP"])
@pytest.mark.parametrize("missing", [1, 2, 5])
def test_the_last_bytes_count(name: str, missing: int) -> None:
    """A picture that lacks its last byte was cut off, though all pixels may be there."""
    assert look(FILES[name][:-missing]).outcome is Outcome.BROKEN_IMAGE


@pytest.mark.parametrize("name", FILES)
def test_bytes_behind_the_picture_do_not_matter(name: str) -> None:
    """Rubbish behind a whole picture leaves it whole."""
    assert look(FILES[name] + b"\r\n<!-- served by a cache -->" * 9).outcome is Outcome.OK


@pytest.mark.parametrize("format", BOMBS)
def test_bombs_are_not_decoded(format: str) -> None:
    """A small file that declares too many pixels is told by its size, and never decoded."""
    found = look(BOMBS[format])
    assert (found.outcome, found.image, found.format) == (Outcome.TOO_MANY_PIXELS, None, format)
    assert found.width is not None
    assert found.height is not None
    assert found.width * found.height > DEFAULT_MAX_PIXELS
    assert found.detail == f"{found.width} x {found.height} px"


def test_bombs_take_no_memory() -> None:
    """All bombs together are looked at within 256 MiB of address space more than an honest picture needs."""
    script = """
        import resource
        from pixmo.image.decode import look
        from tests.image.test_decode import BOMBS, FILES
        from tests.pictures import png_text_bomb

        [look(data) for data in FILES.values()]
        pages = int(open("/proc/self/statm").read().split()[0])
        limit = pages * resource.getpagesize() + 2**28
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        print(*(look(data).outcome for data in BOMBS.values()), look(png_text_bomb()).outcome)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["too_many_pixels"] * len(BOMBS) + ["broken_image"], done.stderr


@pytest.mark.parametrize("pixels", [64 * 48 - 1, 64 * 48])
def test_the_limit_is_exact(pixels: int) -> None:
    """A picture of as many pixels as allowed is decoded, one of more is not."""
    outcome = look(FILES["JPEG"], pixels).outcome
    assert outcome is (Outcome.OK if pixels == 64 * 48 else Outcome.TOO_MANY_PIXELS)


def test_pillows_switches_are_neither_used_nor_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our limit counts and not the process's, which stays as it was, as do the filters for warnings."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    filters = list(warnings.filters)
    assert look(FILES["JPEG"]).outcome is Outcome.OK
    assert look(BOMBS["PNG"]).outcome is Outcome.TOO_MANY_PIXELS
    assert Image.MAX_IMAGE_PIXELS == 10
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    assert list(warnings.filters) == filters


def test_empty() -> None:
    """No bytes are their own outcome."""
    assert look(b"").outcome is Outcome.EMPTY


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (pictures.HTML, "html"),
        (pictures.SVG, "svg"),
        (b"BMW is a car maker, and this is prose.", "text"),
        (b"P5 is what it says, but this is prose.", "text"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "postscript"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "gzip"),
    ],
)
def test_what_is_no_picture_is_named(data: bytes, kind: str) -> None:
    """Bytes that begin like no picture say what they look like; PostScript is never given to its interpreter."""
    found = look(data)
    assert (found.outcome, found.detail, found.format) == (Outcome.NOT_AN_IMAGE, kind, None)


def test_an_avif_that_pillow_would_not_open_is_not_ok() -> None:
    """What its brand hides from Pillow is not called sound, though its decoder could read it."""
    data = FILES["AVIF"]
    assert look(data[:8] + b"abcd" + data[12:]).outcome is Outcome.BROKEN_IMAGE


def test_reasons_are_the_same_every_time() -> None:
    """A reason is one line, without addresses, and comes out the same again."""
    for data in [pictures.truncated(f, 0.5) for f in FILES.values()]:
        first, again = look(data).detail, look(bytes(bytearray(data))).detail
        assert first == again
        assert "\n" not in first
        assert "0x" not in first
        assert len(first) <= 200


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A valid file with some bytes changed, removed or put in."""
    data = bytearray(draw(st.sampled_from(sorted(FILES.values()))))
    for _ in range(draw(st.integers(1, 8))):
        # the head holds what decoders decide by
        at = draw(st.integers(0, 120) | st.integers(0, len(data) - 1)) % len(data)
        match draw(st.integers(0, 2)):
            case 0:
                data[at] = draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]) | st.integers(0, 255))
            case 1:
                del data[at : at + draw(st.integers(1, 40))]
            case _:
                data[at:at] = draw(st.binary(max_size=16))
        if not data:
            break
    return bytes(data)


@settings(max_examples=300, deadline=None)
@given(damaged())
def test_damaged_files_never_raise(data: bytes) -> None:
    """Whatever is done to a file, it gets an outcome; what is OK also opens with Pillow as a trainer would open it."""
    found = look(data, 200_000)
    assert (found.image is not None) == (found.outcome is Outcome.OK)
    if found.image is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as theirs:
                theirs.load()
                assert theirs.size == (found.width, found.height)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(sorted(f[:16] for f in FILES.values())))
def test_random_bytes_never_raise(data: bytes, head: bytes) -> None:
    """Noise, alone or behind the head of a picture, gets an outcome."""
    assert look(data).outcome in (Outcome.EMPTY, Outcome.NOT_AN_IMAGE, Outcome.BROKEN_IMAGE, Outcome.TOO_MANY_PIXELS)
    assert look(head + data, 10_000).outcome is not Outcome.EMPTY
