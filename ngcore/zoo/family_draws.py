"""What the networks of `fashion-families` are: perceptrons, CNNs, GRUs, LSTMs and transformers, all of one input."""

from collections.abc import Callable, Mapping, Sequence

from ngcore.networks import (
    ActivationKind,
    Add,
    Architecture,
    Attend,
    BatchNorm,
    Constant,
    Conv2d,
    Flatten,
    GlobalAveragePool,
    Layer,
    LayerNorm,
    Linear,
    Pool,
    PositionPool,
    Recurrence,
    Reshape,
    RMSNorm,
    Slice,
    Turn,
    cost_of,
)
from ngcore.zoo.cnn_runs import ACTIVATIONS
from ngcore.zoo.drawing import Draw, RunRanges, Steps, draw_run, even_places, pick
from ngcore.zoo.groups import Group, Traits, split_of_group
from ngcore.zoo.stack_runs import StackRun
from ngcore.zoo.stack_training import StackTrainConfig

INPUT_SHAPE = (1, 28, 28)
NUM_CLASSES = 10
NUM_PARAMETERS = (3_000, 60_000)
MAX_MULTIPLY_ADDS = 1_600_000  # of one image
# Biases that a norm or softmax cancels are left out: their gradient is 0, and Adam would make steps of its rounding.
FAMILIES = ("mlp", "cnn", "gru", "lstm", "transformer")
TRAIN_FRACTIONS = (0.05, 0.25, 1.0, 1.0)
BATCH_SIZES = (32, 64, 128)
MIN_LENGTH = 0.25
RANGES = RunRanges(learning_rates={"adam": (2e-4, 1e-2), "rmsprop": (1e-4, 5e-3), "sgd": (3e-3, 1e-1)})
_SHARED = ("depth", "norm", "activation", "train_fraction", "batch_size", "length")
NORMS: dict[str, Callable[[int], Layer]] = {"batch_norm": BatchNorm, "layer_norm": LayerNorm, "rms_norm": RMSNorm}


def draw_family(number: int, indices: Sequence[int], config: StackTrainConfig) -> Group[StackRun]:
    """Draw a group: its architecture, and runs of these indices.

    Families take turns, so that the first n groups hold as many of each; each family has its own splits.
    """
    seed, (turn, family) = config.seed, divmod(number, len(FAMILIES))
    places = even_places(turn, _SHARED, seed=seed, of=FAMILIES[family])
    architecture, traits = _draw_architecture(FAMILIES[family], places, Draw(seed, "architecture", number))
    fraction = pick(places["train_fraction"], TRAIN_FRACTIONS)
    shared = {
        "group": number,
        "train_fraction": fraction,
        "batch_size": pick(places["batch_size"], BATCH_SIZES),
        "length": round(MIN_LENGTH ** (1 - places["length"]) * fraction**0.25, 4),
    }
    return Group(
        runs=[draw_run(index, shared, RANGES, seed=seed) for index in indices],
        architecture=architecture,
        traits={"family": FAMILIES[family], **traits, "num_parameters": architecture.num_parameters},
        split=split_of_group(turn, seed=seed, of=f"splits of {FAMILIES[family]}"),
    )


def _draw_architecture(family: str, places: Mapping[str, float], draw: Draw) -> tuple[Architecture, Traits]:
    while True:
        architecture, traits = _DRAWS[family](places, draw)
        is_cheap = cost_of(architecture).multiply_adds <= MAX_MULTIPLY_ADDS
        if is_cheap and NUM_PARAMETERS[0] <= architecture.num_parameters <= NUM_PARAMETERS[1]:
            return architecture, traits


def _traits(*, depth: int, width: int, norm: str, activation: str, heads: int = 0, readout: str) -> Traits:
    return {"depth": depth, "width": width, "heads": heads, "norm": norm, "activation": activation, "readout": readout}


def _normalise(s: Steps, norm: str) -> None:
    if norm != "none":
        s(NORMS[norm](s.shape[0]))


def _draw_mlp(places: Mapping[str, float], draw: Draw) -> tuple[Architecture, Traits]:
    """Pixels, or means of 2×2 pixels, through hidden layers of one width."""
    depth, width = pick(places["depth"], (1, 2, 3, 4)), round(draw.log_uniform(6.0, 128.0))
    norm = pick(places["norm"], ("none", "batch_norm", "layer_norm"))
    function: ActivationKind = pick(places["activation"], ACTIVATIONS)
    s = Steps(INPUT_SHAPE)
    is_pooled = draw.chance(0.5)
    if is_pooled:
        s(Pool("mean", (2, 2), (2, 2), (0, 0)))
    s(Flatten())
    for _ in range(depth):
        s(Linear(s.shape[0], width, bias=norm != "batch_norm"))
        _normalise(s, norm)
        s.activate(function)
    s(Linear(width, NUM_CLASSES))
    readout = "14×14" if is_pooled else "28×28"
    return s.end(), _traits(depth=depth, width=width, norm=norm, activation=function, readout=readout)


