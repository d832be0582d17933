"""What servers do, and the outcome each row gets; one request at a time."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pixmo.ask import Outcome
from pixmo.engines.http.fetch import fetch
from tests.engines.http.asking import ask, ask_all, loopback
from tests.engines.http.asking import settings as told
from tests.server.fixtures import JPEG
from tests.server.trouble import TroubleServer


@pytest.mark.parametrize(
    "path",
    ["/p/a.jpg", "/chunked/p/a.jpg", "/close/p/a.jpg", "/slow:0.05/p/a.jpg", "/cookie/p/a.jpg", "/gzip/p/a.jpg",
     "/deflate/p/a.jpg", "/deflate:-15/p/a.jpg", "/noai:otherbot/p/a.jpg", "/redirect:3/p/a.jpg", "/unready:1/p/a.jpg",
     "/flaky:1/p/a.jpg", "/cut:1000:once/p/a.jpg", "/tdm:0/p/a.jpg", "/p/a%2Ejpg", "/p/a.jpg?x=é y"],
)  # fmt: skip
async def test_every_reachable_picture_arrives(trouble, path):
    """However it is served, the bytes are the picture's."""
    reply = await ask(trouble.url(path))
    assert reply.outcome is Outcome.OK
    assert reply.body == JPEG


@pytest.mark.parametrize(
    ("path", "outcome", "detail"),
    [
        ("/status:404", "not_found", None),
        ("/status:410", "gone", None),
        ("/status:403", "forbidden", None),
        ("/status:401", "forbidden", None),
        ("/status:451", "forbidden", None),
        ("/status:400", "client_error", None),
        ("/status:500", "server_error", None),
        ("/status:501", "server_error", None),
        ("/status:204", "empty", None),
        ("/status:206", "truncated", "206, a part"),
        ("/status:304", "bad_redirect", "304"),
        ("/empty", "empty", None),
        ("/hang", "timeout", "first byte"),
        ("/stall:1000/p/a.jpg", "timeout", "idle"),
        ("/drip:16/p/a.jpg", "too_slow", "below 1024 bytes/s"),
        ("/cut:1000/p/a.jpg", "truncated", "ended early"),
        ("/reset", "reset", None),
        ("/garbage", "reset", "spoke no HTTP"),
        ("/declare", "too_large", "declares 10000000000 bytes"),
        ("/endless", "too_large", "more than 2000000 bytes"),
        ("/bomb:100", "too_large", "when decoded"),
        ("/br/p/a.jpg", "bad_encoding", "br"),
        ("/badgzip/p/a.jpg", "bad_encoding", "not gzip"),
        ("/noai/p/a.jpg", "opted_out", None),
        ("/tdm/p/a.jpg", "opted_out", None),
        ("/loop:3", "bad_redirect", "loop"),
        ("/nowhere", "bad_redirect", None),
        ("/redirect:11/p/a.jpg", "bad_redirect", "more than 10 hops"),
        ("/to:302?u=file:///etc/passwd", "refused_scheme", "file"),
        ("/to:302?u=http://169.254.169.254/latest", "refused_address", "169.254.169.254"),
        ("/to:302?u=http://[::ffff:10.0.0.1]/", "refused_address", "::ffff:a00:1"),
        ("/to:302?u=http://2130706433/", "refused_address", "an address in an odd spelling: 2130706433"),
        ("/to:302?u=http://user:pw@a.test/", "bad_redirect", "credentials in the URL"),
        ("/to:302?u=http://[::1", "bad_redirect", None),
    ],
)
async def test_every_trouble_has_its_outcome(trouble, path, outcome, detail):
    """No body, the right outcome, and the detail that tells apart what shares it."""
    reply = await ask(trouble.url(path))
    assert (reply.outcome, reply.body, reply.moved_to) == (outcome, None, None)
    if detail is not None:
        assert reply.facts["detail"] == detail


async def test_what_a_body_is_remains_to_be_seen(trouble):
    """HTML and SVG are delivered as they are: whether bytes are a picture is not the network's to say."""
    replies = await ask_all([trouble.url("/html"), trouble.url("/svg")])
    assert {reply.outcome for reply in replies.values()} == {Outcome.OK}
    assert replies[trouble.url("/html")].facts["content_type"] == "image/jpeg"


