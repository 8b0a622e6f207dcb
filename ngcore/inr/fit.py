"""Fitting SIRENs to images, many at a time: one stacked network, gradients written out, one compiled step."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.device import can_compile, choose_device
from ngcore.errors import ArchitectureError, ShapeMismatchError
from ngcore.inr.rendering import is_inr, psnr, render
from ngcore.inr.siren import SIREN_OUTPUT_OFFSET, image_coordinates, initial_siren
from ngcore.networks import Activation, Architecture, Network, siren

BLOCK_SIZE = 32
"""Networks fitted together. Blocks start at multiples of it in a corpus, so that no result depends on the chunking."""

ACCELERATOR_BLOCK_SIZE = 4096
"""The same on a GPU, which is idle most of the time with fewer."""

THIN = 3
"""Matrices with at most this many rows or columns are multiplied as sums."""

Sampling = Literal["full", "uniform", "cells", "quarters"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FitConfig:
    """How SIRENs are fitted; the defaults are the recipe of the published corpora (DWSNets, Navon et al. 2023).

    Attributes:
        steps: Adam steps.
        learning_rate: Adam's step size, constant.
        sampling: Pixels per step: "full" = all, "uniform" = `pixels` random ones, "cells" = one random pixel of
            every 2 × 2 cell, which covers the image evenly at a quarter of the cost, "quarters" = the same, but every
            cell shows its four pixels in turn, in random order, so that four steps see the whole image.
        pixels: Pixels per step where `sampling` is "uniform".
    """

    steps: int = 1000
    learning_rate: float = 5e-4
    sampling: Sampling = "full"
    pixels: int = 256

    def __post_init__(self) -> None:
        if self.steps < 1 or self.learning_rate <= 0 or self.pixels < 1:
            raise ArchitectureError(f"Expected positive steps, learning rate and pixels, got {self}.")


CHEAP_RECIPE = FitConfig(sampling="cells")
"""Like the published recipe but on a quarter of the pixels per step; a zoo's information compares the two."""

MATCHED_RECIPE = FitConfig(sampling="quarters", steps=1250, learning_rate=7e-4)
"""A quarter of the pixels per step; steps and learning rate bring PSNR and weights near the published ones."""


@dataclasses.dataclass(frozen=True)
class FitResult:
    """Fitted networks and how well they fit their images.

    Attributes:
        network: N SIRENs.
        psnr: (N,) peak signal-to-noise ratios in dB over all pixels.
    """

    network: Network
    psnr: Tensor


def fit_sirens(
    images: Float[Tensor, "networks height width"] | Float[Tensor, "networks height width channels"],
    config: FitConfig = FitConfig(),
    *,
    architecture: Architecture | None = None,
    start: Network | None = None,
    first_index: int = 0,
    seed: int = 0,
    device: torch.device | str = "auto",
    compiled: bool = False,
    on_step: Callable[[int, Network], object] | None = None,
) -> FitResult:
    """Fit one SIREN to each image.

    Args:
        images: Grey or RGB images with values in [0, 1].
        config: The recipe.
        architecture: A SIREN with as many outputs as the images have channels; None: 2-32-32-channels.
        start: One SIREN per image to start from, of that architecture; None: freshly drawn ones.
        first_index: Index of the first image in its corpus. Network i depends on (seed, i) alone as long as
            `first_index` is a multiple of `block_size(device)`.
        seed: Seed of the start parameters and of the pixel choice.
        device: Where to compute.
        compiled: Compile the step where `can_compile`: worth it from a few hundred networks up; differs from eager in
            the last bits.
        on_step: Called after every step of a block with the number of steps done and the networks so far; raise in it
            to stop.

    Raises:
        ArchitectureError: If the architecture is not a SIREN for these images.
        ShapeMismatchError: If the images are of another shape, or not as many as the SIRENs to start from.
    """
    targets = _as_targets(images)
    architecture = architecture or siren((2, 32, 32, targets.shape[1]))
    if start is not None and (len(start) != len(targets) or start.architecture != architecture):
        raise ShapeMismatchError(f"Expected {len(targets)} networks {architecture.name} to go on from, got {start}.")
    _check_siren(architecture, targets.shape[1])
    place = choose_device(device) if isinstance(device, str) else device
    size = (images.shape[1], images.shape[2])
    fit = functools.partial(
        _fit_block,
        size=size,
        config=config,
        architecture=architecture,
        seed=seed,
        device=place,
        compiled=compiled and can_compile(place),
        on_step=on_step,
    )
    size_of_block = block_size(place)
    starts = range(0, len(targets), size_of_block)
    blocks = [
        fit(
            targets[begin : begin + size_of_block],
            start=None if start is None else start[begin : begin + size_of_block],
            first_index=first_index + begin,
        )
        for begin in starts
    ]
    quality = [
        _psnr(block, images[begin : begin + size_of_block], place) for begin, block in zip(starts, blocks, strict=True)
    ]
    return FitResult(Network.cat(blocks), torch.cat(quality))


