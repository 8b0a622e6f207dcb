"""Output-only probing: models that look at nothing but what networks answer to inputs (ProbeGen, a lattice)."""

import itertools
import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ngcore.errors import NeuralGraphError, ShapeMismatchError
from ngcore.inr import image_coordinates
from ngcore.models.config import OutputProbesConfig
from ngcore.models.input_spec import InputSpec
from ngcore.models.model import Model, Networks, stacks_of
from ngcore.models.probe_features import Answers, ask
from ngcore.models.probes import probes_for, probes_of
from ngcore.networks import Network

NUM_MARKS = 9  # of `ExampleProbes.marks`, those by class aside
SMALL = 1e-6  # added to the variance of answers, of which there is none where a network answers all alike


class OutputProbes(Model):
    """An MLP on what networks answer to learned inputs; see `Probes` (Kahana et al. 2024).

    Networks that read inputs of several shapes are asked other probes for each shape, so their answers enter the MLP
    by a first Linear of that shape; what follows is shared.

    Args:
        config: Widths and probes.
        spec: The networks to be asked.
    """

    def __init__(self, config: OutputProbesConfig, spec: InputSpec) -> None:
        super().__init__()
        self.spec, self.num_answers = spec, spec.num_answers
        num_columns = config.num_probes * spec.num_answers
        d_in = num_columns + config.keeps_scale
        sizes = (d_in, *(config.d_hidden,) * config.num_layers)
        hidden = [
            (nn.Linear(n_in, n_out), nn.SiLU(), nn.Dropout(config.dropout)) for n_in, n_out in itertools.pairwise(sizes)
        ]
        self.hidden = nn.Sequential(*itertools.chain.from_iterable(hidden))
        self.head = nn.Linear(sizes[-1], config.d_out)
        self.norm, self.keeps_scale = nn.LayerNorm(num_columns), config.keeps_scale
        self.probes = probes_for(spec, config.num_probes, is_generated=config.generates_probes)
        self.others = nn.ModuleList(nn.Linear(d_in, sizes[1]) for _ in spec.inputs[1:])

    def ask(self, network: Network, *, with_statistics: bool = False) -> Answers:
        """What N stacked networks make of the probes that they can read.

        Raises:
            ShapeMismatchError: If the networks read other inputs than the model expects, or have more outputs.
        """
        answers = ask(network, probes_of(self.probes, self.spec, network), with_statistics=with_statistics)
        if answers.outputs.shape[2] > self.num_answers:
            raise ShapeMismatchError(
                f"Expected networks of at most {self.num_answers} output channels, got {network} of "
                f"{answers.outputs.shape[2]}."
            )
        return answers

    def row(self, answers: Answers) -> Float[Tensor, "networks features"]:
        """Each network's answers to all probes side by side, as the MLP reads them; missing outputs are 0."""
        missing = self.num_answers - answers.outputs.shape[2]
        row = nn.functional.pad(answers.outputs, (0, missing)).flatten(1)  # networks, probes · answers
        if not self.keeps_scale:
            return self.norm(row)
        scale = (row.var(dim=1, correction=0, keepdim=True) + SMALL).log() / 2
        return torch.cat([self.norm(row), scale], dim=1)

    def represent(self, network: Network, answers: Answers) -> Float[Tensor, "networks d_hidden"]:
        """Representation of N stacked networks, before the last Linear, from their answers."""
        number = self.spec.number_of_inputs(network.architecture)
        first = self.others[number - 1] if number else self.hidden[0]
        return self.hidden[1:](first(self.row(answers)))

    def embed(self, networks: Networks) -> Float[Tensor, "networks d_hidden"]:
        """Representation of each network, of one stack or several, before the last Linear."""
        return torch.cat([self.represent(stack, self.ask(stack)) for stack in stacks_of(networks)])

    def forward(self, networks: Networks) -> Float[Tensor, "networks d_out"]:
        """Answer for each network, of one stack or several."""
        return self.head(self.embed(networks))


