"""How Keras names the tensors of its layers, by name or by number, and what its axes are."""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence

from ngcore.upload.schemes.origin import View
from ngcore.upload.schemes.plan import MisfitError
from ngcore.upload.shapes import Shape

ROLES = {
    "kernel": "weight",
    "depthwise_kernel": "weight",
    "embeddings": "weight",
    "gamma": "weight",
    "bias": "bias",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
"""Names of tensors, and those that torch has for them."""

NAMED = re.compile(rf"(?:.*/)?(?P<layer>[^/]+)/(?P<role>{'|'.join(ROLES)})(:0)?")
NUMBERED = re.compile(r"(?:.*/)?(?P<layer>[^/]+)/vars/(?P<role>\d+)")
ORDERS = {"dense": (1, 0), "conv2d": (3, 2, 0, 1), "depthwise_conv2d": (2, 3, 0, 1), "conv1d": (2, 1, 0)}
"""The axes of a kernel in the order of torch; Keras has outputs last."""


@dataclasses.dataclass(frozen=True)
class KerasLayer:
    """The tensors of one layer.

    Attributes:
        name: Its name, such as "conv2d_1".
        kind: "dense", "conv2d", "depthwise_conv2d", "conv1d", "batch_norm", "layer_norm" or "embedding".
        tensors: Names of its tensors by their roles in torch.
        shapes: Their shapes in torch, by role.
    """

    name: str
    kind: str
    tensors: dict[str, str]
    shapes: dict[str, Shape]

    def view(self, role: str) -> View:
        """Where a parameter is."""
        order = ORDERS.get(self.kind) if role == "weight" else None
        return View(self.tensors[role], order=order)


def are_names(names: Iterable[str]) -> bool:
    """Whether all names are those of tensors in a Keras file."""
    found = [bool(NAMED.fullmatch(name) or NUMBERED.fullmatch(name)) for name in names]
    return bool(found) and all(found)


def keras_layers(shapes: Mapping[str, Shape]) -> list[KerasLayer]:
    """The layers of a file, in the order of their first tensors.

    Raises:
        MisfitError: Naming the first layer of a kind that is not read.
    """
    groups: dict[str, dict[str, str]] = {}
    for name in shapes:
        match = NAMED.fullmatch(name) or NUMBERED.fullmatch(name)
        if match is None:
            raise MisfitError(f"{name!r} is no name of Keras")
        if groups.setdefault(match["layer"], {}).setdefault(match["role"], name) != name:
            raise MisfitError(f"two layers are called {match['layer']!r}")
    return [_layer(layer, tensors, shapes) for layer, tensors in groups.items()]


def _layer(name: str, tensors: dict[str, str], shapes: Mapping[str, Shape]) -> KerasLayer:
    """One layer; numbers stand for the roles in the order in which Keras makes them."""
    own = [shapes[tensor] for tensor in tensors.values()]
    kind = _kind(name, own)
    numbered = {"batch_norm": ("gamma", "beta", "moving_mean", "moving_variance"), "layer_norm": ("gamma", "beta")}
    usual: Sequence[str] = numbered.get(kind, ("kernel", "bias"))
    roles = {}
    for role, tensor in tensors.items():
        if role.isdecimal() and (int(role[:9]) >= len(usual) or len(tensors) not in (len(usual), 1)):
            raise MisfitError(f"{tensor!r} has a role in {name!r} that is not known")
        roles[ROLES[usual[int(role)] if role.isdecimal() else role]] = tensor
    order = ORDERS.get(kind)
    turned = {role: shapes[tensor] for role, tensor in roles.items()}
    if order and "weight" in turned:
        turned["weight"] = tuple(turned["weight"][axis] for axis in order)
    return KerasLayer(name, kind, roles, turned)


def _kind(name: str, shapes: Sequence[Shape]) -> str:
    stem, ranks = re.sub(r"_\d+$", "", name), [len(shape) for shape in shapes]
    highest = max(ranks)
    if highest == 1 and ranks.count(1) in (2, 3, 4):
        return "batch_norm" if len(ranks) > 2 or "batch" in stem else "layer_norm"
    if ranks.count(highest) == 1 and ranks.count(1) == len(ranks) - 1:
        if highest == 4:
            return "depthwise_conv2d" if "depthwise" in stem else "conv2d"
        if highest in (2, 3):
            return {2: "embedding" if "embedding" in stem else "dense", 3: "conv1d"}[highest]
    raise MisfitError(f"{name!r} is a layer of a kind that is not read")
