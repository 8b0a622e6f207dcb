"""`ngcore.show`: the app, opened on a network."""

import atexit
import contextlib
import html
import sys
import threading
import webbrowser
from typing import Any

from torch import nn

from ngcore.errors import ShapeMismatchError
from ngcore.networks import Network, from_module
from ngcore.showing.handover import Handover, hand_over
from ngcore.showing.server import LocalServer

FRAME = (
    '<iframe src="{url}" width="100%" height="{height}" style="border:1px solid #8884;border-radius:6px" '
    'title="{title}"></iframe><p><a href="{url}" target="_blank" rel="noopener">Open in a tab of its own</a></p>'
)
FRAME_HEIGHT = 760

_lock = threading.Lock()
_servers: list[LocalServer] = []  # that of this process, once there is one


class Shown:
    """A network that the app shows.

    Attributes:
        url: Address of the app on this network; it holds until the server is closed.
    """

    def __init__(self, url: str, title: str, server: LocalServer) -> None:
        self.url = url
        self._title = title
        self._server = server

    def __repr__(self) -> str:
        return f"Shown({self._title!r} at {self.url})"

    def _repr_html_(self) -> str:
        """A frame with the app, which notebooks show."""
        return FRAME.format(url=html.escape(self.url), height=FRAME_HEIGHT, title=html.escape(self._title))

    def close(self) -> None:
        """Stop the server, which all networks shown from this process share, and remove their files."""
        self._server.close()

    def wait(self) -> None:
        """Wait until the server ends, or Ctrl+C ends it."""
        with contextlib.suppress(KeyboardInterrupt):
            self._server.wait()
        self.close()


def show(
    network: Network | nn.Module,
    *example_inputs: Any,
    title: str | None = None,
    block: bool | None = None,
    open_browser: bool | None = None,
) -> Shown:
    """Open the app on a network; it is served to this machine alone.

    The first call starts a server on a free port, which ends with this process; later calls use it again.

    Example:
        >>> shown = ngcore.show(torchvision.models.resnet18(), torch.randn(1, 3, 64, 64))
        >>> shown.url
        'http://127.0.0.1:40213/network?net=upload:…'
        >>> shown.close()

    Args:
        network: A network (of a stack the first), or a module that is read as one; what of it cannot be represented
            is left out, and the page says so.
        example_inputs: What a module can be called with, see `from_module`.
        title: What the app calls it; None: the name of its class or structure.
        block: Whether to wait until the server ends or Ctrl+C is pressed; None: in scripts, whose end would end it.
        open_browser: Whether to open the browser; None: unless in a notebook, which shows the result as a frame.

    Raises:
        ArchitectureError: If a module cannot be read.
        NotFiniteError: If a weight is not finite in float32.
        ServerError: If the server does not start.
    """
    is_notebook = in_notebook()
    handover = _handover(network, example_inputs, title)
    server = _running_server(is_framed=is_notebook)
    name = hand_over(handover, server.folder)
    shown = Shown(f"{server.address}/network?net=upload:{name}", handover.title, server)
    if open_browser if open_browser is not None else not is_notebook:
        webbrowser.open(shown.url)
    if block if block is not None else not (is_notebook or is_interactive()):
        sys.stdout.write(f"The app runs at {shown.url}  (Ctrl+C stops it)\n")
        shown.wait()
    return shown


def _handover(network: Network | nn.Module, example_inputs: tuple[Any, ...], title: str | None) -> Handover:
    if isinstance(network, Network):
        if not len(network):
            raise ShapeMismatchError("Expected a network to show, got an empty stack.")
        notes = (f"The first of a stack of {len(network)}.",) if len(network) > 1 else ()
        one = network if len(network) == 1 else network[0]
        return Handover(one, title or network.architecture.name, notes, _coverage(network))
    read = from_module(network, *example_inputs, strict=False)
    return Handover(read, title or type(network).__name__, ("Read from a module.",), _coverage(read))


def _coverage(network: Network) -> dict[str, Any] | None:
    return network.origin.coverage.to_dict() if network.origin else None


def _running_server(*, is_framed: bool) -> LocalServer:
    """The server of this process, started if there is none."""
    with _lock:
        if not _servers or not _servers[0].is_running:
            _servers[:] = [LocalServer(is_framed=is_framed)]
            atexit.register(_servers[0].close)
        return _servers[0]


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this code."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and hasattr(shell, "kernel")


def is_interactive() -> bool:
    """Whether somebody types the code."""
    return hasattr(sys, "ps1") or bool(sys.flags.interactive) or "IPython" in sys.modules
