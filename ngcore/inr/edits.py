"""Edits of images: what each does to pixels, and to an INR's weights where that can be written down exactly."""

import dataclasses
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ngcore.errors import ArchitectureError, UnknownNameError
from ngcore.inr.move import coordinate_matrix, move_images
from ngcore.inr.rendering import is_inr
from ngcore.inr.siren import SIREN_OUTPUT_OFFSET
from ngcore.networks import Linear, Network

BRIGHTER = 0.25
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601: how bright red, green and blue look
BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)

Planes = Float[Tensor, "images channels height width"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageEdit:
    """An edit of images with a strength: 0 changes nothing, 1 is the full edit, more extrapolates.

    Attributes:
        name: Key of `IMAGE_EDITS`.
        title: What to call it.
        full: What strength 1 does, in words.
        pixels: The edit of images, given the strength; what the image of an edited INR is compared with.
        weights: The same edit of INRs, exact for any hidden layers; None where only a trained model can do it.
        needs_colour: Whether it leaves grey images unchanged.
    """

    name: str
    title: str
    full: str
    pixels: Callable[[Planes, float], Planes]
    weights: Callable[[Network, float], Network] | None = None
    needs_colour: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether it can be done in the weights without a trained model."""
        return self.weights is not None


def edit_images(
    images: Float[Tensor, "images height width"] | Float[Tensor, "images height width channels"],
    edit: str,
    strength: float = 1.0,
) -> Float[Tensor, "images height width"] | Float[Tensor, "images height width channels"]:
    """Edit grey or colour images, each channel separately unless the edit mixes them.

    Args:
        images: Values in [0, 1]; results may leave that range where the edit says so (contrast, brightness).
        edit: Key of `IMAGE_EDITS`.
        strength: 0 leaves the images unchanged, 1 is the full edit.

    Raises:
        UnknownNameError: If there is no such edit.
    """
    planes = images[:, None] if images.dim() == 3 else images.movedim(3, 1)
    edited = find_image_edit(edit).pixels(planes, strength)
    return edited[:, 0] if images.dim() == 3 else edited.movedim(1, 3)


def edit_weights(network: Network, edit: str, strength: float = 1.0) -> Network:
    """Edit INRs exactly, by a formula.

    Args:
        network: N INRs.
        edit: Key of `IMAGE_EDITS`; one that is exact.
        strength: 0 leaves the networks unchanged, 1 is the full edit.

    Raises:
        UnknownNameError: If there is no such edit, or it is not exact.
        ArchitectureError: If the networks are not INRs, or not of the form that the edit needs.
        NotFiniteError: If the edited weights are not finite.
    """
    weights = find_image_edit(edit).weights
    if weights is None:
        raise UnknownNameError("exact edit", edit, [name for name, one in IMAGE_EDITS.items() if one.is_exact])
    return weights(network, strength).expect_finite(f"the edit {edit!r} of strength {strength:g}")


def map_values(
    network: Network, matrix: Float[Tensor, "channels channels"], shift: Float[Tensor, " channels"]
) -> Network:
    """INRs that show M v + c where the given ones show v: with M W and M b + c + (M 1 − 1) / 2 at the end.

    Args:
        network: N INRs whose last layer is a Linear with a bias and no skip into it.
        matrix: M, for all of them.
        shift: c.

    Raises:
        ArchitectureError: If the networks are not INRs of this form.
    """
    architecture = network.architecture
    position, last = len(architecture.layers) - 1, architecture.layers[-1]
    ends_plainly = isinstance(last, Linear) and last.bias and architecture.chain is not None
    ends_plainly = ends_plainly and all(skip.target <= position for skip in architecture.skips)
    if not is_inr(architecture) or not ends_plainly:
        raise ArchitectureError(f"Expected INRs that end in one Linear layer with a bias, got {architecture.name}.")
    matrix, shift = (tensor.to(device=network.device, dtype=network.dtype) for tensor in (matrix, shift))
    weight, bias = network.parameters[f"{position}.weight"], network.parameters[f"{position}.bias"]
    moved = bias @ matrix.mT + shift + SIREN_OUTPUT_OFFSET * (matrix.sum(dim=1) - 1)
    changed = {f"{position}.weight": matrix @ weight, f"{position}.bias": moved}
    return Network(architecture, {**network.parameters, **changed})


def find_image_edit(name: str) -> ImageEdit:
    """An edit by its name.

    Raises:
        UnknownNameError: If there is none; the message lists the choices.
    """
    if name not in IMAGE_EDITS:
        raise UnknownNameError("edit", name, IMAGE_EDITS)
    return IMAGE_EDITS[name]


def dilate(images: Planes) -> Planes:
    """Grey dilation: the maximum over each pixel's 3 × 3 neighbourhood."""
    return functional.max_pool2d(images, 3, stride=1, padding=1)


def erode(images: Planes) -> Planes:
    """Grey erosion: the minimum over each pixel's 3 × 3 neighbourhood."""
    return -dilate(-images)


def outline(images: Planes) -> Planes:
    """Morphological gradient: dilation minus erosion."""
    return dilate(images) - erode(images)


def blur(images: Planes) -> Planes:
    """Binomial filter over 5 × 5 pixels, near a Gaussian with σ of one pixel; borders are repeated."""
    line = images.new_tensor(BINOMIAL)
    kernel = torch.outer(line, line).expand(images.shape[1], 1, -1, -1)
    return functional.conv2d(functional.pad(images, (2, 2, 2, 2), mode="replicate"), kernel, groups=images.shape[1])


def _blended(full: Callable[[Planes], Planes]) -> Callable[[Planes, float], Planes]:
    """Interpolate from the image to the full edit, or extrapolate; values stay in [0, 1]."""
    return lambda images, strength: (images + strength * (full(images) - images)).clamp(0, 1)


def _of_values(
    name: str, title: str, full: str, *, factor: Callable[[float], float], shift: Callable[[float], float]
) -> ImageEdit:
    """An edit v → factor · (v − ½) + ½ + shift of each value."""

    def pixels(images: Planes, strength: float) -> Planes:
        return factor(strength) * (images - 0.5) + 0.5 + shift(strength)

    def weights(network: Network, strength: float) -> Network:
        num_channels = network.architecture.output_shape[0]
        scale, offset = factor(strength), 0.5 - 0.5 * factor(strength) + shift(strength)
        own = scale * torch.eye(num_channels, dtype=torch.float64)
        return map_values(network, own, torch.full((num_channels,), offset, dtype=torch.float64))

    return ImageEdit(name=name, title=title, full=full, pixels=pixels, weights=weights)


def _of_places(name: str, title: str, full: str, matrix: Callable[[float], Tensor]) -> ImageEdit:
    """An edit that shows at x what the image shows at A x; beyond the border, its last pixels are repeated."""

    def pixels(images: Planes, strength: float) -> Planes:
        affine = functional.pad(matrix(strength), (0, 1)).to(images).expand(len(images), -1, -1)
        grid = functional.affine_grid(affine, list(images.shape), align_corners=True)
        return functional.grid_sample(images, grid, padding_mode="border", align_corners=True)

    def weights(network: Network, strength: float) -> Network:
        own = matrix(strength).to(device=network.device, dtype=network.dtype).expand(len(network), -1, -1)
        return move_images(network, own, torch.zeros_like(own[:, 0]))

    return ImageEdit(name=name, title=title, full=full, pixels=pixels, weights=weights)


def _turned_and_enlarged(angle: float, scale: float) -> Tensor:
    """A of `move_images` in float64."""
    return coordinate_matrix(torch.tensor([angle], dtype=torch.float64), torch.tensor([scale], dtype=torch.float64))[0]


def _squeezed(strength: float) -> Tensor:
    return torch.diag(torch.tensor([1 - 2 * strength, 1.0], dtype=torch.float64))


def _greyer(strength: float) -> Tensor:
    grey = torch.tensor(LUMA, dtype=torch.float64).expand(3, 3)
    return torch.lerp(torch.eye(3, dtype=torch.float64), grey, strength)


def _desaturated(images: Planes, strength: float) -> Planes:
    if images.shape[1] == 1:
        return images
    return torch.einsum("dc,nchw->ndhw", _greyer(strength).to(images), images)


def _desaturated_weights(network: Network, strength: float) -> Network:
    if network.architecture.output_shape == (1,):
        return network
    return map_values(network, _greyer(strength), torch.zeros(3, dtype=torch.float64))


IMAGE_EDITS: dict[str, ImageEdit] = {
    edit.name: edit
    for edit in (
        ImageEdit(name="dilate", title="Thicken (dilate)", full="3 × 3 dilation", pixels=_blended(dilate)),
        ImageEdit(name="erode", title="Thin out (erode)", full="3 × 3 erosion", pixels=_blended(erode)),
        ImageEdit(name="outline", title="Outline", full="dilation minus erosion", pixels=_blended(outline)),
        ImageEdit(name="blur", title="Blur", full="a blur of about one pixel", pixels=_blended(blur)),
        _of_values("contrast", "Contrast", "twice the contrast", factor=lambda s: 1 + s, shift=lambda s: 0.0),
        _of_values(
            "brighten",
            "Brighten",
            "a quarter of the range brighter",
            factor=lambda s: 1.0,
            shift=lambda s: BRIGHTER * s,
        ),
        _of_values("invert", "Invert", "black becomes white", factor=lambda s: 1 - 2 * s, shift=lambda s: 0.0),
        ImageEdit(
            name="desaturate",
            title="Desaturate",
            full="colours become grey",
            needs_colour=True,
            pixels=_desaturated,
            weights=_desaturated_weights,
        ),
        _of_places("rotate", "Rotate", "a quarter turn clockwise", lambda s: _turned_and_enlarged(90 * s, 1.0)),
        _of_places("enlarge", "Enlarge", "twice as large", lambda s: _turned_and_enlarged(0.0, 2.0**s)),
        _of_places("mirror", "Mirror", "left and right swapped", _squeezed),
    )
}
"""All edits by name, the ones that need a trained model first."""
