"""Serves the app: Streamlit's server, this project's safety settings, and nothing heavy loaded before it listens."""

import argparse
import errno
import gc
import os
import shutil
import socket
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.hosts import HostGuard, allowed_name, allowed_names, is_loopback
from app.terminal import CleanStream

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

ENTRY = Path(__file__).resolve().with_name("main.py")
LOCAL_HOST = "127.0.0.1"
ANY_HOST = "0.0.0.0"  # noqa: S104
DEFAULT_PORT = 8501
LAST_PORT = 65535

# The largest upload in megabytes: on one's own machine, where large files show their weights alone, and in public.
MAX_UPLOAD_MB = 2048
MAX_PUBLIC_UPLOAD_MB = 16

# A page may load from this server and from nowhere else. Streamlit needs inline code and eval for its own charts.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "media-src 'self' data: blob:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "frame-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
SAFETY_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}

# Set to "1" while the app is served to strangers; the pages offer less then.
PUBLIC_VARIABLE = "NGCORE_PUBLIC"

# Set by `ngcore.show`, whose server this is: the folder in which networks are handed over.
FOLDER_VARIABLE = "NGCORE_HANDOVER"

# OpenMP threads that wait must not spin: they would take the cores from the browser, mostly on this same machine.
WAIT_POLICY = ("OMP_WAIT_POLICY", "PASSIVE")

# Imported in the background once the server listens, while the browser is still loading the page.
WARM_UP_MODULES = ("torch", "pandas", "ngcore.networks")


# Whoever serves the app for another process may let pages of this machine, such as notebooks, show it in a frame.
FRAME_ANCESTORS = "frame-ancestors 'self'"
LOCAL_PAGES = "http://localhost:* http://127.0.0.1:*"


class SafetyHeaders:
    """Middleware that adds `SAFETY_HEADERS` to every HTTP answer.

    Args:
        app: What answers.
        is_framed: Whether pages of this machine may show the app in a frame.
    """

    def __init__(self, app: "ASGIApp", *, is_framed: bool = False) -> None:
        self.app = app
        policy = CONTENT_SECURITY_POLICY
        if is_framed:
            policy = policy.replace(FRAME_ANCESTORS, f"{FRAME_ANCESTORS} {LOCAL_PAGES}")
        self.headers = {**SAFETY_HEADERS, "content-security-policy": policy}

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass the request on and add the headers to its answer."""

        async def send_with_headers(message: "Message") -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in self.headers.items()]
                names = {name for name, _ in added}
                kept = [header for header in message.get("headers", ()) if header[0].lower() not in names]
                message = {**message, "headers": kept + added}
            await send(message)

        await self.app(scope, receive, send_with_headers)


def server_options(
    *, host: str = LOCAL_HOST, port: int | None = None, public: bool = False, allowed_hosts: Sequence[str] = ()
) -> dict[str, Any]:
    """Streamlit's options for serving the app; they win over config files and environment variables.

    Args:
        host: the address to listen on.
        port: the port; None takes the first free one from `DEFAULT_PORT` on.
        public: whether strangers reach this server. Then uploads are smaller.
        allowed_hosts: host names under which the server answers too; on addresses that others can reach, none means
            any.
    """
    options: dict[str, Any] = {
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "type",
        "client.showErrorLinks": False,
        "client.toolbarMode": "minimal",
        "logger.hideWelcomeMessage": True,
        "server.address": host,
        "server.allowedHosts": list(allowed_names(host, allowed_hosts)),
        "server.enableCORS": True,
        "server.enableStaticServing": False,
        "server.enableXsrfProtection": True,
        "server.fileWatcherType": "none",
        "server.headless": True,
        "server.maxUploadSize": MAX_PUBLIC_UPLOAD_MB if public else MAX_UPLOAD_MB,
    }
    return options if port is None else {**options, "server.port": port}


def serve(
    *,
    host: str = LOCAL_HOST,
    port: int | None = None,
    public: bool = False,
    allowed_hosts: Sequence[str] = (),
    open_browser: bool = False,
    is_framed: bool = False,
) -> None:
    """Serve the app until it is stopped; the arguments are those of `server_options`.

    Args:
        open_browser: open the app in this machine's browser once it can be reached.
        is_framed: whether pages of this machine may show the app in a frame.
    """
    sys.stdout, sys.stderr = CleanStream(sys.stdout), CleanStream(sys.stderr)
    gc.disable()  # until `warm_up` is through: a quarter of the time of all imports
    import streamlit as st
    from starlette.middleware import Middleware

    from app.errors import show_uncaught

    @asynccontextmanager
    async def announce(_: st.App) -> AsyncIterator[None]:
        from streamlit import config

        address = f"http://{_shown(host)}:{config.get_option('server.port')}"
        print(f"\n  The app runs at {address}  (Ctrl+C stops it)\n", flush=True)
        if open_browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        threading.Thread(target=warm_up, daemon=True).start()
        if FOLDER_VARIABLE in os.environ:
            threading.Thread(target=end_with_parent, daemon=True).start()
        yield

    os.environ.setdefault(*WAIT_POLICY)
    os.environ[PUBLIC_VARIABLE] = "1" if public else "0"
    sys.argv = [str(ENTRY)]
    guard = Middleware(HostGuard, allowed=allowed_names(host, allowed_hosts))
    app = st.App(
        ENTRY,
        lifespan=announce,
        middleware=[Middleware(SafetyHeaders, is_framed=is_framed), guard],
        on_script_error=show_uncaught,
    )
    app.run(config=server_options(host=host, port=port, public=public, allowed_hosts=allowed_hosts))


def end_with_parent() -> None:
    """End this process when the one that serves the app for itself is gone: its end of our input closes then."""
    sys.stdin.buffer.read()
    shutil.rmtree(os.environ[FOLDER_VARIABLE], ignore_errors=True)
    os._exit(0)


def warm_up() -> None:
    """Import what the first page will ask for."""
    try:
        for name in WARM_UP_MODULES:
            import_module(name)
    finally:
        spare_collector()
        gc.enable()


def spare_collector() -> None:
    """Have the garbage collector, which Streamlit calls after every rerun, pass over what is in memory for good by now.

    It took as long as most reruns themselves, and held up all threads meanwhile.
    """
    gc.collect()
    gc.freeze()


def _shown(host: str) -> str:
    """An address to listen on as it stands in an address to open."""
    return "localhost" if host == ANY_HOST else f"[{host}]" if ":" in host else host


def find_obstacle(host: str, port: int | None) -> str | None:
    """What keeps a server from listening on an address, in words; None if nothing does.

    Args:
        host: the address.
        port: the port; None asks about the address alone.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        if os.name != "nt":  # there it would let a taken port be bound
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port or 0))
            if port:
                probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"Port {port} is taken; choose another, or leave --port out for the first free one"
            if error.errno == errno.EACCES:
                return f"Port {port} is for administrators; choose one from 1024 on"
            return f"Cannot listen on {host}: {error.strerror or error}"
    return None


