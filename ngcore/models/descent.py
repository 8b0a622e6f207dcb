"""Learned descent: an editor that ends with steps down the error of what its networks show, of learned sizes."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ngcore.errors import NeuralGraphError
from ngcore.inr import edit_images, image_coordinates, render, render_at
from ngcore.models.config import SweepEditConfig
from ngcore.models.input_spec import InputSpec
from ngcore.models.model import Model, Networks, stacks_of
from ngcore.models.normaliser import weights_and_biases
from ngcore.models.rows import rows_by_depth
from ngcore.models.sweep_editor import SweepEditor
from ngcore.networks import Network

DECAYS = (0.5, 0.9)
"""Decays of the momenta, and of the mean squares that they are divided by."""

UNIT = 1e-3
"""Step sizes are learned in this unit, in which they are of the order of 1."""

START = 0.4
"""Step size of all parameters at first, in `UNIT`: that of Adam."""

RELATIVE_FLOOR = 1e-6
"""Added to mean squares, in units of their mean over the parameter tensor."""

TINY = 1e-20
LR_SCALE = 10.0  # step sizes learn this many times faster than the editor, which is trained already
NUM_DIRECTIONS = 1 + 2 * len(DECAYS)
ADAM = 3  # place of Adam's direction, with the longer of the decays, among them


class LearnedDescent(nn.Module):
    """A few gradient steps of INRs towards the edit of their own picture, with learned directions and sizes.

    The picture is rendered and edited once. Each step takes the squared error at a quarter of the pixels, every fourth
    the same, and moves a parameter by a learned combination of five directions: the gradient's momenta m with decays
    .5 and .9, each divided by the root of its mean square v, number by number (Adam, Kingma & Ba 2015); and both
    momenta and the gradient itself divided by their root mean square over the whole parameter tensor. The coefficients
    belong to a step and to a layer's weights or biases. All directions move with the neurons, and with their signs.

    Training goes through the gradients (second derivatives), so that a step is judged by what the last one reaches.

    Args:
        num_steps: How many.
        edit: Key of `IMAGE_EDITS`, towards which.
        image_side: Height and width in pixels at which pictures are edited; even.
        num_entries: Layers with coefficients of their own, see `weights_and_biases`.

    Raises:
        NeuralGraphError: If `image_side` is odd.
    """

    places: Tensor
    quarters: Tensor

    def __init__(self, *, num_steps: int, edit: str, image_side: int, num_entries: int) -> None:
        super().__init__()
        if image_side % 2:
            raise NeuralGraphError(f"Expected an even number of pixels to take quarters of, got {image_side}.")
        self.num_steps, self.edit, self.image_side, self.num_entries = num_steps, edit, image_side, num_entries
        coefficients = torch.zeros(num_steps, num_entries, 2, NUM_DIRECTIONS)
        coefficients[..., ADAM] = START
        self.coefficients = nn.Parameter(coefficients)
        self.coefficients.lr_scale = LR_SCALE  # type: ignore[attr-defined]
        self.register_buffer("places", image_coordinates(image_side, image_side), persistent=False)
        pixels = torch.arange(image_side**2).view(image_side, image_side)
        quarters = [pixels[top::2, left::2].flatten() for top, left in ((0, 0), (1, 1), (0, 1), (1, 0))]
        self.register_buffer("quarters", torch.stack(quarters), persistent=False)

    def forward(self, network: Network, start: Network) -> Network:
        """Networks after all steps.

        Args:
            network: N INRs, whose picture is edited.
            start: The networks to go down from.
        """
        with torch.autocast(network.device.type, enabled=False):
            return self._descend(start, self._target(network))

    @torch.no_grad()
    def _target(self, network: Network) -> Float[Tensor, "networks pixels channels"]:
        """The edit of what networks show, in the order of `places`."""
        shown = render(network, (self.image_side, self.image_side)).clamp(0, 1)
        return edit_images(shown, self.edit).reshape(len(network), self.image_side**2, -1)

    def _descend(self, start: Network, target: Tensor) -> Network:
        rows = list(weights_and_biases(start.architecture, rows_by_depth(self.num_entries - 1)))
        current = start
        means = {(name, decay): torch.zeros_like(start.parameters[name]) for name, *_ in rows for decay in DECAYS}
        squares = dict(means)
        for step in range(self.num_steps):
            gradients = self._gradients(current, target, step)
            moved = dict(current.parameters)
            for name, entry, column in rows:
                directions = [_scaled(gradients[name], gradients[name].square(), is_whole=True)]
                for decay in DECAYS:
                    mean = torch.lerp(gradients[name], means[name, decay], decay)
                    square = torch.lerp(gradients[name].square(), squares[name, decay], decay)
                    means[name, decay], squares[name, decay] = mean, square
                    started = 1 - decay ** (step + 1)
                    directions.append(_scaled(mean / started, square / started))
                    directions.append(_scaled(mean, mean.square(), is_whole=True))
                sizes = UNIT * self.coefficients[step, entry, column].to(start.dtype)
                moved[name] = moved[name] - torch.einsum("k,k...->...", sizes, torch.stack(directions))
            current = Network(start.architecture, moved)
        return current

    @torch.enable_grad()
    def _gradients(self, network: Network, target: Tensor, step: int) -> dict[str, Tensor]:
        """Gradients of each network's mean squared error at the pixels of a step."""
        parameters = {
            name: tensor if self.training and tensor.requires_grad else tensor.detach().requires_grad_()
            for name, tensor in network.parameters.items()
        }
        pixels = self.quarters[step % len(self.quarters)]
        shown = render_at(Network(network.architecture, parameters), self.places[pixels])
        error = (shown - target[:, pixels]).square().mean(dim=(1, 2)).sum()
        gradients = torch.autograd.grad(error, list(parameters.values()), create_graph=self.training)
        return dict(zip(parameters, gradients, strict=True))


