"""A graph model joined to output-only probing, so that training starts from what the outputs say and can only add."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ngcore.models.config import GraphConfig, SweepConfig, output_probing
from ngcore.models.input_spec import InputSpec
from ngcore.models.model import Model, Networks, stacks_of
from ngcore.models.neural_graph_model import NeuralGraphModel
from ngcore.models.output_probes import LatticeProbes, output_probes
from ngcore.models.sweep_model import SweepModel
from ngcore.networks import Network


class JoinedModel(Model):
    """Answers what output-only probing answers, plus what the graph knows beside it.

    The networks run on the probes once. Their outputs go to `OutputProbes`, the responses of all neurons to the graph
    model, if its configuration wants them. An MLP on both representations corrects the answer of the first; its last
    Linear starts at 0, so that an untrained model answers exactly as output-only probing does.

    Args:
        config: Of the graph model, with probes.
        spec: The networks to be read.
    """

    def __init__(self, config: GraphConfig | SweepConfig, spec: InputSpec) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        self.graph = NeuralGraphModel(config, spec) if isinstance(config, GraphConfig) else SweepModel(config, spec)
        outputs = output_probes(output_probing(config), spec)
        assert not isinstance(outputs, LatticeProbes)  # which the configuration refuses
        self.outputs = outputs
        last = nn.Linear(config.d_hidden, config.d_out)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.correction = nn.Sequential(
            nn.Linear(config.d_hidden + outputs.head.in_features, config.d_hidden),
            nn.SiLU(),
            nn.Dropout(config.dropout),
            last,
        )

    def fit_normalisation(self, networks: Networks) -> None:
        """Take the per-layer statistics of a training corpus."""
        self.graph.fit_normalisation(networks)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile the graph model, in place; takes the arguments of `torch.compile`."""
        self.graph.compile(*args, **kwargs)

    def embed(self, networks: Networks) -> Float[Tensor, "networks d"]:
        """Representation of each network: that of the graph beside that of its outputs."""
        return torch.cat(self._represent(stacks_of(networks)), dim=1)

    def forward(self, networks: Networks) -> Float[Tensor, "networks d_out"]:
        """Answer for each network."""
        graph, outputs = self._represent(stacks_of(networks))
        return self.outputs.head(outputs) + self.correction(torch.cat([graph, outputs], dim=1))

    def _represent(self, stacks: Sequence[Network]) -> tuple[Tensor, Tensor]:
        """(networks, d_hidden) of the graph and of the outputs; both see the copies that the graph model makes."""
        stacks = [self.graph.canonical(stack) for stack in stacks]
        answers = [self.outputs.ask(stack, with_statistics=self.config.reads_responses) for stack in stacks]
        outputs = torch.cat([self.outputs.represent(*pair) for pair in zip(stacks, answers, strict=True)])
        statistics = [own.statistics for own in answers] if self.config.reads_responses else None
        return self.graph.embed(stacks, statistics), outputs
