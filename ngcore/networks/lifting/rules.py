"""By operation, how it becomes steps."""

from ngcore.networks.lifting.attending import lift_attention, lift_rotary, lift_scan
from ngcore.networks.lifting.builder import Traced
from ngcore.networks.lifting.joining import lift_activation, lift_affine, lift_concat, lift_product, lift_sum
from ngcore.networks.lifting.layout import UnsupportedError
from ngcore.networks.lifting.lifter import Lifter, Rule, lift_held
from ngcore.networks.lifting.moving import (
    lift_adaptive_pool,
    lift_expand,
    lift_pad,
    lift_permute,
    lift_pool,
    lift_reduce,
    lift_reshape,
    lift_resize,
    lift_slice,
    lift_softmax,
)
from ngcore.networks.lifting.nodes import Node
from ngcore.networks.lifting.weighing import (
    lift_batch_norm,
    lift_convolution,
    lift_embedding,
    lift_layer_norm,
    lift_linear,
    lift_matmul,
    lift_norm_of_maps,
    lift_prelu,
    lift_rms_norm,
)


def _unknown(lifter: Lifter, node: Node) -> Traced:
    raise UnsupportedError(node.attrs.get("why", "it has no counterpart here"))


RULES: dict[str, Rule] = {
    "activate": lift_activation,
    "adaptive_pool": lift_adaptive_pool,
    "add": lift_sum,
    "affine": lift_affine,
    "attend": lift_attention,
    "batch_norm": lift_batch_norm,
    "concat": lift_concat,
    "convolve": lift_convolution,
    "embed": lift_embedding,
    "erf": _unknown,
    "expand": lift_expand,
    "group_norm": lift_norm_of_maps,
    "held": lift_held,
    "instance_norm": lift_norm_of_maps,
    "layer_norm": lift_layer_norm,
    "linear": lift_linear,
    "local_response_norm": lift_norm_of_maps,
    "matmul": lift_matmul,
    "multiply": lift_product,
    "pad": lift_pad,
    "permute": lift_permute,
    "pool": lift_pool,
    "prelu": lift_prelu,
    "reduce": lift_reduce,
    "reshape": lift_reshape,
    "resize": lift_resize,
    "rms_norm": lift_rms_norm,
    "rotate": lift_rotary,
    "scan": lift_scan,
    "slice": lift_slice,
    "softmax": lift_softmax,
    "unknown": _unknown,
}