def _port(text: str) -> int:
    """A port as text, checked."""
    if not text.isdecimal() or not 1 <= int(text) <= LAST_PORT:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to {LAST_PORT}, got {text!r}")
    return int(text)


def _host(text: str) -> str:
    """An allowed host name as text, checked."""
    try:
        return allowed_name(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ngcore app", description="Serve the app.", allow_abbrev=False)
    parser.add_argument("--host", help=f"address to listen on (default: {LOCAL_HOST}; with --public {ANY_HOST})")
    parser.add_argument("--port", type=_port, help=f"port (default: first free from {DEFAULT_PORT})")
    parser.add_argument(
        "--public", action="store_true", help="accept connections from other machines, with stricter limits"
    )
    parser.add_argument(
        "--allowed-host",
        action="append",
        type=_host,
        default=[],
        metavar="NAME",
        help="also answer to this host name; may be repeated; with --public, answer to no other",
    )
    parser.add_argument("--open", action="store_true", help="open the app in the browser")
    parser.add_argument("--framed", action="store_true", help=argparse.SUPPRESS)  # for `ngcore.show` in notebooks
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line of `ngcore app`, which is that of `python -m app.server`, and serve."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    host = chosen.host or (ANY_HOST if chosen.public else LOCAL_HOST)
    if not is_loopback(host) and not chosen.public:
        parser.error(f"--host {host} can be reached from other machines; add --public if that is meant")
    obstacle = find_obstacle(host, chosen.port)
    if obstacle is not None:
        sys.exit(f"Error: {obstacle}.")
    if not allowed_names(host, chosen.allowed_host):
        print("The app answers under any host name; name yours with --allowed-host NAME.", file=sys.stderr)
    serve(
        host=host,
        port=chosen.port,
        public=chosen.public,
        allowed_hosts=chosen.allowed_host,
        open_browser=chosen.open,
        is_framed=chosen.framed and not chosen.public,
    )


if __name__ == "__main__":
    main()
