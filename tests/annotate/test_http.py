"""What the server of a collection grants, and to whom: by plain HTTP, against the real command."""

from __future__ import annotations

import hashlib
import secrets
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.annotate.serving import Caller, Served, annotator, make_pictures
from tests.speech import encoded, say

WEBM = encoded(say("a red bus"), "webm")
MAX_BYTES = 300_000


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("http")
    options = ("--annotators", "100", "--per-picture", "100", "--max-bytes", str(MAX_BYTES))
    with Served(make_pictures(home / "pictures"), home / "out", *options) as running:
        yield running


@pytest.fixture(scope="module")
def names() -> Iterator[str]:
    return (f"annotator-{n + 1}" for n in range(99))


@pytest.fixture
def anna(served: Served, names: Iterator[str]) -> Caller:
    """Somebody new, who agreed."""
    return annotator(served, next(names))


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_link_moves_its_key_into_a_cookie(served: Served) -> None:
    """HttpOnly, SameSite=Strict, for that person's room alone; the page then goes there by itself."""
    caller = Caller(served.port)
    answer = caller.enter(served.links["annotator-100"])
    cookie = answer.headers["set-cookie"].lower()
    assert answer.status == 200
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert f"path={caller.room}" in cookie
    assert f'content="0;url={caller.room}"'.encode() in answer.body


@pytest.mark.parametrize("path", ["", "pictures/1", "uploads/" + "0" * 32])
def test_nobody_gets_in_without_the_key(served: Served, anna: Caller, path: str) -> None:
    """No cookie, a wrong one, and the right one of somebody else are all the same: nothing."""
    other = annotator(served, "annotator-100")
    for cookie in (None, "pixmo=", "pixmo=" + secrets.token_urlsafe(32), other.cookie, "pixmo=\xe9", "pixmo=a;pixmo=b"):
        assert anna.ask("GET", path, cookie=cookie).status in (403, 404)
    assert anna.ask("GET", "/enter/" + secrets.token_urlsafe(32)).status == 404


def test_the_progress_is_the_owners(served: Served, anna: Caller) -> None:
    """An annotator's key does not open it, and the owner's key no annotator's room."""
    owner = Caller(served.port)
    owner.enter(served.links["owner"])
    assert b"Progress" in owner.ask("GET", "").body
    assert anna.ask("GET", owner.room).status == 404
    assert owner.ask("GET", anna.room).status == 404
    assert owner.ask("GET", owner.room.replace("/o/", "/p/")).status == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": None},
        {"x_pixmo": None},
        {"origin": "https://127.0.0.1:{port}"},
        {"origin": "http://127.0.0.1:{port}.evil.example"},
    ],
)
def test_foreign_pages_cannot_change_anything(served: Served, anna: Caller, headers: dict[str, str | None]) -> None:
    """What does not come from our own page, with our own header, is refused before it is read."""
    picture = anna.picture()
    headers = {k: v and v.format(port=served.port) for k, v in headers.items()}
    body = f'{{"picture": {picture}, "reason": "other"}}'.encode()
    assert anna.ask("POST", "skip", body, **headers).status == 403
    assert anna.picture() == picture
    assert anna.ask("POST", "skip", body).status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", None])
def test_another_name_for_this_machine_is_refused(served: Served, anna: Caller, host: str | None) -> None:
    """A page whose name was turned to this machine's address gets nothing, also with the cookie."""
    assert anna.ask("GET", "", host=host and host.format(port=served.port)).status in (400, 421)


def test_every_answer_carries_the_policy(anna: Caller) -> None:
    """Pages, pictures, refusals: no inline script or style, no frames, no guessing of types."""
    for path in ("", f"pictures/{anna.picture()}", "/nothing", "/static/annotate.js"):
        headers = anna.ask("GET", path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/static/../speech.py", "/static/..%2fspeech.py", "/static/%2e%2e/%2e%2e/errors.py", "/static//etc/passwd",
        "pictures/../../../etc/passwd", "pictures/%2e%2e%2fa.png", "pictures/a.png", "pictures/-1", "pictures/1e9", "pictures/%d9%a1",
        "pictures/99999999999999999999", "pictures/1.0", "uploads/..%2f..%2fx", "uploads/" + "A" * 32, "uploads/%00",
    ],
)  # fmt: skip
def test_no_path_of_a_client_reaches_a_file(anna: Caller, path: str) -> None:
    """Static files, pictures and uploads are found in tables, by name, number and token."""
    anna.picture()
    answer = anna.ask("GET", path)
    assert answer.status in (400, 404)
    assert len(answer.body) < 200


