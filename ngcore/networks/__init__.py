"""Input networks as data: structure, parameters, forward pass and symmetries."""

from ngcore.networks.architecture import ACTIVATION_KINDS as ACTIVATION_KINDS
from ngcore.networks.architecture import Activation as Activation
from ngcore.networks.architecture import ActivationKind as ActivationKind
from ngcore.networks.architecture import Architecture as Architecture
from ngcore.networks.architecture import BatchNorm as BatchNorm
from ngcore.networks.architecture import Conv2d as Conv2d
from ngcore.networks.architecture import Flatten as Flatten
from ngcore.networks.architecture import GlobalAveragePool as GlobalAveragePool
from ngcore.networks.architecture import Layer as Layer
from ngcore.networks.architecture import LayerNorm as LayerNorm
from ngcore.networks.architecture import Linear as Linear
from ngcore.networks.architecture import Skip as Skip
from ngcore.networks.architecture import mlp as mlp
from ngcore.networks.architecture import siren as siren
from ngcore.networks.architecture import small_cnn as small_cnn
from ngcore.networks.network import Network as Network
from ngcore.networks.network import from_module as from_module
from ngcore.networks.network import to_module as to_module

__all__ = [
    "ACTIVATION_KINDS",
    "Activation",
    "ActivationKind",
    "Architecture",
    "BatchNorm",
    "Conv2d",
    "Flatten",
    "GlobalAveragePool",
    "Layer",
    "LayerNorm",
    "Linear",
    "Network",
    "Skip",
    "from_module",
    "mlp",
    "siren",
    "small_cnn",
    "to_module",
]