def block_size(device: torch.device | str) -> int:
    """How many networks are fitted together on a device."""
    return BLOCK_SIZE if torch.device(device).type == "cpu" else ACCELERATOR_BLOCK_SIZE


def _psnr(network: Network, images: Tensor, device: torch.device) -> Tensor:
    rendered = render(network.to(device), (images.shape[1], images.shape[2]))
    return psnr(rendered, images.to(rendered)).cpu()


def _as_targets(images: Tensor) -> Tensor:
    """Images as (networks, channels, pixels)."""
    if images.dim() not in (3, 4) or not len(images):
        raise ShapeMismatchError(
            f"Expected images of shape (networks, height, width[, channels]), got {tuple(images.shape)}."
        )
    return images.flatten(1, 2)[:, None] if images.dim() == 3 else images.flatten(1, 2).mT.contiguous()


def is_siren(architecture: Architecture) -> bool:
    """Whether networks of this architecture can be fitted: INRs with a sine of one frequency after every layer."""
    return is_inr(architecture) and _omega_0(architecture) is not None


def _check_siren(architecture: Architecture, channels: int) -> None:
    if not is_siren(architecture) or architecture.output_shape != (channels,):
        raise ArchitectureError(
            f"Expected a SIREN of 2 inputs, {channels} outputs, biases, no skips, "
            f"and a sine after every Linear but the last, "
            f"got {architecture.name}."
        )


def _omega_0(architecture: Architecture) -> float | None:
    """The common omega_0 of a chain Linear, sine, …, Linear with biases; None for any other network."""
    sines = [layer for layer in architecture.layers[1::2] if isinstance(layer, Activation)]
    frequencies = {layer.omega_0 for layer in sines if layer.function == "sine"}
    linears = architecture.weight_layers.values()
    alternating = len(architecture.layers) == 2 * len(linears) - 1 and all(layer.bias for layer in linears)
    alternating &= architecture.is_sequential
    all_sines = len(sines) == len(linears) - 1 and all(s.function == "sine" for s in sines)
    return frequencies.pop() if alternating and all_sines and len(frequencies) == 1 else None


def _fit_block(
    targets: Tensor,
    *,
    size: tuple[int, int],
    config: FitConfig,
    architecture: Architecture,
    start: Network | None,
    first_index: int,
    seed: int,
    device: torch.device,
    compiled: bool,
    on_step: Callable[[int, Network], object] | None,
) -> Network:
    count = len(targets)
    padded = block_size(device) if compiled else count
    padding = torch.arange(padded).clamp(max=count - 1)
    targets = targets[padding].to(device)
    if start is None:
        start = initial_siren(architecture, first_index, padded, seed=seed)
    else:
        start = start.detach().to(device="cpu", dtype=targets.dtype)[padding]
    names, parameters = list(start.parameters), [tensor.to(device) for tensor in start.parameters.values()]
    first, second = ([torch.zeros_like(tensor) for tensor in parameters] for _ in range(2))
    coordinates, omega_0 = image_coordinates(*size).mT.contiguous().to(device), _omega_0(architecture)
    assert omega_0 is not None  # checked before the first block
    step = _compiled_step() if compiled else adam_step
    for t, chosen in enumerate(_pixel_choices(size, config, seed), start=1):
        where = chosen.to(device) if chosen is not None else slice(None)
        rates = torch.tensor((config.learning_rate, 1 - 0.9**t, 1 - 0.999**t), device=device)
        own = (coordinates[:, where], targets[:, :, where], omega_0, rates)
        parameters, first, second = step(parameters, first, second, *own)
        if on_step:
            on_step(t, Network(architecture, {n: p[:count] for n, p in zip(names, parameters, strict=True)}))
    return Network(architecture, {n: p[:count].cpu() for n, p in zip(names, parameters, strict=True)})


