"""Fits of SIRENs to pictures in a session: one on its way, those that are done, and the recipes."""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import streamlit as st
import torch

from app import cached, state
from app.state import Selection
from ngcore.errors import NeuralGraphError
from ngcore.inr import FitConfig, fit_sirens, psnr, render
from ngcore.inr.fit import CHEAP_RECIPE
from ngcore.networks import Network

ZOO_RECIPE = "as in the zoo"
MAX_FITS = 12
MAX_SEED = 9_999
SHOW_EVERY_S = 0.22
MEASURES, FRAMES = 60, 10
_LIVE_KEY, _FITS_KEY = "draw.live", "draw.fits"


@dataclass(frozen=True)
class Target:
    """A picture that a network is fitted to.

    Attributes:
        pixels: In [0, 1], (height, width) or (height, width, 3).
        title: What to call it; may be a stranger's text.
        zoo: Name of the zoo that it comes from.
        id: The id of the network that the zoo fitted to it.
    """

    pixels: np.ndarray
    title: str
    zoo: str | None = None
    id: str | None = None

    @property
    def original(self) -> Selection | None:
        """The network that the zoo fitted to it."""
        return Selection(self.zoo, self.id) if self.zoo and self.id else None

    def is_same(self, other: "Target") -> bool:
        """Whether it is the same picture."""
        return np.array_equal(self.pixels, other.pixels)


@dataclass
class Live:
    """A fit on its way. It lies in the session, so that whatever stops it leaves what was fitted so far.

    Attributes:
        target: The picture.
        recipe: Name of the recipe.
        config: The recipe.
        seed: Of the start parameters and the choice of pixels.
        selected: The network that was selected when it began.
        step: Steps done.
        seconds: Time taken so far.
        network: The network so far.
        curve: PSNR in dB after some of the steps.
        frames: The picture after a few of the steps.
        is_over: Whether it was kept; the thread that fits may still be on its way to its end then.
    """

    target: Target
    recipe: str
    config: FitConfig
    seed: int
    selected: Selection | None = None
    step: int = 0
    seconds: float = 0.0
    network: Network | None = None
    curve: list[tuple[int, float]] = field(default_factory=list)
    frames: list[tuple[int, np.ndarray]] = field(default_factory=list)
    is_over: bool = False

    @property
    def seconds_left(self) -> float:
        """Time that the other steps will take."""
        return self.seconds / max(self.step, 1) * (self.config.steps - self.step)

    def is_like(self, other: "Live") -> bool:
        """Whether both come to the same network."""
        own, others = ((live.config, live.seed, live.step) for live in (self, other))
        return own == others and self.target.is_same(other.target)


@dataclass(frozen=True)
class Fit:
    """A fit that is done or was stopped.

    Attributes:
        live: How it went.
        id: The sha256 by which its network is kept.
        picture: What the network shows, not clipped, of the target's shape.
        psnr: In dB, over all pixels.
    """

    live: Live
    id: str
    picture: np.ndarray
    psnr: float

    @property
    def target(self) -> Target:
        """The picture that it was fitted to."""
        return self.live.target

    @property
    def network(self) -> Network:
        """The fitted network, a stack of one."""
        assert self.live.network is not None  # what has no network is never kept
        return self.live.network

    @property
    def selection(self) -> Selection:
        """How to select its network."""
        return Selection(state.UPLOAD, self.id)

    @property
    def steps(self) -> str:
        """How many steps it took, in words."""
        done, planned = self.live.step, self.live.config.steps
        return f"{done:,}" if done == planned else f"stopped at step {done:,} of {planned:,}"


def recipes(target: Target | None) -> dict[str, FitConfig]:
    """The recipes by name; what "as in the zoo" means is read off the card of the target's zoo, or of the first one."""
    return {
        ZOO_RECIPE: _recipe_of(target.zoo if target else None),
        "quick": FitConfig(steps=300, sampling="quarters", learning_rate=2e-3),
        "every pixel, 1,000 steps": FitConfig(),
        "thorough, 4,000 steps": FitConfig(steps=4_000, learning_rate=1e-3),
    }


def _recipe_of(name: str | None) -> FitConfig:
    """How the INRs of a zoo were fitted; of the first zoo of INRs where none is named."""
    for known in [name] if name else cached.zoos():
        try:
            return FitConfig(**cached.zoo(known).card["recipe"]["fit"])
        except (NeuralGraphError, KeyError, TypeError):
            continue
    return CHEAP_RECIPE


def begin(target: Target, recipe: str, seed: int) -> Live:
    """Put a fit into the session, ready to be run."""
    live = Live(target, recipe, recipes(target)[recipe], seed, state.selected())
    st.session_state[_LIVE_KEY] = live
    return live


