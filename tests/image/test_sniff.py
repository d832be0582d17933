"""Bytes are known by how they begin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.image.sniff import format_of, look_of
from tests.image.test_decode import FILES


@pytest.mark.parametrize("name", FILES)
def test_pictures_are_known_by_content(name: str) -> None:
    """Every picture that decodes is recognised by its first bytes."""
    expected = {"MPO": "JPEG", "APNG": "PNG", "animated GIF": "GIF"}.get(name)
    found = format_of(FILES[name])
    assert found is not None
    assert expected in (None, found)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\n\n  <!DOCTYPE html><html>", "html"),
        (b"<HTML><BODY>", "html"),
        (b'<?xml version="1.0"?><html xmlns="x">', "html"),
        (b"<html><body><svg></svg></body></html>", "html"),
        (b"<!-- made by hand --><svg viewBox='0 0 1 1'>", "svg"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "xml"),
        (b'\xef\xbb\xbf{"error": 404}', "json"),
        (b"404 Client Error: Not Found", "text"),
        ("Не найдено. ".encode() * 999, "text"),
        ("<!doctype html>".encode("utf-16"), "html"),
        (b"<html>caf\xe9</html>", "html"),
        (b"%PDF-1.7", "pdf"),
        (b"PK\x03\x04rest", "zip"),
        (b"8BPS\0\1", "psd"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "mp4"),
        (b"\xff\x0a\xfa\x1f", "jxl"),
        (bytes(500), "zeros"),
        (b"\x01\x02\x03\x04\xfe\xff\x00", "binary"),
        (b"   \n", "text"),
    ],
)
def test_what_other_bytes_look_like(data: bytes, kind: str) -> None:
    """Error pages, documents, films and noise each have a word."""
    assert (format_of(data), look_of(data)) == (None, kind)


@given(st.binary(max_size=5000))
def test_every_byte_string_has_a_word(data: bytes) -> None:
    """Sniffing never raises, and its word is short and plain."""
    assert look_of(data).isalnum()
    assert len(look_of(data)) <= 10
    format_of(data)