async def test_facts_are_those_of_the_last_answer(trouble):
    """Status, type, sizes, tries, where it ended and how it got there."""
    reply = await ask(trouble.url("/redirect:2/p/a.jpg"))
    start = trouble.url("/redirect:2/p/a.jpg")
    assert reply.facts == {
        "status": 200,
        "content_type": "image/jpeg",
        "declared": len(JPEG),
        "size": len(JPEG),
        "tries": 3,
        "final_url": trouble.url("/p/a.jpg"),
        "hops": [start, start.replace(":2/", ":1/")],
    }


async def test_headers_that_identify_the_body_are_kept(trouble):
    """ETag and Last-Modified, where they are sent."""
    reply = await ask(trouble.url("/header/p/a.jpg?ETag=%22x%22&Last-Modified=yesterday"))
    assert (reply.facts["etag"], reply.facts["last_modified"]) == ('"x"', "yesterday")


async def test_the_cut_is_recorded(trouble):
    """A body too large says at which limit it was cut, so that a larger limit may ask again."""
    for path in ("/declare", "/endless", "/bomb:100"):
        assert (await ask(trouble.url(path), max_bytes=1_000_000)).facts["cut_at"] == 1_000_000


async def test_ten_gigabytes_are_not_read(trouble):
    """Declared or endless, the transfer stops near the limit."""
    await ask_all([trouble.url("/declare"), trouble.url("/endless")], max_bytes=100_000)
    assert max(trouble.sent.values()) < 20_000_000  # what socket buffers of both sides may hold, and more


async def test_optouts_can_be_ignored_but_are_recorded(trouble):
    """With `ignore_optout` the picture is taken and the header stands beside it."""
    reply = await ask(trouble.url("/noai/p/a.jpg"), ignore_optout=True)
    assert reply.outcome is Outcome.OK
    assert reply.facts["optout"] == "X-Robots-Tag: noai"


async def test_we_say_who_we_are_and_want_no_encoding(trouble):
    """The request has our name with a contact, asks for identity, and brings no cookie along."""
    await ask_all([trouble.url("/cookie/p/a.jpg")])
    await ask(trouble.url("/redirect/cookie/p/a.jpg"))
    for seen in trouble.log:
        assert seen.headers["user-agent"].startswith("pixmo/")
        assert "+https://" in seen.headers["user-agent"]
        assert seen.headers["accept-encoding"] == "identity"
        assert "cookie" not in seen.headers


async def test_extra_headers_go_to_their_host_only(trouble):
    """A header for one host, which may be a secret, does not follow a redirect to another."""
    there = trouble.url("/p/a.jpg", host="b.test")
    start = trouble.url(f"/to?u={there}", host="a.test")
    reply = await ask(start, allow_hosts=("127.0.0.1",), headers=("a.test:X-Key=secret",))
    assert reply.outcome is Outcome.OK
    assert [(seen.host, seen.headers.get("x-key")) for seen in trouble.log] == [("a.test", "secret"), ("b.test", None)]


async def test_a_host_name_may_be_international(trouble):
    """An IDNA name is asked for in its ASCII form."""
    reply = await ask(f"http://bücher.test:{trouble.port}/p/a.jpg")
    assert reply.outcome is Outcome.OK
    assert trouble.log[0].host == "xn--bcher-kva.test"


async def test_a_path_is_sent_as_meant(trouble):
    """Spaces and letters are encoded, escapes kept, the fragment stays here, and no path is a slash."""
    for tail in ("/p/ä b%2F.jpg?q=a b#frag", ""):
        await ask(f"http://127.0.0.1:{trouble.port}{tail}")
    assert [seen.path for seen in trouble.log] == ["/p/%C3%A4%20b%2F.jpg?q=a%20b", "/"]


async def test_nobody_listens():
    """A closed port is CONNECT."""
    with socket.create_server(("127.0.0.1", 0)) as spare:
        port = spare.getsockname()[1]
    reply = await ask(f"http://127.0.0.1:{port}/")
    assert reply.outcome is Outcome.CONNECT