def test_a_picture_is_shown_only_to_whom_it_was_given(anna: Caller) -> None:
    """Its type is what its bytes are."""
    picture = anna.picture()
    assert anna.ask("GET", f"pictures/{picture}").headers["content-type"] == (
        "image/png" if picture != 2 else "image/jpeg"
    )
    assert anna.ask("GET", f"pictures/{(picture or 0) % 3 + 1}").status == 404


def test_a_recording_arrives_in_pieces_and_is_named_by_its_digest(served: Served, anna: Caller) -> None:
    """Each answer says how much is here; at the end it stands in the manifest, with the type its bytes have."""
    picture, token = anna.picture(), secrets.token_hex(16)
    assert picture
    for at in range(0, len(WEBM), 1000):
        assert anna.ask("GET", f"uploads/{token}").json == {"have": at}
        assert anna.append(token, picture, at, WEBM[at : at + 1000]).json == {"have": min(at + 1000, len(WEBM))}
    assert anna.post(f"uploads/{token}", picture=picture, sha256=sha(WEBM)).status == 200
    name = f"recordings/{sha(WEBM)[:16]}.webm"
    assert name in [audio for line in served.manifest() for audio in line["audio"]]
    assert (served.out / name).read_bytes() == WEBM


def test_the_same_again_changes_nothing(served: Served, anna: Caller) -> None:
    """An answer that was lost on the way is asked for again: the end of an upload, and consent."""
    picture, token = anna.picture(), secrets.token_hex(16)
    assert picture
    anna.append(token, picture, 0, WEBM)
    for _ in range(3):
        assert anna.post(f"uploads/{token}", picture=picture, sha256=sha(WEBM)).status == 200
    assert anna.ask("GET", f"uploads/{token}").json == {"have": len(WEBM)}
    me = anna.room.strip("/").partition("/")[2]
    assert sum(line["annotator"].count(me) for line in served.manifest()) == 1


@pytest.mark.parametrize("offset", [0, 999, 1001, 10**12])
def test_a_piece_from_another_place_is_refused(anna: Caller, offset: int) -> None:
    """With what is here, so that the browser goes on there."""
    picture, token = anna.picture(), secrets.token_hex(16)
    assert picture
    anna.append(token, picture, 0, WEBM[:1000])
    answer = anna.append(token, picture, offset, b"x" * 10)
    assert (answer.status, answer.json["have"]) == (409, 1000)


def test_pieces_sent_twice_at_once_count_once(anna: Caller) -> None:
    """Two connections send the same pieces: each piece is taken from one of them."""
    picture, token = anna.picture(), secrets.token_hex(16)
    assert picture

    def send() -> None:
        while (have := anna.ask("GET", f"uploads/{token}").json["have"]) < len(WEBM):
            anna.append(token, picture, have, WEBM[have : have + 500])

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert anna.post(f"uploads/{token}", picture=picture, sha256=sha(WEBM)).status == 200


@pytest.mark.parametrize(
    ("sound", "digest", "status"),
    [
        (WEBM, "0" * 64, 422),
        (b"<html>" + WEBM, None, 415),
        (b"\x89PNG\r\n\x1a\n", None, 415),
        (b"ID3" + WEBM, None, 415),
    ],
    ids=["changed on the way", "html", "png", "mp3"],
)
def test_what_is_not_the_recording_begins_anew(
    served: Served, anna: Caller, sound: bytes, digest: str | None, status: int
) -> None:
    """A wrong digest, or bytes that are no container browsers record into: nothing is kept, the picture stays open."""
    picture, token = anna.picture(), secrets.token_hex(16)
    assert picture
    anna.append(token, picture, 0, sound)
    assert anna.post(f"uploads/{token}", picture=picture, sha256=digest or sha(sound)).status == status
    assert anna.ask("GET", f"uploads/{token}").json == {"have": 0}
    assert anna.picture() == picture
    assert anna.describe(picture, WEBM).status == 200


def test_a_recording_has_a_largest_size(anna: Caller) -> None:
    """Pieces, and recordings of many pieces; also a body that does not say how long it is."""
    picture, token = anna.picture(), secrets.token_hex(16)
    assert picture
    assert anna.append(token, picture, 0, WEBM[:1] * (2**20 + 1)).status == 413
    path = f"uploads/{token}?picture={picture}&offset=0"
    assert anna.ask("PATCH", path, (b"x" * 65_536 for _ in range(17))).status == 413
    assert anna.append(token, picture, 0, b"x" * MAX_BYTES).status == 200
    assert anna.append(token, picture, MAX_BYTES, b"x").status == 413
    assert anna.ask("GET", f"uploads/{token}").json == {"have": MAX_BYTES}