def _draw_cnn(places: Mapping[str, float], draw: Draw) -> tuple[Architecture, Traits]:
    """Convolutions, two or three of stride 2, of a width that doubles with each; every other may be residual."""
    depth = pick(places["depth"], (2, 3, 4, 5))
    width, kernel = draw.choice((4, 6, 8, 12, 16)), draw.choice((3, 3, 5))
    norm = pick(places["norm"], ("none", "batch_norm"))
    function: ActivationKind = pick(places["activation"], ACTIVATIONS)
    is_residual, is_flat = draw.chance(0.4), draw.chance(0.4)
    strided = {0, *(1 + int(draw.uniform() * (depth - 1)) for _ in range(2))}
    s = Steps(INPUT_SHAPE)
    channels = width
    for i in range(depth):
        stride = 2 if i in strided else 1
        channels = channels * 2 if stride == 2 and i else channels
        before = s.last
        around = ((kernel, kernel), (stride, stride), (kernel // 2, kernel // 2))
        s(Conv2d(s.shape[0], channels, *around, bias=norm == "none"))
        _normalise(s, norm)
        if is_residual and s.shapes[before] == s.shape:
            s(Add(), before, s.last)
        s.activate(function)
    s(Flatten() if is_flat else GlobalAveragePool())
    s(Linear(s.shape[0], NUM_CLASSES))
    readout = "flatten" if is_flat else "mean"
    return s.end(), _traits(depth=depth, width=width, norm=norm, activation=function, readout=readout)


def _draw_recurrent(cell: str, places: Mapping[str, float], draw: Draw) -> tuple[Architecture, Traits]:
    """Rows of pixels as time steps: (1, 28, 28) is turned to (1, columns, rows) and flattened to (columns, rows)."""
    depth, width = pick(places["depth"], (1, 1, 2, 3)), round(draw.log_uniform(12.0, 72.0))
    norm = pick(places["norm"], ("none", "layer_norm"))
    is_mean = draw.chance(0.4)
    s = Steps(INPUT_SHAPE)
    s(Turn((0, 2, 1)))
    s(Flatten(kept=1))
    for _ in range(depth):
        s(Recurrence(cell, s.shape[0], width))  # type: ignore[arg-type]
        _normalise(s, norm)
    last = s.shape[1] - 1
    s(PositionPool("mean", (1,)) if is_mean else Slice(last, last + 1, axis=1, keepdim=False))
    s(Linear(width, NUM_CLASSES))
    readout = "mean" if is_mean else "last"
    return s.end(), _traits(depth=depth, width=width, norm=norm, activation="tanh", readout=readout)


def _draw_gru(places: Mapping[str, float], draw: Draw) -> tuple[Architecture, Traits]:
    return _draw_recurrent("gru", places, draw)


def _draw_lstm(places: Mapping[str, float], draw: Draw) -> tuple[Architecture, Traits]:
    return _draw_recurrent("lstm", places, draw)


def _draw_transformer(places: Mapping[str, float], draw: Draw) -> tuple[Architecture, Traits]:
    """A small vision transformer."""
    patch = draw.choice((7, 7, 7, 14, 4))
    depth, heads = pick(places["depth"], (1, 2, 3, 4)), draw.choice((1, 2, 4) if patch > 4 else (1, 2))
    width = heads * draw.choice(tuple(range(max(4, 12 // heads), 64 // heads + 1, 2)))
    norm = pick(places["norm"], ("layer_norm", "rms_norm"))
    function: ActivationKind = pick(places["activation"], ACTIVATIONS)
    architecture = vision_transformer(
        INPUT_SHAPE, patch=patch, width=width, heads=heads, depth=depth, norm=norm, function=function
    )
    readout = f"{patch}×{patch}"
    return architecture, _traits(depth=depth, width=width, norm=norm, activation=function, heads=heads, readout=readout)


def vision_transformer(
    input_shape: tuple[int, int, int],
    *,
    patch: int,
    width: int,
    heads: int,
    depth: int,
    norm: str,
    function: ActivationKind = "gelu",
) -> Architecture:
    """Patches as tokens, learned positions, pre-norm blocks, mean over tokens (Dosovitskiy et al. 2021).

    Args:
        input_shape: (channels, height, width) of the images.
        patch: Side of a patch in pixels.
        width: Of the tokens.
        heads: Of the attention.
        depth: Number of blocks.
        norm: Key of `NORMS`.
        function: Activation of the perceptrons.
    """
    s = Steps(input_shape)
    s(Conv2d(input_shape[0], width, (patch, patch), (patch, patch)))
    tokens = s(Reshape(((input_shape[1] // patch) * (input_shape[2] // patch),)))
    s(Add(), tokens, s(Constant(s.shape)))
    for _ in range(depth):
        _block(s, heads, norm, function)
    _normalise(s, norm)
    s(PositionPool("mean", (1,)))
    s(Linear(width, NUM_CLASSES))
    return s.end()


def _block(s: Steps, heads: int, norm: str, function: ActivationKind) -> None:
    """Attention of several heads, then a perceptron of twice the width, each after a norm and added."""
    stream, width = s.last, s.shape[0]
    _normalise(s, norm)
    normal = s.last
    query = s(Linear(width, width), normal)
    key = s(Linear(width, width, bias=False), normal)  # softmax would cancel it
    value = s(Linear(width, width), normal)
    s(Attend(heads), query, key, value)
    s(Linear(width, width))
    stream = s(Add(), stream, s.last)
    _normalise(s, norm)
    s(Linear(width, 2 * width))
    s.activate(function)
    s(Linear(2 * width, width))
    s(Add(), stream, s.last)


_DRAWS: dict[str, Callable[[Mapping[str, float], Draw], tuple[Architecture, Traits]]] = {
    "mlp": _draw_mlp,
    "cnn": _draw_cnn,
    "gru": _draw_gru,
    "lstm": _draw_lstm,
    "transformer": _draw_transformer,
}
