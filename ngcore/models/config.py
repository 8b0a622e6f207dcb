"""What a model is made of, as plain numbers: one class for each family."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, Literal

from ngcore.errors import CheckpointError, NeuralGraphError, UnknownNameError
from ngcore.models.rows import RowsBy

Head = Literal["invariant", "parameters"]
Readout = Literal["outputs", "all"]
Scaling = Literal["corpus", "network", "none"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The numbers of a model; each family of models has a subclass with those that it uses.

    Attributes:
        kind: The family.
        head: "invariant" answers with `d_out` numbers for each network, "parameters" with a change of its parameters.
        d_out: Numbers in the answer of an invariant head.
        num_layers: Layers of message passing or attention; sweeps; hidden layers of a baseline.
    """

    kind: str
    head: Head = "invariant"
    d_out: int = 1
    num_layers: int = 4

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; inverse of `from_dict`."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> "ModelConfig":
        """Inverse of `to_dict`; fields that other families use, which older cards hold as well, are left out.

        Raises:
            CheckpointError: If a field is unknown to all families, or there is no "kind".
            UnknownNameError: If there is no such family.
        """
        if not set(fields) <= _all_fields() or "kind" not in fields:
            raise CheckpointError(f"Expected the fields of a model configuration, got {dict(fields)!r:.300}.")
        if fields["kind"] not in FAMILIES:
            raise UnknownNameError("kind of model", fields["kind"], FAMILIES)
        family = FAMILIES[fields["kind"]]
        if family is SweepConfig and fields.get("head") == "parameters":
            family = SweepEditConfig
        own = {field.name for field in dataclasses.fields(family)}
        return family(**{name: value for name, value in fields.items() if name in own})


