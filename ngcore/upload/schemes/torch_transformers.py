"""`torch.nn.TransformerEncoder`, `TransformerDecoder` and `Transformer`."""

from collections.abc import Callable
from typing import Any

from ngcore.networks import Add, Attend, Slice
from ngcore.upload.schemes.asking import ask_heads, ask_length
from ngcore.upload.schemes.layers import fused_attention, in_projection, layer_norm, linear, mlp
from ngcore.upload.schemes.plan import Plan
from ngcore.upload.schemes.scheme import Scheme
from ngcore.upload.schemes.surroundings import ask_readout, enter, read_out, surroundings

ORDERS, MASKS, FUNCTIONS = ("post_norm", "pre_norm"), ("all_tokens", "causal"), ("relu", "gelu")
READOUTS = ("first", "last", "mean", "max", "every")


class Layers:
    """What all layers of a transformer share, asked for once.

    Args:
        plan: The plan.
        first: Name of the first layer.
    """

    def __init__(self, plan: Plan, first: str) -> None:
        self.plan = plan
        self.width = plan.shape(f"{first}.self_attn.in_proj_weight", rank=2)[1]
        self.heads = ask_heads(plan, self.width)
        reason = "weights do not show it; torch normalises after each branch unless told (norm_first=False)"
        order = plan.ask("norm_order", "Norms", "post_norm", reason=reason, choices=ORDERS)
        self.is_first = order == "pre_norm"
        reason = "weights do not show it; torch takes relu unless told"
        self.function: Any = plan.ask("activation", "Activation", "relu", reason=reason, choices=FUNCTIONS)
        self.eps = plan.default("eps", 1e-5, of="torch.nn")

    def layer(self, x: int, name: str, memory: int | None = None, *, is_causal: bool = False) -> int:
        """One layer; it attends to a memory, too, if there is one."""
        x = self._residual(x, f"{name}.norm1", lambda y: self._attend(y, f"{name}.self_attn", is_causal=is_causal))
        if memory is not None:
            x = self._residual(x, f"{name}.norm2", lambda y: self._cross(y, memory, f"{name}.multihead_attn"))
        norm = f"{name}.norm{3 if memory is not None else 2}"
        return self._residual(x, norm, lambda y: mlp(self.plan, y, f"{name}.linear1", f"{name}.linear2", self.function))

    def _residual(self, x: int, norm: str, branch: Callable[[int], int]) -> int:
        if self.is_first:
            return self.plan.step(Add(), x, branch(layer_norm(self.plan, x, norm, eps=self.eps)))
        return layer_norm(self.plan, self.plan.step(Add(), x, branch(x)), norm, eps=self.eps)

    def _attend(self, x: int, name: str, *, is_causal: bool) -> int:
        y = fused_attention(
            self.plan, x, f"{name}.in_proj", heads=self.heads, is_causal=is_causal, **in_projection(name)
        )
        return linear(self.plan, y, f"{name}.out_proj")

    def _cross(self, x: int, memory: int, name: str) -> int:
        """Queries of x, keys and values of the memory: rows of one weight."""
        plan, width = self.plan, self.width
        query = linear(plan, x, name, step=f"{name}.query", rows=(0, width), **in_projection(name))
        both = linear(plan, memory, name, step=f"{name}.key_value", rows=(width, 3 * width), **in_projection(name))
        key, value = (plan.step(Slice(part * width, (part + 1) * width), both) for part in range(2))
        return linear(plan, plan.step(Attend(self.heads), query, key, value), f"{name}.out_proj")

    def stack(self, x: int, prefix: str, memory: int | None = None, *, is_causal: bool = False) -> int:
        """All layers, and the norm at the end where there is one."""
        for number in range(self.plan.count(f"{prefix}layers")):
            x = self.layer(x, f"{prefix}layers.{number}", memory, is_causal=is_causal)
        norm = f"{prefix}norm"
        return layer_norm(self.plan, x, norm, eps=self.eps) if self.plan.has(f"{norm}.weight") else x


def _ask_mask(plan: Plan, suggestion: str) -> bool:
    reason = "masks are given when a network is run, so no file says whether tokens attend to later ones"
    return plan.ask("mask", "Tokens attend to", suggestion, reason=reason, choices=MASKS) == "causal"


def build_encoder(plan: Plan, prefix: str) -> tuple[int, ...]:
    """An encoder, maybe between a table or a Linear and a head."""
    layers = Layers(plan, f"{prefix}layers.0")
    around = surroundings(plan, prefix, taken=layers.width, made=layers.width)
    is_causal = _ask_mask(plan, "all_tokens")
    readout = ask_readout(plan, "mean", READOUTS) if around.head else "every"
    x = layers.stack(enter(plan, around, layers.width), prefix, is_causal=is_causal)
    x = read_out(plan, x, readout)
    return (linear(plan, x, around.head) if around.head else x,)


def build_decoder(plan: Plan, prefix: str) -> tuple[int, ...]:
    """A decoder: reads its target and a memory."""
    layers = Layers(plan, f"{prefix}layers.0")
    is_causal, length = _ask_mask(plan, "causal"), ask_length(plan)
    target, memory = plan.read((layers.width, length), (layers.width, length))
    return (layers.stack(target, prefix, memory, is_causal=is_causal),)


def build_both(plan: Plan, prefix: str) -> tuple[int, ...]:
    """An encoder whose result a decoder attends to: reads a source and a target."""
    layers = Layers(plan, f"{prefix}encoder.layers.0")
    is_causal, length = _ask_mask(plan, "causal"), ask_length(plan)
    source, target = plan.read((layers.width, length), (layers.width, length))
    memory = layers.stack(source, f"{prefix}encoder.")
    return (layers.stack(target, f"{prefix}decoder.", memory, is_causal=is_causal),)


ENCODER = ("layers.0.self_attn.in_proj_weight", "layers.0.linear1.weight", "layers.0.norm1.weight")
SCHEMES = (
    Scheme(
        "a torch.nn.Transformer",
        ("encoder.layers.0.self_attn.in_proj_weight", "decoder.layers.0.multihead_attn.in_proj_weight"),
        build_both,
    ),
    Scheme("a torch.nn.TransformerDecoder", (*ENCODER, "layers.0.multihead_attn.in_proj_weight"), build_decoder),
    Scheme("a torch.nn.TransformerEncoder", ENCODER, build_encoder),
)
