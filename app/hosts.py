"""Host names under which the app answers: a web page elsewhere must not reach a local server by DNS rebinding."""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
ANY_NAME = "*"
POLICY_VIOLATION = 1008  # close code of a refused websocket, RFC 6455
REFUSAL = b"This app does not answer under this host name. To allow it, start the app with --allowed-host NAME.\n"


class HostGuard:
    """Middleware that refuses requests for, and from pages of, hosts that are not allowed.

    A page of evil.example whose name suddenly resolves to 127.0.0.1 still sends `Host: evil.example`, and any page
    that opens a websocket sends its own `Origin`; ports do not matter.

    Args:
        app: What answers the requests that pass.
        allowed: Allowed names, as from `allowed_names`. If empty, any host is, but an origin must be the host itself.
    """

    def __init__(self, app: "ASGIApp", *, allowed: Sequence[str]) -> None:
        self.app = app
        self.allowed = tuple(allowed)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass the request on, or answer 403; a websocket is closed before it opens."""
        if scope["type"] not in ("http", "websocket") or self._is_allowed(scope["headers"]):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        else:
            headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(REFUSAL)).encode())]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": REFUSAL})

    def _is_allowed(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        headers = list(headers)
        hosts = [host_name(f"//{value.decode('latin-1')}") for name, value in headers if name == b"host"]
        origins = [host_name(value.decode("latin-1")) for name, value in headers if name == b"origin"]
        if not self.allowed:
            return len(hosts) < 2 and all(origin is not None and [origin] == hosts for origin in origins)
        return len(hosts) == 1 and all(is_named(name, self.allowed) for name in hosts + origins)


def host_name(address: str) -> str | None:
    """The host of "//nets.example:8501" or "http://[::1]:8501" in lower case; None if there is no valid one."""
    try:
        parts = urlsplit(address)
        _ = parts.port  # raises if it is no number from 0 to 65535
        name = parts.hostname
    except ValueError:
        return None
    has_more = parts.username is not None or parts.path or parts.query or parts.fragment
    return None if not name or has_more else name.rstrip(".")


def is_named(name: str | None, allowed: Iterable[str]) -> bool:
    """Whether a host is among the allowed names; "*.example" stands for every name below it, "*" for all."""
    if name is None:
        return False
    return any(
        pattern in (ANY_NAME, name) or (pattern.startswith("*.") and name.endswith(pattern[1:])) for pattern in allowed
    )


def is_loopback(host: str) -> bool:
    """Whether an address to listen on can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def allowed_names(host: str, names: Iterable[str] = ()) -> tuple[str, ...]:
    """The names a server on this address answers under; empty for any.

    On a loopback address these are the loopback names and `names`; elsewhere `names`, if there are any, and the
    loopback names for checks from the machine itself.
    """
    names = tuple(names)
    if not names and not is_loopback(host):
        return ()
    return tuple(dict.fromkeys((*LOOPBACK_NAMES, *((host.lower(),) if is_loopback(host) else ()), *names)))


def allowed_name(text: str) -> str:
    """A host name as a user gives it, checked: "nets.example", "*.example" or "*".

    Raises:
        ValueError: If it is none; a scheme, a port or a path does not belong to it.
    """
    bare = text.strip().lower().rstrip(".").removeprefix("[").removesuffix("]")
    bracketed = f"[{bare}]" if ":" in bare else bare
    if host_name(f"//{bracketed.removeprefix('*.')}") is None or any(letter.isspace() for letter in bare):
        raise ValueError(f"expected a host name such as nets.example, got {text!r}")
    return bare