@dataclasses.dataclass(frozen=True, kw_only=True)
class GraphConfig(ModelConfig):
    """What NG-GNN and NG-T have in common.

    Attributes:
        d_node: Width of node features.
        d_edge: Width of edge features.
        d_hidden: Width of the head's hidden layers.
        num_probes: Learned inputs whose responses become node features; 0 for none.
        generates_probes: Whether a deep linear generator makes those inputs.
        readout: "outputs" reads the output nodes, "all" also means over the nodes of every layer.
        dropout: Share of node features dropped in training.
        fourier_frequencies: Random frequencies of the parameter embedding.
        fourier_scale: Their standard deviation.
        input_scaling: By whose statistics weights and biases are standardised; see `Normaliser`.
        is_sign_invariant: Bring every neuron with an odd activation to a canonical sign first.
        is_phase_invariant: Bring the phase of every sine to its canonical range first; see `canonical_copies`.
        rows: Whether blocks of neurons have vectors of their own by their "depth", as suits chains, or by the "kind" of
            edges that enter them, together with an encoding of their depth and kernels scaled to their size, as suits
            networks of any depth.
        joins_outputs: Whether the answer is that of output-only probing with these probes, which the graph corrects;
            see `JoinedModel`.
        reads_responses: Whether nodes then get statistics of their responses to the probes, see `ResponseFeatures`;
            without a join they always get means.
        has_examples: Whether the probes of a join are real images of known classes; see `ExampleProbes`.

    Raises:
        NeuralGraphError: If a model that is invariant to signs or phases, or a joined one, is to have a parameter
            head, or if there is nothing to join.
    """

    d_node: int = 32
    d_edge: int = 32
    d_hidden: int = 128
    num_probes: int = 0
    generates_probes: bool = False
    readout: Readout = "all"
    dropout: float = 0.0
    fourier_frequencies: int = 128
    fourier_scale: float = 3.0
    input_scaling: Scaling = "corpus"
    is_sign_invariant: bool = False
    is_phase_invariant: bool = False
    rows: RowsBy = "depth"
    joins_outputs: bool = False
    reads_responses: bool = False
    has_examples: bool = False

    def __post_init__(self) -> None:
        for name in ("sign", "phase"):
            if getattr(self, f"is_{name}_invariant") and self.head == "parameters":
                raise NeuralGraphError(
                    f"Expected an invariant head for a {name}-invariant model, got a parameter head."
                )
        if self.joins_outputs and self.head == "parameters":
            raise NeuralGraphError("Expected an invariant head to join output probes to, got a parameter head.")
        _expect_probes(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GNNConfig(GraphConfig):
    """NG-GNN.

    Attributes:
        norm: What normalises the node features: each node's own statistics ("layer", "rms") or the batch's ("batch").
    """

    kind: Literal["ng-gnn"] = "ng-gnn"
    norm: Literal["layer", "rms", "batch"] = "layer"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TransformerConfig(GraphConfig):
    """NG-T.

    Attributes:
        num_heads: Attention heads.
        d_attention: Width of queries, keys and values over all heads.
    """

    kind: Literal["ng-t"] = "ng-t"
    num_heads: int = 8
    d_attention: int = 128


@dataclasses.dataclass(frozen=True, kw_only=True)
class BaselineConfig(ModelConfig):
    """What baselines without a graph have in common.

    Attributes:
        d_hidden: Width of the hidden layers.
        dropout: Probability of dropping a hidden unit in training.
    """

    d_hidden: int = 128
    dropout: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class FlatMLPConfig(BaselineConfig):
    """An MLP on all parameters."""

    kind: Literal["flat-mlp"] = "flat-mlp"


@dataclasses.dataclass(frozen=True, kw_only=True)
class StatNNConfig(BaselineConfig):
    """An MLP on statistics of weights."""

    kind: Literal["statnn"] = "statnn"


@dataclasses.dataclass(frozen=True, kw_only=True)
class OutputProbesConfig(BaselineConfig):
    """Output-only probing.

    Attributes:
        num_probes: Inputs that networks answer to.
        generates_probes: Whether a deep linear generator makes those inputs.
        has_lattice: Whether they are fixed instead, a grid over the image, and convolutions read what INRs answer.
        keeps_scale: Whether the size of the answers, by its logarithm, is read beside them: it shows how sure a network
            is. The answers themselves are brought to mean 0 and variance 1.
        has_examples: Whether they are real images of known classes instead; see `ExampleProbes`.
    """

    kind: Literal["output-probes"] = "output-probes"
    num_probes: int = 0
    generates_probes: bool = False
    has_lattice: bool = False
    keeps_scale: bool = False
    has_examples: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepReaderConfig(ModelConfig):
    """What NG-Sweep's classifiers and editors have in common.

    Attributes:
        d_node: Width of the states.
        d_output: Hidden width of the MLP at the output neurons; 0 for none.
        num_probes: Inputs that networks answer to; 0 for none.
        generates_probes: Whether a deep linear generator makes those inputs.
        input_noise: Standard deviation of noise on the standardised parameters that are read in training; the networks
            that answer to probes stay as they are.
        input_scaling: By whose statistics weights and biases are standardised; see `Normaliser`.
        rows: Whether layers have maps of their own by their "depth", as suits chains, or by the "kind" of edges that
            enter them, together with an encoding of their depth, as suits networks of any depth.
        is_phase_invariant: Bring the phase of every sine to its canonical range first; see `canonical_copies`.
        compresses: Whether standardised parameters enter by their logarithm where they are far from 0 (asinh): of
            networks whose training went astray they can be a thousand times those of others.
        shares_maps: Whether the entries of a kernel share a map; see `Sweep`.
        sweeps_back: Whether every other sweep goes against the edges.
    """

    kind: Literal["ng-sweep"] = "ng-sweep"
    d_node: int = 32
    d_output: int = 0
    num_probes: int = 0
    generates_probes: bool = False
    input_noise: float = 0.0
    input_scaling: Scaling = "corpus"
    rows: RowsBy = "depth"
    is_phase_invariant: bool = False
    compresses: bool = False
    shares_maps: bool = False
    sweeps_back: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepConfig(SweepReaderConfig):
    """NG-Sweep with an invariant head.

    Attributes:
        d_hidden: Width of the hidden layers of the head, and of the branch that judges answers to probes.
        readout: "outputs" reads the output nodes, "all" also mean squares over the nodes of every hidden layer.
        dropout: Probability of dropping a hidden unit in training.
        has_lattice: See `OutputProbesConfig`.
        is_width_stable: Whether what a neuron collects is a plain sum, over a constant of the training corpus (see
            `FanScale`); then the answer is the same for copies of a network that were widened by duplicated neurons,
            however their outgoing weights are split.
        joins_outputs: Whether the answer is that of the branch of probes, which the sweeps correct (`JoinedModel`);
            else it is the mean of both.
        reads_responses: Whether neurons then get statistics of their responses to the probes.
        has_examples: Whether the probes of a join are real images of known classes; see `ExampleProbes`.

    Raises:
        NeuralGraphError: If a width-stable model is to sweep back, or to read hidden neurons: both see the splits. If
            there is nothing to join.
    """

    head: Literal["invariant"] = "invariant"
    d_hidden: int = 128
    readout: Readout = "all"
    dropout: float = 0.0
    has_lattice: bool = False
    is_width_stable: bool = False
    joins_outputs: bool = False
    reads_responses: bool = False
    has_examples: bool = False

    def __post_init__(self) -> None:
        if self.is_width_stable and (self.num_layers, self.readout) != (1, "outputs"):
            raise NeuralGraphError(
                f"Expected one sweep that outputs are read from in a width-stable model, got {self.num_layers} and "
                f"readout {self.readout!r}."
            )
        _expect_probes(self)


def output_probing(config: GraphConfig | SweepConfig) -> OutputProbesConfig:
    """The branch that judges answers to probes; a joined one sees how sure networks are."""
    return OutputProbesConfig(
        d_out=config.d_out,
        num_layers=2,
        d_hidden=config.d_hidden,
        dropout=config.dropout,
        num_probes=config.num_probes,
        generates_probes=config.generates_probes,
        has_lattice=isinstance(config, SweepConfig) and config.has_lattice,
        keeps_scale=config.joins_outputs,
        has_examples=config.has_examples,
    )


def _expect_probes(config: GraphConfig | SweepConfig) -> None:
    if config.joins_outputs and (not config.num_probes or getattr(config, "has_lattice", False)):
        raise NeuralGraphError("Expected learned probes for a model that joins output probes, got none.")
    if config.has_examples and not config.joins_outputs:
        raise NeuralGraphError("Expected joins_outputs for a model that knows examples, got none.")
    if config.reads_responses and not config.joins_outputs:
        raise NeuralGraphError("Expected joins_outputs for a model that reads responses to its probes, got none.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepEditConfig(SweepReaderConfig):
    """NG-Sweep as an editor.

    Attributes:
        d_edge: Rank of a change of weights.
        num_steps: Steps of learned descent that an editor of INRs ends with; 0 for none.
        edit: Target edit of the descent, a key of `IMAGE_EDITS`.
        image_side: Height and width in pixels of the pictures that are edited for that.
    """

    head: Literal["parameters"] = "parameters"
    d_edge: int = 32
    num_steps: int = 0
    edit: str = "dilate"
    image_side: int = 28


FAMILIES: dict[str, type[ModelConfig]] = {
    "ng-gnn": GNNConfig,
    "ng-t": TransformerConfig,
    "ng-sweep": SweepConfig,
    "flat-mlp": FlatMLPConfig,
    "statnn": StatNNConfig,
    "output-probes": OutputProbesConfig,
}


@functools.cache
def _all_fields() -> frozenset[str]:
    """Fields of all families."""
    families = (*FAMILIES.values(), SweepEditConfig)
    return frozenset(field.name for family in families for field in dataclasses.fields(family))