def _pixel_choices(size: tuple[int, int], config: FitConfig, seed: int) -> Iterator[Tensor | None]:
    """The pixels of each step (None = all), the same for all networks of a corpus."""
    generator = torch.Generator().manual_seed(seed)
    height, width = size
    rows, columns = torch.meshgrid(torch.arange(0, height, 2), torch.arange(0, width, 2), indexing="ij")
    for step in range(config.steps):
        if config.sampling == "full":
            yield None
        elif config.sampling == "uniform":
            yield torch.randperm(height * width, generator=generator)[: config.pixels]
        elif config.sampling == "cells":
            down = torch.randint(0, 2, rows.shape, generator=generator)
            right = torch.randint(0, 2, rows.shape, generator=generator)
            yield _one_of_each_cell(rows + down, columns + right, size)
        else:
            if step % 4 == 0:
                orders = torch.rand((*rows.shape, 4), generator=generator).argsort(dim=2)
            corner = orders[:, :, step % 4]
            yield _one_of_each_cell(rows + corner // 2, columns + corner % 2, size)


def _one_of_each_cell(rows: Tensor, columns: Tensor, size: tuple[int, int]) -> Tensor:
    """Flat pixel indices; cells that stick out of an image of odd size show its last row or column."""
    height, width = size
    return (rows.clamp(max=height - 1) * width + columns.clamp(max=width - 1)).flatten()


@functools.cache
def _compiled_step() -> Callable[..., tuple[list[Tensor], list[Tensor], list[Tensor]]]:
    return torch.compile(adam_step, fullgraph=True, dynamic=False)


def adam_step(
    parameters: Sequence[Tensor],
    first: Sequence[Tensor],
    second: Sequence[Tensor],
    coordinates: Float[Tensor, "2 pixels"],
    targets: Float[Tensor, "networks channels pixels"],
    omega_0: float,
    rates: Float[Tensor, " 3"],
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """One Adam step (Kingma & Ba 2015, β = .9, .999) of N SIRENs on the squared error of the given pixels.

    Args:
        parameters: Weight and bias of each layer in turn, with the networks as leading axis.
        first: Running means of the gradients.
        second: Running means of the squared gradients.
        coordinates: Pixel coordinates in [−1, 1].
        targets: Pixel values in [0, 1].
        omega_0: Frequency of the sines.
        rates: Learning rate, and the two bias corrections 1 − β^t.

    Returns:
        New parameters and moments.
    """
    gradients = siren_gradients(parameters, coordinates, targets, omega_0)
    new_parameters, new_first, new_second = [], [], []
    for value, gradient, mean, square in zip(parameters, gradients, first, second, strict=True):
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient * gradient
        new_parameters.append(value - rates[0] * (mean / rates[1]) / ((square / rates[2]).sqrt() + 1e-8))
        new_first.append(mean)
        new_second.append(square)
    return new_parameters, new_first, new_second


def siren_gradients(
    parameters: Sequence[Tensor],
    coordinates: Float[Tensor, "2 pixels"],
    targets: Float[Tensor, "networks channels pixels"],
    omega_0: float,
) -> list[Tensor]:
    """Gradients of each network's mean squared error, written out: features are rows, pixels are columns."""
    weights, biases = parameters[::2], parameters[1::2]
    hidden = coordinates.expand(len(targets), -1, -1)  # networks, 2, pixels
    inputs, slopes = [], []
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        inputs.append(hidden)
        phase = omega_0 * (_times(weight, hidden) + bias[:, :, None])
        hidden, slope = torch.sin(phase), omega_0 * torch.cos(phase)
        slopes.append(slope)
    output = _times(weights[-1], hidden) + biases[-1][:, :, None] + SIREN_OUTPUT_OFFSET
    delta = (output - targets) * (2 / math.prod(targets.shape[1:]))  # networks, channels, pixels
    gradients = [delta.sum(2), _times_transposed(delta, hidden)]
    for weight, layer_input, slope in zip(weights[:0:-1], inputs[::-1], slopes[::-1], strict=True):
        delta = _times(weight.mT, delta) * slope
        gradients += [delta.sum(2), _times_transposed(delta, layer_input)]
    return gradients[::-1]


def _times(a: Tensor, b: Tensor) -> Tensor:
    """A @ b; thin factors as sums, which a compiler fuses with their neighbours (twice as fast as a batched GEMM)."""
    if a.shape[2] <= THIN:
        return sum((a[:, :, k, None] * b[:, k, None] for k in range(1, a.shape[2])), a[:, :, 0, None] * b[:, 0, None])
    if a.shape[1] <= THIN:
        return torch.stack([(a[:, k, :, None] * b).sum(1) for k in range(a.shape[1])], dim=1)
    return a @ b


def _times_transposed(a: Tensor, b: Tensor) -> Tensor:
    """A @ bᵀ, thin factors as sums."""
    if b.shape[1] <= THIN:
        return torch.stack([(a * b[:, k, None]).sum(2) for k in range(b.shape[1])], dim=2)
    if a.shape[1] <= THIN:
        return torch.stack([(a[:, k, None] * b).sum(2) for k in range(a.shape[1])], dim=1)
    return a @ b.mT
