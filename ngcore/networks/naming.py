"""Short human names of architectures, such as "2-32-32-1 sine" or "LSTM 1-48-10"."""

from collections.abc import Sequence

from ngcore.networks.layers import Activation, Attend, Convolution, Layer, Recurrence

MAX_SIZES_IN_NAME = 8


def short_name(layers: Sequence[Layer], sizes: Sequence[int], *, is_chain: bool, reads_maps: bool) -> str:
    """Family where maps are read, sizes of the layers, and activation functions; sizes of many steps are cut short."""
    functions = list(dict.fromkeys(layer.function for layer in layers if isinstance(layer, Activation)))
    if not functions and not any(isinstance(layer, Recurrence) for layer in layers):  # a cell has its own
        functions = ["none"]
    family = [_family(layers)] if reads_maps else []
    return " ".join(
        [*family, "-".join(_short(sizes, is_chain=is_chain)), *(["/".join(functions)] if functions else [])]
    )


def _short(sizes: Sequence[int], *, is_chain: bool) -> list[str]:
    texts = list(map(str, sizes))
    if is_chain or len(texts) <= MAX_SIZES_IN_NAME:
        return texts
    return [*texts[:3], f"…{len(texts) - 5} layers…", *texts[-2:]]


def _family(layers: Sequence[Layer]) -> str:
    cells = [layer.cell for layer in layers if isinstance(layer, Recurrence)]
    if cells:
        return cells[0].removesuffix("_tanh").removesuffix("_relu").upper()
    if any(isinstance(layer, Attend) for layer in layers):
        return "Transformer"
    return "CNN" if any(isinstance(layer, Convolution) for layer in layers) else "MLP"
