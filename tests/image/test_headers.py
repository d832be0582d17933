"""Sizes and frames are read without decoding, and agree with what Pillow finds by decoding."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pixmo.image.headers import MAX_FRAMES, declared, gif_frames, ico_is_cut, tiff_frames
from tests import pictures


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_gif_frames(frames: int) -> None:
    """As many as Pillow counts, and the file is whole."""
    data = pictures.animated("GIF", frames)
    with Image.open(io.BytesIO(data)) as image:
        assert gif_frames(data) == (getattr(image, "n_frames", 1), False)


@pytest.mark.parametrize("frames", [1, 2, 5])
@pytest.mark.parametrize("options", [{}, {"big_tiff": True}])
def test_tiff_frames(frames: int, options: dict[str, bool]) -> None:
    """As many as were written, in the usual format and in the one with wide numbers."""
    first, *rest = [pictures.photo(n, (16, 12)) for n in range(frames)]
    assert tiff_frames(pictures.encode(first, "TIFF", save_all=True, append_images=rest, **options)) == (frames, False)


def test_a_gif_without_its_last_byte_is_whole() -> None:
    """The trailer is often forgotten by writers; one byte earlier is a cut."""
    data = pictures.animated("GIF", 2)
    assert gif_frames(data[:-1]) == (2, False)
    assert gif_frames(data[:-2]) == (2, True)


def test_a_tiff_whose_directories_go_in_circles_ends() -> None:
    """A directory that points back to itself is counted once."""
    data = bytearray(b"II*\0\x08\0\0\0" + b"\x01\0" + bytes(12) + b"\x08\0\0\0")
    assert tiff_frames(bytes(data)) == (1, False)


def test_a_gif_of_millions_of_nothing_ends() -> None:
    """Counting stops at a limit, so that empty frames cannot hold up a worker."""
    head = pictures.encode(Image.new("P", (1, 1)), "GIF")[:13]
    flagless = head[:10] + b"\0" + head[11:]
    assert gif_frames(flagless + (b"\x2c" + bytes(9) + b"\x02\0") * (MAX_FRAMES + 5))[0] == MAX_FRAMES


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"}])
def test_webp_extent(options: dict[str, object]) -> None:
    """All three kinds of WebP tell their size."""
    assert declared(pictures.webp(size=(37, 21), **options), "WEBP") == (37, 21)


@pytest.mark.parametrize("inner", ["png", "bmp"])
def test_icon_extent_is_of_what_is_inside(inner: str) -> None:
    """The size of the largest picture in an icon, by its own header."""
    data = pictures.encode(pictures.photo(0, (100, 100)), "ICO", sizes=[(16, 16), (64, 64)], bitmap_format=inner)
    assert declared(data, "ICO") == (64, 64)
    assert not ico_is_cut(data)
    assert ico_is_cut(data[:-1])


@given(st.binary(max_size=300))
def test_no_bytes_make_them_raise(data: bytes) -> None:
    """Headers of noise are read without a fault."""
    assert gif_frames(b"GIF89a" + data)[0] >= 0
    assert tiff_frames(b"II*\0" + data)[0] >= 1
    assert tiff_frames(b"MM\0+" + data)[0] >= 1
    declared(b"\0\0\1\0" + data, "ICO")
    for kind in (b"VP8X", b"VP8L", b"VP8 "):
        declared(b"RIFF\0\0\0\0WEBP" + kind + data, "WEBP")
    ico_is_cut(b"\0\0\1\0" + data)