def test_a_piece_that_breaks_off_is_not_kept(served: Served, anna: Caller) -> None:
    """A connection that ends in mid-body leaves what was there before."""
    picture, token = anna.picture(), secrets.token_hex(16)
    anna.append(token, picture or 0, 0, WEBM[:100])
    head = (
        f"PATCH {anna.room}uploads/{token}?picture={picture}&offset=100 HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n"
        f"Cookie: {anna.cookie}\r\nOrigin: http://127.0.0.1:{served.port}\r\nX-Pixmo: 1\r\nContent-Length: 500\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", served.port)) as sock:
        sock.sendall(head.encode() + WEBM[100:300])
    assert anna.ask("GET", f"uploads/{token}").json == {"have": 100}


def test_nothing_is_taken_without_consent(served: Served, names: Iterator[str]) -> None:
    """Nor with consent to another text than the one in force."""
    anna = Caller(served.port)
    anna.enter(served.links[next(names)])
    assert anna.append("0" * 32, 1, 0, WEBM).status == 403
    assert anna.post("consent", version="c-000000000000").status == 409
    assert anna.append("0" * 32, 1, 0, WEBM).status == 403
    anna.agree()
    picture = anna.picture()
    assert picture
    assert anna.append("0" * 32, picture, 0, WEBM).status == 200


def test_only_open_pictures_of_ones_own_are_described(anna: Caller) -> None:
    """Not another one's, not one that has a description, not one that was skipped."""
    picture = anna.picture()
    assert picture
    assert anna.append("1" * 32, picture % 3 + 1, 0, WEBM).status == 409
    assert anna.describe(picture, WEBM).status == 200
    assert anna.append("2" * 32, picture, 0, WEBM).status == 409
    second = anna.picture()
    assert second
    assert anna.post("skip", picture=second, reason="unclear").status == 200
    assert anna.append("3" * 32, second, 0, WEBM).status == 409
    assert anna.post("skip", picture=second, reason="unclear").status == 409


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"\xff", b"{}", b'{"picture": 1}', b'{"picture": true, "reason": "other"}', b'{"picture": 1, "reason": []}',
     b'{"picture": 1, "reason": "other", "note": 5}', b'{"picture": 1, "reason": "made up"}', b'[' * 4000,
     b'{"picture": 1, "reason": "other", "note": "' + b"x" * 201 + b'"}', b" " * 5000],
)  # fmt: skip
def test_nonsense_is_refused_in_one_word(anna: Caller, body: bytes) -> None:
    """Whatever the body is, it is no bug of ours."""
    assert anna.ask("POST", "skip", body).status in (400, 413)


def test_names_and_notes_are_text(served: Served, anna: Caller) -> None:
    """Markup in a note is shown, not carried out, and may hold any character."""
    picture = anna.picture()
    assert anna.post("skip", picture=picture, reason="other", note="<script>alert(1)</script> \ud800 ok").status == 200
    owner = Caller(served.port)
    owner.enter(served.links["owner"])
    page = owner.ask("GET", "").body
    assert b"&lt;script&gt;alert(1)" in page
    assert b"<script>alert" not in page


def test_begun_uploads_do_not_fill_the_disk(served: Served, anna: Caller) -> None:
    """Of one picture and one person a few are kept, the latest."""
    picture = anna.picture()
    assert picture
    tokens = [secrets.token_hex(16) for _ in range(12)]
    for token in tokens:
        assert anna.append(token, picture, 0, WEBM[:100]).status == 200
    kept = [anna.ask("GET", f"uploads/{token}").json["have"] for token in tokens]
    assert kept == [0] * 8 + [100] * 4


def test_a_recording_under_a_kind_of_its_own_keeps_it(served: Served, anna: Caller) -> None:
    """Ogg, MP4 and WAV as well, told by their bytes."""
    for kind, suffix in (("ogg", "ogg"), ("m4a", "mp4"), ("wav", "wav")):
        sound = say("two dogs") if kind == "wav" else encoded(say("two dogs"), kind)
        picture = anna.picture()
        assert picture
        assert anna.describe(picture, sound).status == 200
        assert (served.out / "recordings" / f"{sha(sound)[:16]}.{suffix}").is_file()
    assert anna.picture() is None
