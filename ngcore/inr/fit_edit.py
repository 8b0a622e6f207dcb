"""Editing INRs by continuing their fit, on the edited image that they render."""

import torch

from ngcore.inr.edits import edit_images
from ngcore.inr.fit import FitConfig, fit_sirens
from ngcore.inr.rendering import render
from ngcore.networks import Network

FIT_ON = FitConfig(sampling="quarters", steps=200, learning_rate=7e-4)
"""Steps from a SIREN to one that shows its edited image; from a fresh one it takes many times as many."""

FIT_ON_FROM_EDITED = FitConfig(sampling="quarters", steps=20, learning_rate=3e-4)
"""Steps from what a trained editor made of a SIREN, which is close already."""


def edit_by_fitting(
    network: Network,
    edit: str,
    strength: float = 1.0,
    *,
    start: Network | None = None,
    size: tuple[int, int] = (28, 28),
    config: FitConfig | None = None,
    seed: int = 0,
    device: torch.device | str = "auto",
    compiled: bool = False,
) -> Network:
    """SIRENs fitted to the edited renders of the given ones, starting from their weights.

    This works for any edit, without a model, a formula or the original image.

    Args:
        network: N SIRENs.
        edit: Key of `IMAGE_EDITS`.
        strength: 0 leaves the images unchanged, 1 is the full edit.
        start: The networks as a trained editor changed them, to start from; None: the networks themselves.
        size: (height, width) in pixels at which images are edited.
        config: How to fit; None: `FIT_ON`, or `FIT_ON_FROM_EDITED` where there is a start.
        seed: Seed of the pixel choice.
        device: Where to compute.
        compiled: Compile the step; see `fit_sirens`.

    Returns:
        The networks, on the CPU.

    Raises:
        UnknownNameError: If there is no such edit.
        ArchitectureError: If the networks are not SIRENs.
        NotFiniteError: If the fit ends in weights that are not finite.
    """
    if strength == 0:
        return network.detach().to("cpu")
    with torch.no_grad():
        targets = edit_images(render(network, size).float().cpu().clamp(0, 1), edit, strength)
    fitted = fit_sirens(
        targets,
        config or (FIT_ON if start is None else FIT_ON_FROM_EDITED),
        architecture=network.architecture,
        start=network if start is None else start,
        seed=seed,
        device=device,
        compiled=compiled,
    )
    return fitted.network.expect_finite(f"the edit {edit!r} of strength {strength:g} by fitting on")
