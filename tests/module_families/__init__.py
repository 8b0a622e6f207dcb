"""Small torch modules of every family that networks are read from, three of each, with inputs that fit.

`FAMILIES` gives for each name ("resnet/bottleneck") a function without arguments that makes (module, inputs): a module
in evaluation mode and float64 with random numbers in all parameters and running statistics, the same ones every time,
and a tuple of inputs with the batch on axis 0.
"""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from module_families import fields, maps, sequences, sets, transformers

Example = tuple[nn.Module, tuple[Tensor, ...]]


def _maker(build: Callable[[], Example]) -> Callable[[], Example]:
    def make() -> Example:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old spellings are among the examples
            torch.manual_seed(0)
            module, inputs = build()
            module = module.double().eval()
            for name, tensor in module.state_dict().items():
                _fill(name, tensor)
            inputs = tuple(x.double() if x.is_floating_point() else x for x in inputs)
        return module, inputs

    return make


def _fill(name: str, tensor: Tensor) -> None:
    """Noise on top of what a fresh module has, so that no norm and no bias is trivial."""
    if not tensor.is_floating_point() or name.endswith(("_u", "_v", "mask", "frequencies")):
        return
    noise = torch.rand(tensor.shape, dtype=torch.float64)
    tensor.add_(0.3 * noise if "var" in name or name.endswith(("original0", "weight_g")) else 0.2 * (noise - 0.5))


FAMILIES: dict[str, Callable[[], Example]] = {
    name: _maker(build)
    for builders in (maps.BUILDERS, fields.BUILDERS, sequences.BUILDERS, sets.BUILDERS, transformers.BUILDERS)
    for name, build in builders.items()
}
