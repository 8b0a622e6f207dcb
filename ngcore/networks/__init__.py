"""Input networks as data: structure, parameters, forward pass and symmetries."""

from ngcore.networks.alignment import align as align
from ngcore.networks.alignment import mix as mix
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
from ngcore.networks.modules import from_module as from_module
from ngcore.networks.modules import to_module as to_module
from ngcore.networks.network import Network as Network
from ngcore.networks.symmetry import Permutation as Permutation
from ngcore.networks.symmetry import Space as Space
from ngcore.networks.symmetry import SymmetrySpaces as SymmetrySpaces
from ngcore.networks.symmetry import draw_permutation as draw_permutation
from ngcore.networks.symmetry import flip_signs as flip_signs
from ngcore.networks.symmetry import node_permutations as node_permutations
from ngcore.networks.symmetry import permute_hidden as permute_hidden
from ngcore.networks.symmetry import rescale as rescale
from ngcore.networks.symmetry import scale_spaces as scale_spaces
from ngcore.networks.symmetry import sign_spaces as sign_spaces
from ngcore.networks.symmetry import symmetry_spaces as symmetry_spaces

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
    "Permutation",
    "Skip",
    "Space",
    "SymmetrySpaces",
    "align",
    "draw_permutation",
    "flip_signs",
    "from_module",
    "mix",
    "mlp",
    "node_permutations",
    "permute_hidden",
    "rescale",
    "scale_spaces",
    "sign_spaces",
    "siren",
    "small_cnn",
    "symmetry_spaces",
    "to_module",
]