class LatticeProbes(Model):
    """A small convolutional network on what INRs answer in a lattice of places: on their image, coarsely rendered.

    Three convolutions of 3 × 3, the second and third with stride 2, the mean over what is left of the lattice, and a
    hidden layer.

    Args:
        num_probes: Places, G × G of them.
        num_outputs: Length of the networks' longest output vector.
        d_out: Width of the answer.
        d_hidden: Width of the hidden layer and of the representation; the convolutions have ⅛, ¼ and ½ as many
            channels.
        dropout: Probability of dropping a number of the representation in training.

    Raises:
        NeuralGraphError: If `num_probes` is no square.
    """

    places: Tensor

    def __init__(
        self, *, num_probes: int, num_outputs: int, d_out: int, d_hidden: int = 256, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.num_outputs, self.side = num_outputs, math.isqrt(num_probes)
        if self.side**2 != num_probes:
            raise NeuralGraphError(f"Expected a square number of probes for a lattice, got {num_probes}.")
        self.register_buffer("places", image_coordinates(self.side, self.side), persistent=False)
        self.norm = nn.LayerNorm(num_probes * num_outputs)
        widths = (num_outputs, d_hidden // 8, d_hidden // 4, d_hidden // 2)
        self.convolutions = nn.Sequential()
        for number, (n_in, n_out) in enumerate(itertools.pairwise(widths)):
            convolution = nn.Conv2d(n_in, n_out, 3, stride=min(2, 1 + number), padding=1)
            self.convolutions.extend([convolution, nn.GroupNorm(1, n_out), nn.SiLU()])
        self.hidden = nn.Sequential(nn.Linear(d_hidden // 2, d_hidden), nn.SiLU(), nn.Dropout(dropout))
        self.head = nn.Linear(d_hidden, d_out)

    def features(self, network: Network) -> Float[Tensor, "networks outputs side side"]:
        """Every network's answers, brought to mean 0 and variance 1; missing outputs are 0.

        Raises:
            ShapeMismatchError: If the networks are no INRs, or have more outputs than the model expects.
        """
        architecture = network.architecture
        missing = self.num_outputs - architecture.output_shape[0]
        has_one_output = len(architecture.outputs) == 1 and len(architecture.output_shape) == 1
        if architecture.input_shapes != ((2,),) or not has_one_output or missing < 0:
            raise ShapeMismatchError(
                f"Expected networks from (2,) to at most ({self.num_outputs},), got {network} from "
                f"{architecture.input_shape} to {architecture.output_shape}."
            )
        with torch.autocast(network.device.type, enabled=False):  # a sine's phases need full precision
            answers = network(self.places.to(network.dtype))
        answers = self.norm(nn.functional.pad(answers, (0, missing)).flatten(1))  # networks, places · outputs
        return answers.view(-1, self.side, self.side, self.num_outputs).movedim(3, 1)  # networks, outputs, h, w

    def embed(self, networks: Networks) -> Float[Tensor, "networks d_hidden"]:
        """Representation of each network, of one stack or several, before the last Linear."""
        maps = self.convolutions(torch.cat([self.features(stack) for stack in stacks_of(networks)]))
        return self.hidden(maps.mean(dim=(2, 3)))

    def forward(self, networks: Networks) -> Float[Tensor, "networks d_out"]:
        """Answer for each network, of one stack or several."""
        return self.head(self.embed(networks))


class ExampleProbes(Model):
    """Real images of known classes, which a classifier is run on, and an MLP on how it does.

    It reads the share that the network is right about, surely and by a margin, the probability of the true class and
    its logarithm, entropy and confidence, and the share of each class. An untrained model answers with the logit of the
    first: it is a test on P images. Training learns what else to make of them.

    Args:
        config: Widths, and the number of images P.
        spec: The networks to be asked; all read inputs of one shape and answer with one vector of logits.

    Raises:
        NeuralGraphError: If they read inputs of several shapes.
    """

    images: Tensor
    labels: Tensor

    def __init__(self, config: OutputProbesConfig, spec: InputSpec) -> None:
        super().__init__()
        if len(spec.inputs) != 1 or spec.inputs[0].tokens or len(spec.inputs[0].shapes) != 1:
            raise NeuralGraphError(f"Expected networks that read images of one shape, got {len(spec.inputs)} shapes.")
        self.spec, self.num_classes = spec, spec.num_answers
        self.register_buffer("images", torch.zeros(config.num_probes, *spec.inputs[0].shapes[0]))
        self.register_buffer("labels", torch.arange(config.num_probes) % self.num_classes)
        sizes = (NUM_MARKS + self.num_classes, *(config.d_hidden,) * config.num_layers)
        hidden = [
            (nn.Linear(n_in, n_out), nn.SiLU(), nn.Dropout(config.dropout)) for n_in, n_out in itertools.pairwise(sizes)
        ]
        self.hidden = nn.Sequential(*itertools.chain.from_iterable(hidden))
        self.head = nn.Linear(sizes[-1] + 1, config.d_out)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        nn.init.ones_(self.head.weight[:, -1])

    @torch.no_grad()
    def take_examples(self, images: Float[Tensor, "images ..."], labels: Int[Tensor, " images"]) -> None:
        """Keep images: the first of each class.

        Raises:
            ShapeMismatchError: If they have another shape, or a class has too few.
        """
        if images.shape[1:] != self.images.shape[1:]:
            raise ShapeMismatchError(
                f"Expected images of shape {tuple(self.images.shape[1:])}, got {tuple(images.shape[1:])}."
            )
        for label in range(self.num_classes):
            places = (self.labels == label).nonzero().flatten()
            found = (labels == label).nonzero().flatten()[: len(places)]
            if len(found) < len(places):
                raise ShapeMismatchError(f"Expected {len(places)} images of class {label}, got {len(found)}.")
            self.images[places] = images[found].to(self.images)

    def ask(self, network: Network, *, with_statistics: bool = False) -> Answers:
        """What N stacked networks answer to the images.

        Raises:
            ShapeMismatchError: If they read other inputs or answer with another number of logits.
        """
        self.spec.number_of_inputs(network.architecture)
        answers = ask(network, [self.images], with_statistics=with_statistics)
        if answers.outputs.shape[2] != self.num_classes:
            raise ShapeMismatchError(
                f"Expected networks with {self.num_classes} outputs, got {network} of {answers.outputs.shape[2]}."
            )
        return answers

    def marks(self, answers: Answers) -> Float[Tensor, "networks marks"]:
        """How each network does; the first mark is the share of images that it is right about."""
        logits = answers.outputs.to(self.images.dtype)
        labels = self.labels.expand(len(logits), -1)[..., None]
        log_probabilities = logits.log_softmax(-1)
        of_label = log_probabilities.gather(-1, labels).squeeze(-1)
        others = logits.scatter(-1, labels, -torch.inf).amax(-1)
        scale = logits.std(-1, correction=0).mean(-1, keepdim=True) + SMALL
        margin = (logits.gather(-1, labels).squeeze(-1) - others) / scale
        is_right = (margin > 0).to(logits)
        entropy = -(log_probabilities.exp() * log_probabilities).sum(-1)
        columns = [
            *(is_right, (4 * margin).sigmoid(), of_label.exp(), of_label.clamp(min=-10) / 5),
            *(entropy, log_probabilities.amax(-1).exp(), margin.clamp(-3, 3)),
        ]
        means = torch.stack([column.mean(-1) for column in columns], dim=-1)
        classes = nn.functional.one_hot(self.labels, self.num_classes).to(is_right)
        by_class = is_right @ classes / classes.sum(0).clamp(min=1)
        return torch.cat([means, of_label.exp().std(-1, correction=0)[:, None], scale.log() / 2, by_class], dim=-1)

    def represent(self, network: Network, answers: Answers) -> Float[Tensor, "networks d"]:
        """Representation of N stacked networks, before the last Linear, from their answers."""
        del network
        marks = self.marks(answers)
        count = len(self.labels)
        share = (marks[:, :1] * count + 0.5) / (count + 1)
        return torch.cat([self.hidden(marks), share.logit()], dim=-1)

    def embed(self, networks: Networks) -> Float[Tensor, "networks d"]:
        """Representation of each network, of one stack or several, before the last Linear."""
        return torch.cat([self.represent(stack, self.ask(stack)) for stack in stacks_of(networks)])

    def forward(self, networks: Networks) -> Float[Tensor, "networks d_out"]:
        """Answer for each network, of one stack or several."""
        return self.head(self.embed(networks))


def output_probes(config: OutputProbesConfig, spec: InputSpec) -> OutputProbes | LatticeProbes | ExampleProbes:
    """Output-only probing of a configuration, by itself or as a branch."""
    if config.has_examples:
        return ExampleProbes(config, spec)
    if not config.has_lattice:
        return OutputProbes(config, spec)
    return LatticeProbes(
        num_probes=config.num_probes,
        num_outputs=spec.num_outputs,
        d_out=config.d_out,
        d_hidden=config.d_hidden,
        dropout=config.dropout,
    )
