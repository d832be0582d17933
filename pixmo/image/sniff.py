"""What bytes look like by their first few: a raster format that can be decoded, or what they are instead."""

from __future__ import annotations

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"%PDF-", "pdf"),
    (b"%!PS", "postscript"),
    (b"\xc5\xd0\xd3\xc6", "postscript"),
    (b"8BPS", "psd"),
    (b"\xff\x0a", "jxl"),
    (b"\x00\x00\x00\x0cJXL ", "jxl"),
    (b"\x1aE\xdf\xa3", "webm"),
    (b"OggS", "ogg"),
    (b"ID3", "mp3"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!", "rar"),
    (b"MZ", "exe"),
    (b"\x7fELF", "elf"),
)
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "heic", b"heix": "heic", b"mif1": "heic", b"msf1": "heic"}


def format_of(data: bytes) -> str | None:
    """The name of the raster format these bytes begin like, None when they begin like none that is decoded."""
    head = data[:16]
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if head.startswith(b"\0\0\1\0"):
        return "ICO"
    if head[4:8] == b"ftyp":
        return "AVIF" if _brand(data) == "AVIF" else None
    if head.startswith((b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n")):
        return "JPEG2000"
    if (
        head.startswith(b"BM")
        and len(data) > 18
        and data[14] in (12, 16, 40, 52, 56, 64, 108, 124)
        and not any(data[15:18])
    ):
        return "BMP"
    if head[:1] == b"P" and head[1:2] in tuple(b"%d" % n for n in range(1, 7)) and head[2:3].isspace():
        return "PPM"
    return None


def look_of(data: bytes) -> str:
    """One word for bytes that are no picture we decode: html, svg, gzip, text, … , else `binary`."""
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    if data[4:8] == b"ftyp":
        return {"heic": "heic"}.get(_brand(data), "mp4")
    if not data[:4096].strip(b"\0"):
        return "zeros"
    return _text(data[:4096])


def _brand(data: bytes) -> str:
    """What a file of the ISO base media family says it is, by its major brand, then by those it is compatible with."""
    size = int.from_bytes(data[:4], "big")
    box = data[8 : min(max(size, 12), 256)]
    brands = [box[:4], *(box[i : i + 4] for i in range(8, len(box), 4))]
    known = [_BRANDS[b] for b in brands if b in _BRANDS]
    return "AVIF" if "AVIF" in known else known[0] if known else ""


def _text(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = head[: len(head) & ~1].decode("utf-16", "replace")
    else:
        try:
            # the cut at 4,096 bytes may halve a character: only a fault before the last three bytes counts
            text = head.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            if error.start < len(head) - 3:
                text = head.decode("latin-1") if _has_markup(head) else ""
            else:
                text = head[: error.start].decode("utf-8-sig", "replace")
    start = text.lstrip().lower()
    if not start or any(c < " " and c not in "\t\n\r\f\x1b" for c in start):
        return "binary" if head.strip() else "text"
    if start.startswith(("<!doctype html", "<html", "<head", "<body", "<script")):
        return "html"
    if "<svg" in start:
        return "html" if "<html" in start else "svg"
    if "<html" in start:
        return "html"
    if start.startswith("<"):
        return "xml" if start.startswith("<?xml") else "html"
    return "json" if start[0] in "{[" else "text"


def _has_markup(head: bytes) -> bool:
    return b"<" in head[:512] and b">" in head and b"\0" not in head