async def test_names_that_lead_home_are_refused(trouble):
    """A name that resolves to loopback is refused unless it is allowed by name; nothing reaches the server."""
    url = trouble.url("/p/a.jpg", host="sneaky.test")
    assert (await ask(url, allow_hosts=())).outcome is Outcome.REFUSED_ADDRESS
    assert trouble.log == []
    assert (await ask(url, allow_hosts=("sneaky.test",))).outcome is Outcome.OK


async def test_a_redirect_to_a_name_that_leads_home_is_refused(trouble):
    """Every hop is vetted again, also by resolution."""
    there = trouble.url("/p/a.jpg", host="home.test")
    reply = await ask(trouble.url(f"/to?u={there}", host="good.test"), allow_hosts=("good.test",))
    assert reply.outcome is Outcome.REFUSED_ADDRESS
    assert [seen.host for seen in trouble.log] == ["good.test"]


async def test_dns_answers_are_told_apart():
    """A name that does not exist is NO_SUCH_HOST and final; one that cannot be resolved now is DNS and tried again."""
    from pixmo.engines.http.resolve import NameTrouble

    asked = []

    async def resolve(host: str) -> list[str]:
        asked.append(host)
        raise NameTrouble("server failure")

    assert (await ask("http://no.invalid/")).outcome is Outcome.NO_SUCH_HOST
    reply = await ask("http://a.test/", resolve=resolve)
    assert (reply.outcome, reply.facts["tries"]) == (Outcome.DNS, 2)


async def test_connecting_takes_only_so_long():
    """A connection that does not come about, here for want of a name, is TIMEOUT with detail connect."""

    async def never(host: str) -> list[str]:
        await asyncio.sleep(3600)
        return []

    reply = await ask("http://a.test/", resolve=never, connect_timeout_s=0.2, retries=0)
    assert (reply.outcome, reply.facts["detail"]) == (Outcome.TIMEOUT, "connect")


async def test_the_whole_takes_only_so_long(trouble):
    """A body that comes steadily but for too long ends with detail total."""
    reply = await ask(
        trouble.url("/drip:100/p/a.jpg"), total_timeout_s=0.3, min_bytes_per_s=10, idle_timeout_s=9, retries=0
    )
    assert (reply.outcome, reply.facts["detail"]) == (Outcome.TIMEOUT, "total")


async def test_a_bad_certificate_is_tls(tmp_path):
    """A certificate that nobody vouches for is TLS and is not tried again; with its issuer known it is fine."""
    context, trusting = certificates(tmp_path)
    with TroubleServer(tls=context) as server:
        server.pictures["a.jpg"] = JPEG
        url = server.url("/p/a.jpg", host="localhost")
        reply = await ask(url)
        assert (reply.outcome, reply.facts["tries"]) == (Outcome.TLS, 1)
        assert (await ask(url, tls=trusting)).outcome is Outcome.OK


async def test_one_question_can_be_asked_alone(trouble):
    """`fetch` is the whole machine for one URL."""
    reply = await fetch(trouble.url("/p/a.jpg"), told(), resolve=loopback)
    assert hashlib.sha256(reply.body or b"").digest() == hashlib.sha256(JPEG).digest()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_from_a_server_break_the_client(data: bytes, spoken: bool):
    """Whatever is sent, even behind a proper status line, is an outcome."""
    raw = (b"HTTP/1.1 200 OK\r\n" if spoken else b"") + data
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer_with, args=(listener, raw), daemon=True)
        thread.start()
        reply = asyncio.run(ask(f"http://127.0.0.1:{listener.getsockname()[1]}/", retries=0))
        assert isinstance(reply.outcome, Outcome)
        assert not str(reply.facts.get("detail", "")).startswith(("TypeError", "ValueError", "AttributeError"))
    thread.join(5)


def answer_with(listener: socket.socket, raw: bytes) -> None:
    """Answers up to two connections with these bytes, whatever they ask."""
    listener.settimeout(1)
    for _ in range(2):
        try:
            connection = listener.accept()[0]
        except OSError:
            return
        with connection:
            connection.settimeout(1)
            connection.recv(65_536)
            connection.sendall(raw)


def certificates(folder) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for localhost signed by itself, and a client's that trusts it."""
    import subprocess

    key, cert = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
               "-keyout", key, "-out", cert, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(cert, key)
    return server, ssl.create_default_context(cafile=cert)
