"""What bytes look like, for files that came as a recording and are none."""

from __future__ import annotations

MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"), (b"\xff\xd8\xff", "JPEG"), (b"GIF8", "GIF"), (b"BM", "BMP"), (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"), (b"%PDF-", "PDF"), (b"PK\x03\x04", "a zip archive"), (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"), (b"Rar!", "a rar archive"), (b"PAR1", "Parquet"), (b"ARROW1", "Arrow"),
    (b"SQLite format 3\0", "SQLite"), (b"\x7fELF", "a program"), (b"MZ", "a program"),
)  # fmt: skip
"""How files begin that are never sound; the names go into sentences."""

AUDIO_MAGIC: tuple[tuple[int, bytes], ...] = (
    (8, b"WAVE"), (0, b"OggS"), (0, b"fLaC"), (0, b"ID3"), (4, b"ftyp"), (0, b"\x1a\x45\xdf\xa3"), (0, b"FORM"), (0, b"caff"),
    (0, b"#!AMR"), (0, b".snd"), (0, b"riff"), (0, b"wvpk"), (0, b"\x30\x26\xb2\x75"), (0, b"FLV\x01"), (8, b"AVI "),
    (0, b"\xff\xfb"), (0, b"\xff\xf3"), (0, b"\xff\xf2"), (0, b"\xff\xf1"), (0, b"\xff\xf9"),
)  # fmt: skip
"""(offset, bytes) of containers that hold sound."""

_LOOKED_AT = 1024


def other_than_audio(data: bytes) -> str | None:
    """What a file that is certainly not sound is, fit for a sentence ("HTML"); None where it may be sound."""
    head = data[:_LOOKED_AT]
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    for magic, name in MAGIC:
        if head.startswith(magic):
            return name
    return _kind_of_text(head)


def says_audio(data: bytes) -> bool:
    """Whether it begins as a container of sound does."""
    return any(data[at : at + len(magic)] == magic for at, magic in AUDIO_MAGIC)


def _kind_of_text(head: bytes) -> str | None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) and head[1:4].count(0):
        return "text"
    body = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if body.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "HTML"
    if not _is_printable(head):
        return None
    if body.startswith((b"<?xml", b"<svg")):
        return "SVG" if b"<svg" in body else "XML"
    if body.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer"
    return "JSON" if body.startswith((b"{", b"[")) else "text"


def _is_printable(head: bytes) -> bool:
    """Whether it is UTF-8 without control characters but white space; a character cut off at the end does not count."""
    if any(byte < 32 and byte not in b"\t\n\r\f" for byte in head) or 0x7F in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return len(head) == _LOOKED_AT and error.start > len(head) - 4
    return True
