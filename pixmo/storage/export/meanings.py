"""What outcomes and columns mean, in words for people: on the dataset card and in the report."""

from __future__ import annotations

from pixmo.ask import Outcome
from pixmo.storage.export.meanings_judge import JUDGED
from pixmo.storage.export.meanings_spoken import SPOKEN

OUTCOMES: dict[Outcome, str] = {
    Outcome.OK: "The picture arrived, and passed every check that was asked for.",
    Outcome.NO_URL: "The row has no URL.",
    Outcome.BAD_URL: "Not an absolute http(s) URL, or longer than 8,192 characters.",
    Outcome.REFUSED_SCHEME: "Leads to something other than http or https, perhaps after a redirect; not asked for.",
    Outcome.REFUSED_ADDRESS: "Leads to a private, local or metadata address; not asked for.",
    Outcome.REFUSED_ROBOTS: "The site's robots.txt asks us to stay away.",
    Outcome.OPTED_OUT: "The answer's headers reserve the picture from such use; not kept.",
    Outcome.FORGOTTEN: "Taken down on request; never fetched again.",
    Outcome.DNS: "The name of the host could not be looked up just then.",
    Outcome.NO_SUCH_HOST: "The host no longer exists.",
    Outcome.CONNECT: "The host refused the connection or could not be reached.",
    Outcome.TLS: "No secure connection: a bad certificate or handshake.",
    Outcome.RESET: "The connection broke before an answer came.",
    Outcome.TIMEOUT: "No answer, or not all of it, in the time allowed.",
    Outcome.TOO_SLOW: "Arrived more slowly than the minimum speed.",
    Outcome.TRUNCATED: "The body ended before its declared length.",
    Outcome.NOT_FOUND: "The server knows no such picture (404).",
    Outcome.GONE: "The server says it was removed for good (410).",
    Outcome.FORBIDDEN: "The server does not allow it (401, 402, 403, 407 or 451).",
    Outcome.THROTTLED: "The server asked us to slow down (429, or 503 with Retry-After), still so after all tries.",
    Outcome.CLIENT_ERROR: "Another refusal by the server (4xx).",
    Outcome.SERVER_ERROR: "The server failed (5xx).",
    Outcome.BAD_REDIRECT: "Redirects in a circle, more than ten, or to nowhere.",
    Outcome.TOO_LARGE: "Larger than the limit; not kept.",
    Outcome.EMPTY: "An answer without a body.",
    Outcome.BAD_ENCODING: "Sent in an encoding that cannot be undone.",
    Outcome.NOT_AN_IMAGE: "Something else came: a web page, SVG, text.",
    Outcome.BROKEN_IMAGE: "An image file that does not decode.",
    Outcome.TOO_MANY_PIXELS: "More pixels than the limit; not decoded.",
    Outcome.DECODER_CRASHED: "Decoding it killed its worker process.",
    Outcome.DECODER_HUNG: "Decoding it did not end.",
    Outcome.WRONG_HASH: "Not the bytes the list promises (image_sha256).",
    Outcome.STORE_FAILED: "Arrived, but could not be kept on this machine.",
}

COLUMNS: dict[str, str] = (
    SPOKEN
    | JUDGED
    | {
        "image": "the picture: its bytes as served, and a file name",
        "images": "the row's pictures, in the order of its URLs: bytes as served, and a file name",
        "row_id": "row id: digest of the row's content, with a count for exact repeats",
        "image_url": "where the picture was asked for",
        "image_urls": "where the pictures were asked for",
        "image_sha256": "sha256 the source promises, unchanged",
        "caption": "caption of the picture",
        "transcripts": "what people said about the picture, as transcribed",
        "split": "the split the row was assigned before anything was fetched",
        "is_leak": "the picture stands in a held-out set",
        "leak_kind": "how it was found there: by url, sha256, near (looks the same) or mirrored",
        "leak_of": "the held-out picture: its URL or digest",
        "leak_set": "the held-out set it stands in",
        "is_flagged": "somebody who looked at the row marked it",
        "flag_note": "what they wrote; null for nothing",
        "fetched": "bytes were obtained",
        "fetch_outcome": "how asking for the picture ended",
        "fetch_detail": "more about that, in one line",
        "http_status": "status of the last answer",
        "final_url": "where redirects led; null when there were none",
        "content_type": "media type as the server declared it",
        "optout": "the header that reserves rights, as sent; null when there was none",
        "fetched_sha256": "sha256 of the bytes that came, measured",
        "fetched_bytes": "their number, in bytes",
        "hash_verdict": "`equal` to image_sha256, `differs`, or `none_expected`; null when nothing came",
        "width": "width in pixels, as stored (before EXIF rotation)",
        "height": "height in pixels, as stored (before EXIF rotation)",
        "format": "file format by content: JPEG, PNG, …",
        "mode": "colour mode in Pillow's words: RGB, L, P, CMYK, …",
        "frames": "number of frames; 1 for a still picture",
        "exif_orientation": "EXIF orientation, 1 to 8; null when not given",
        "has_transparency": "some pixel may be transparent",
        "image_outcome": "how looking at the bytes ended",
        "image_detail": "more about that, in one line",
        "image_ok": "the picture decodes fully",
        "phash": "64-bit perceptual hash (DCT), 16 hexadecimal digits",
        "dhash": "64-bit difference hash, 16 hexadecimal digits",
        "duplicate_of": "row id of the picture this one repeats; null for none",
        "duplicate_kind": "`exact` (the same bytes) or `near` (looks the same)",
        "is_duplicate": "repeats the picture of another row",
        "outcome": "how the row's picture was obtained, all checks considered",
        "ok": "outcome is `ok`",
        "resized_format": "file format of the resized copy",
        "resized_width": "its width in pixels",
        "resized_height": "its height in pixels",
        "resized_sha256": "its sha256",
        "resized_bytes": "its size in bytes",
        "in_other_split": "the same picture stands in another split; the row's own split is as assigned",
    }
)


def outcome_meaning(name: str) -> str:
    """In words; empty for a name that is no outcome of ours."""
    return OUTCOMES[Outcome(name)] if name in _NAMES else ""


_NAMES = frozenset(str(outcome) for outcome in Outcome)
