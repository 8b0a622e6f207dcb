"""What a chain of edits makes of INRs: who can do each step, the network after each, and the picture aimed at."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from app import answers, cached, fits
from app.answers import Card
from app.byte_cache import remembered
from app.state import Selection
from app.studio.chain import Chain, Step, state_names
from ngcore.errors import ArchitectureError, NeuralGraphError
from ngcore.inr import IMAGE_EDITS, edit_by_fitting, edit_images, edit_weights, find_image_edit, is_siren
from ngcore.inr import render as render_stack
from ngcore.networks import Architecture, Network, check_cost
from ngcore.zoo.originals import has_originals_at_hand, original_images

SIDE = 28  # pixels at which pictures are compared where there is no original, as in training
FORMULA = ""  # the maker of exact edits, among names of models
FITTING = "fitting on"  # the maker that edits pixels and fits the network on to them
FIT_PASSES = 150  # 200 steps over a quarter of the pixels, each as much work as three forward passes
MAX_FITTED_BYTES = 256 * 1024 * 1024


class ImpossibleEditError(NeuralGraphError):
    """An edit that nothing here can do to networks of a kind."""


@dataclass(frozen=True)
class State:
    """INRs at one place of a chain.

    Attributes:
        name: What to call it.
        network: N INRs.
        key: Text that changes whenever the networks do; for caches.
        steps: The steps that were taken on the way.
        makers: Who took them: `FORMULA`, `FITTING`, or the name of a model.
        size: Height and width of the pictures that `FITTING` edits.
        problem: Why the last step of the chain was left out, in words; None if it was not.
    """

    name: str
    network: Network
    key: str
    steps: Chain = ()
    makers: tuple[str, ...] = ()
    size: tuple[int, int] = (SIDE, SIDE)
    problem: str | None = None


def possible_edits(zoo: str, network: Network) -> dict[str, list[str]]:
    """The edits that can be done to INRs, and for each who can do it, the first by default.

    A formula comes first, then models that were trained on the zoo, the best first; then, where there is no formula,
    fitting on, which knows no zoo, and last, other models.

    Args:
        zoo: Name of the zoo that they come from.
        network: N INRs.
    """
    editors = answers.editors_for(zoo, network.architecture)
    makers = {}
    for name, edit in IMAGE_EDITS.items():
        if edit.needs_colour and network.architecture.output_shape != (3,):
            continue
        has_formula = _has_formula(name, network[:1])
        can_fit = not has_formula and is_siren(network.architecture)
        own = [card["name"] for card in editors.get(name, []) if card["corpus"]["name"] == zoo]
        other = [card["name"] for card in editors.get(name, []) if card["corpus"]["name"] != zoo]
        makers[name] = [FORMULA] * has_formula + own + [FITTING] * can_fit + other
    return {name: found for name, found in makers.items() if found}


def _has_formula(edit: str, network: Network) -> bool:
    if not find_image_edit(edit).is_exact:
        return False
    try:
        edit_weights(network, edit)
    except ArchitectureError:
        return False
    return True


def maker_of(step: Step, possible: dict[str, list[str]]) -> str:
    """Who does a step: the model that it asks for, else the first that can.

    Raises:
        ImpossibleEditError: If nobody can.
    """
    if step.edit not in possible:
        raise ImpossibleEditError(f"Nothing here can apply this edit ({step.edit}) to this kind of network.")
    makers = possible[step.edit]
    return step.model if step.model in makers else makers[0]


def states(selection: Selection, chain: Chain) -> list[State]:
    """The selected network at the start and after each step."""
    network, key = cached.network(selection), cached.content_key(selection)
    size = size_for(original_image(selection), network.architecture)
    return states_of(selection.zoo, network, chain, key=key, size=size)


def states_of(zoo: str, network: Network, chain: Chain, *, key: str, size: tuple[int, int]) -> list[State]:
    """INRs at the start and after each step; steps that nothing can do change nothing and say so.

    Args:
        zoo: Name of the zoo that they come from.
        network: N INRs.
        chain: The steps.
        key: Identifies the INRs.
        size: Height and width of the pictures that `FITTING` edits.
    """
    possible = possible_edits(zoo, network)
    cards = {card["name"]: card for found in answers.editors_for(zoo, network.architecture).values() for card in found}
    names = state_names(chain)
    found = [State(names[0], network, key, size=size)]
    for name, step in zip(names[1:], chain, strict=True):
        found.append(_next(found[-1], name, step, possible, cards))
    return found


def at_strengths(zoo: str, last: State, step: Step, strengths: Sequence[float]) -> dict[float, Network]:
    """What a step would make of INRs at several strengths; those that it cannot be taken at are left out."""
    possible = possible_edits(zoo, last.network)
    editors = answers.editors_for(zoo, last.network.architecture)
    cards = {card["name"]: card for found in editors.values() for card in found}
    found = {own: _next(last, last.name, replace(step, strength=own), possible, cards) for own in strengths}
    return {own: state.network for own, state in found.items() if state.problem is None}


def _next(last: State, name: str, step: Step, possible: dict[str, list[str]], cards: dict[str, Card]) -> State:
    try:
        maker = maker_of(step, possible)
        if maker == FORMULA:
            network = edit_weights(last.network, step.edit, step.strength)
        elif maker == FITTING:
            network = _fitted_on(last.key, step.edit, step.strength, last.size, str(cached.device()), last.network)
        else:
            network = answers.edited(cards[maker], last.network, step.strength, key=last.key)
    except NeuralGraphError as error:
        return replace(last, name=name, problem=str(error))
    key = f"{last.key}|{step.edit}:{maker}*{step.strength!r}"
    return State(name, network, key, (*last.steps, step), (*last.makers, maker), last.size)


@remembered(max_bytes=MAX_FITTED_BYTES)
def _fitted_on(key: str, edit: str, strength: float, size: tuple[int, int], device: str, _network: Network) -> Network:
    check_cost(_network.architecture, num_inputs=FIT_PASSES * size[0] * size[1], max_bytes=None)
    return edit_by_fitting(_network, edit, strength, size=size, device=device)


def original_image(selection: Selection) -> np.ndarray | None:
    """The image that an INR was fitted to, in [0, 1]; None where it is not available."""
    if selection.is_upload:
        return next((fit.target.pixels for fit in fits.fits() if fit.id == selection.id), None)
    found = originals(selection.zoo, [cached.zoo(selection.zoo).position(selection.id)])
    return None if found is None else found[0]


def originals(zoo_name: str, positions: list[int]) -> np.ndarray | None:
    """The images that INRs of a zoo were fitted to, (images, height, width[, 3]) in [0, 1]; None: not available."""
    if not has_originals_at_hand(zoo := cached.zoo(zoo_name)):
        return None
    return original_images(zoo, positions).astype(np.float32) / 255


def size_for(original: np.ndarray | None, architecture: Architecture) -> tuple[int, int]:
    """Height and width at which pictures are compared: those of the original where it has as many colours."""
    if original is None or _num_channels(original) != architecture.output_shape[0]:
        return (SIDE, SIDE)
    return (original.shape[0], original.shape[1])


def _num_channels(image: np.ndarray) -> int:
    return image.shape[2] if image.ndim == 3 else 1


def aimed_at(images: np.ndarray, chain: Chain) -> np.ndarray:
    """Images (images, height, width[, 3]) after the same edits of their pixels."""
    edited = torch.from_numpy(np.ascontiguousarray(images))
    for step in chain:
        edited = edit_images(edited, step.edit, step.strength)
    return edited.numpy()


def render(network: Network, size: tuple[int, int], device: torch.device | None = None) -> np.ndarray:
    """What INRs show, not clipped: (networks, height, width[, 3])."""
    with torch.inference_mode():
        return render_stack(network, size, device=device or cached.device()).cpu().numpy()


def distances(images: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(images,) mean squared distances from targets."""
    apart = images.astype(float) - targets  # squares of large values are no float32
    return np.square(apart).reshape(len(images), -1).mean(axis=1)