def run(live: Live, show: Callable[[Live], object]) -> None:
    """Fit, on the processor: one small network is no work for anything larger.

    Args:
        live: What `begin` returned; it changes with every step.
        show: Called a few times a second; what it raises stops the fit.
    """
    measures = {1, 2, 5, *np.linspace(1, live.config.steps, MEASURES).round().astype(int).tolist()}
    frames = set(np.geomspace(1, live.config.steps, FRAMES).round().astype(int).tolist())
    images = torch.from_numpy(live.target.pixels)[None]
    started = shown = time.perf_counter()

    def on_step(step: int, network: Network) -> None:
        nonlocal shown
        now = time.perf_counter()
        if live.is_over:
            show(live)  # Streamlit stops the thread here
            return
        live.step, live.network, live.seconds = step, network, now - started
        if step in measures:
            live.curve.append((step, _psnr(show_of(network, live.target), live.target)))
        if step in frames:
            live.frames.append((step, show_of(network, live.target)))
        if now - shown > SHOW_EVERY_S:
            show(live)
            shown = time.perf_counter()

    with torch.no_grad():
        fit_sirens(images, live.config, seed=live.seed, device="cpu", on_step=on_step)


def keep_finished() -> Fit | None:
    """Keep the fit that is in the session and no longer runs, finished or stopped, and select its network.

    The selection stays where the user selected another network meanwhile. Any access to the session may end a run
    that is being stopped: what is done here can be done again by the next run, until the last line.

    Returns:
        None if there is none, or it was stopped before its first step.
    """
    live: Live | None = st.session_state.get(_LIVE_KEY)
    if live is None:
        return None
    live.is_over = True
    fit = None
    if live.network is not None:
        fit = _keep(dataclasses.replace(live, curve=[*live.curve], frames=[*live.frames]))
        if state.selected() == live.selected:
            state.select(zoo=state.UPLOAD, id=fit.id)
    st.session_state[_LIVE_KEY] = None
    return fit


def _keep(live: Live) -> Fit:
    assert live.network is not None
    picture = show_of(live.network, live.target)
    psnr = _psnr(picture, live.target)
    if live.curve[-1][0] < live.step:
        live.curve.append((live.step, psnr))
    if live.frames[-1][0] < live.step:
        live.frames.append((live.step, picture))
    same = next((other for other in fits() if other.live.is_like(live)), None)
    kept = same.id if same and same.id in state.kept() else _keep_network(live, psnr)
    fit = Fit(live, kept, picture, psnr)
    st.session_state[_FITS_KEY] = [*(other for other in fits() if other is not same), fit][-MAX_FITS:]
    return fit


def _keep_network(live: Live, psnr: float) -> str:
    """Keep its network, and say by which id."""
    assert live.network is not None
    notes = (
        f"fitted to {live.target.title}",
        f"recipe {live.recipe}, seed {live.seed}, {live.step:,} of {live.config.steps:,} steps",
        f"PSNR {psnr:.1f} dB",
    )
    return state.keep_network(live.network, f"{live.target.title}, seed {live.seed}", notes=notes).id


def fits() -> list[Fit]:
    """The fits of this session, the newest last."""
    return list(st.session_state.get(_FITS_KEY, []))


def chosen() -> Fit | None:
    """The fit whose network is selected."""
    selection = state.selected()
    return next((fit for fit in fits() if fit.selection == selection), None)


def choose(fit: Fit) -> None:
    """Select the network of a fit; kept again if it made place for others."""
    if fit.id not in state.kept():
        again = dataclasses.replace(fit, id=_keep_network(fit.live, fit.psnr))
        st.session_state[_FITS_KEY] = [again if other is fit else other for other in fits()]
        fit = again
    state.select(zoo=state.UPLOAD, id=fit.id)


def show_of(network: Network, target: Target) -> np.ndarray:
    """What a network shows at the size of a target, not clipped: (height, width) or (height, width, 3)."""
    with torch.no_grad():
        return render(network, target.pixels.shape[:2])[0].numpy()


def _psnr(picture: np.ndarray, target: Target) -> float:

    return float(psnr(torch.from_numpy(picture)[None], torch.from_numpy(target.pixels)[None]))


def distance(fit: Fit, other: Fit) -> float:
    """How far the weights of two fits of one architecture are apart, as a share of the size of the first."""
    pairs = [(tensor, other.network.parameters[name]) for name, tensor in fit.network.parameters.items()]
    apart, size = (
        sum(float(part.double().square().sum()) for part in parts)
        for parts in (
            [a - b for a, b in pairs],
            [a for a, _ in pairs],
        )
    )
    return (apart / size) ** 0.5
