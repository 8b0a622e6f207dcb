"""Requests of web pages elsewhere: a foreign Host or Origin gets no answer from the local server, by any door."""

import http.client
from urllib.parse import urlsplit

import pytest

from app.hosts import REFUSAL, HostGuard, allowed_name, allowed_names, host_name, is_loopback, is_named

FOREIGN = ("evil.example", "evil.example:8501", "127.0.0.1.evil.example", "localhost.evil.example", "192.0.2.1", "")
OWN = ("localhost", "127.0.0.1", "[::1]", "LOCALHOST", "localhost:9000", "127.0.0.1:1", "[::1]:8501")
DOORS = (
    ("GET", "/"),
    ("GET", "/network"),
    ("GET", "/_stcore/health"),
    ("GET", "/_stcore/host-config"),
    ("PUT", "/_stcore/upload_file/session/file"),
    ("POST", "/_stcore/upload_file"),
    ("GET", "/media/picture.png"),
)
HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "streamlit",
}


@pytest.fixture
def ask(app_server):
    """A function that sends one request with these headers to the running app: its status and its text."""
    address = urlsplit(app_server)

    def send(method, path, *, host=None, **headers):
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
        connection.putrequest(method, path, skip_host=True)
        for name, value in {"Host": host or address.netloc, **headers}.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        text = b"" if answer.status == 101 else answer.read()
        connection.close()
        return answer.status, text

    return send


@pytest.mark.parametrize(("method", "path"), DOORS)
@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}])
def test_no_door_answers_a_foreign_page(ask, method, path, headers):
    assert ask(method, path, **headers) == (403, REFUSAL)


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}])
def test_no_websocket_opens_to_a_foreign_page(ask, headers):
    assert ask("GET", "/_stcore/stream", **headers, **HANDSHAKE)[0] == 403


def test_a_rebound_name_opens_no_websocket(ask):
    rebound = {"host": "evil.example:8501", "Origin": "http://evil.example:8501"}
    assert ask("GET", "/_stcore/stream", **rebound, **HANDSHAKE)[0] == 403


@pytest.mark.parametrize("host", OWN)
def test_loopback_names_open_the_page_and_its_websocket(ask, host):
    assert ask("GET", "/_stcore/health", host=host)[0] == 200
    assert ask("GET", "/_stcore/stream", host=host, Origin=f"http://{host}", **HANDSHAKE)[0] == 101


def status(allowed, *headers, kind="http"):
    """What a guard lets through: 200 from the app behind it, or its own refusal."""
    sent = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})

    async def send(message):
        sent.append(message)

    scope = {"type": kind, "headers": [(name.encode(), value.encode()) for name, value in headers]}
    with pytest.raises(StopIteration):  # nothing here waits, so no event loop is needed
        HostGuard(app, allowed=allowed)(scope, None, send).send(None)
    return sent[0].get("status", sent[0].get("code"))


@pytest.mark.parametrize("host", FOREIGN)
def test_a_foreign_host_is_refused_on_a_loopback_address(host):
    assert status(allowed_names("127.0.0.1"), ("host", host)) == 403
    assert status(allowed_names("127.0.0.1"), ("host", host), kind="websocket") == 1008


def test_one_host_is_expected_and_no_more():
    allowed = allowed_names("127.0.0.1")
    assert status(allowed) == 403
    assert status(allowed, ("host", "localhost"), ("host", "localhost")) == 403


def test_a_named_host_is_allowed_beside_the_loopback_names():
    allowed = allowed_names("127.0.0.1", ["nets.example"])
    assert status(allowed, ("host", "nets.example"), ("origin", "https://nets.example")) == 200
    assert status(allowed, ("host", "localhost"), ("origin", "https://nets.example")) == 200
    assert status(allowed, ("host", "localhost")) == 200
    assert status(allowed, ("host", "other.example")) == 403


def test_a_public_server_with_a_name_answers_under_that_name():
    allowed = allowed_names("0.0.0.0", ["nets.example"])
    assert status(allowed, ("host", "nets.example:443")) == 200
    assert status(allowed, ("host", "192.0.2.7")) == 403


def test_a_public_server_without_a_name_still_refuses_pages_of_other_hosts():
    assert allowed_names("0.0.0.0") == ()
    assert status((), ("host", "192.0.2.7")) == 200
    assert status((), ("host", "nets.example"), ("origin", "https://nets.example")) == 200
    assert status((), ("host", "nets.example"), ("origin", "https://evil.example")) == 403


def test_a_star_stands_for_every_name_below():
    assert is_named("a.nets.example", ["*.nets.example"])
    assert not is_named("nets.example", ["*.nets.example"])
    assert not is_named("evilnets.example", ["*.nets.example"])
    assert is_named("anything", ["*"])


@pytest.mark.parametrize("address", ["//", "//a:b", "//a:99999", "//user@a", "//a/path", "//a?q", "//[::1", "null", ""])
def test_what_is_no_host_has_no_name(address):
    assert host_name(address) is None


def test_names_are_compared_without_case_port_and_final_dot():
    assert host_name("//LocalHost.:8501") == "localhost"
    assert host_name("http://[::1]:8501") == "::1"
    assert allowed_name("[::1]") == "::1"
    assert allowed_name("Nets.Example.") == "nets.example"


@pytest.mark.parametrize(
    ("host", "is_own"),
    [("127.0.0.1", True), ("127.3.2.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False)],
)
def test_addresses_of_this_machine_alone_are_known(host, is_own):
    assert is_loopback(host) is is_own