def _scaled(direction: Tensor, square: Tensor, *, is_whole: bool = False) -> Tensor:
    """A direction divided by the root of a mean square, number by number or that of each network's whole tensor."""
    mean = square.flatten(1).mean(dim=1).view(-1, *[1] * (square.dim() - 1))
    return direction * ((mean if is_whole else square) + RELATIVE_FLOOR * mean + TINY).rsqrt()


class DescentEditor(Model):
    """A `SweepEditor`, and learned descent from its answer: towards what the edit makes of the networks' own picture.

    Args:
        config: Numbers of the editor, and of steps; the edit.
        spec: The INRs to be edited.
    """

    def __init__(self, config: SweepEditConfig, spec: InputSpec) -> None:
        super().__init__()
        self.config = config
        self.editor = SweepEditor(config, spec)
        self.descent = LearnedDescent(
            num_steps=config.num_steps,
            edit=config.edit,
            image_side=config.image_side,
            num_entries=spec.max_hidden_layers + 1,
        )

    def fit_normalisation(self, networks: Networks) -> None:
        """Take the per-layer statistics of a training corpus."""
        self.editor.fit_normalisation(networks)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile the updates of neurons, in place; takes the arguments of `torch.compile`."""
        self.editor.compile(*args, **kwargs)

    def embed(self, networks: Networks) -> Float[Tensor, "networks d_node"]:
        """Representation of each network: that of the `SweepEditor`."""
        return self.editor.embed(networks)

    def forward(self, networks: Networks) -> Network | list[Network]:
        """The change of each network's parameters, for a list of stacks as a list."""
        changes = [self._change(stack) for stack in stacks_of(networks)]
        return changes[0] if isinstance(networks, Network) else changes

    def _change(self, network: Network) -> Network:
        change = self.editor(network)
        return self.descent(network, network.plus(change)).plus(network, -1.0)
