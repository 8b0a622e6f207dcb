"""Scaled dot-product attention of several heads, and rotary positions."""

import dataclasses
import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from ngcore.errors import ArchitectureError
from ngcore.networks.layers.base import Flow, Layer, Parameters, Shape, require, require_sizes, set_number

MAX_SCORES = 256 * 256
"""Scores of a head up to which they are kept whole; more are left to the fused function, which keeps none."""


@dataclasses.dataclass(frozen=True)
class Attend(Layer):
    """softmax(scale · QᵀK + mask) V in each head (Vaswani et al. 2017, Sec. 3.2); Q, K, V and O are Linears.

    Reads queries (heads · d, tokens), keys (num_kv_heads · d, others), values (num_kv_heads · d_v, others), and maybe a
    mask (1 or heads, tokens or 1, others) that is added to the scores. Head by head the channels stand side by side.

    Attributes:
        num_heads: H.
        num_kv_heads: Heads of keys and values, each shared by H / num_kv_heads heads of queries; None: H.
        is_causal: Whether token t attends to tokens 0 … t alone.
        scale: Factor of the scores; None: 1 / √d.
    """

    num_heads: int
    num_kv_heads: int | None = None
    is_causal: bool = False
    scale: float | None = None
    kind: ClassVar[str] = "attend"
    flow: ClassVar[Flow] = "attend"
    reads: ClassVar[tuple[int, int | None]] = (3, 4)

    def __post_init__(self) -> None:
        require_sizes(self, self.num_heads, self.kv_heads)
        if self.num_heads % self.kv_heads:
            raise ArchitectureError(f"Expected heads of keys that divide {self.num_heads} heads, got {self}.")
        if self.scale is not None:
            set_number(self, "scale")

    @property
    def kv_heads(self) -> int:
        """Heads of keys and values."""
        return self.num_kv_heads or self.num_heads

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        query, key, value = shapes[:3]
        fits = (
            len(query) == len(key) == len(value) == 2
            and query[0] % self.num_heads == 0
            and key[0] % self.kv_heads == value[0] % self.kv_heads == 0
            and query[0] // self.num_heads == key[0] // self.kv_heads
            and key[1] == value[1]
        )
        require(fits, self, "(heads · d, tokens), queries like keys and keys as many as values,", *shapes[:3])
        if len(shapes) == 4:
            mask = shapes[3]
            fits = len(mask) == 3 and mask[0] in (1, self.num_heads) and mask[1] in (1, query[1]) and mask[2] == key[1]
            require(fits, self, f"({self.num_heads}, {query[1]}, {key[1]}) as a mask", mask)
        return (value[0] // self.kv_heads * self.num_heads, query[1])

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        batch = max(value.shape[1] for value in values[:3])
        heads = (self.num_heads, self.kv_heads, self.kv_heads)
        query, key, value = (
            x.expand(-1, batch, -1, -1).unflatten(2, (count, -1)) for x, count in zip(values[:3], heads, strict=True)
        )  # networks, batch, heads, d, tokens
        repeats = self.num_heads // self.kv_heads
        key, value = (x.repeat_interleave(repeats, dim=2) if repeats > 1 else x for x in (key, value))
        mask = values[3] if len(values) == 4 else None
        if self.is_causal and mask is not None:
            mask = mask + causal_mask(query.shape[4], key.shape[4], mask)
        if query.shape[4] * key.shape[4] <= MAX_SCORES:
            return self._attend_by_scores(query, key, value, mask).flatten(2, 3)
        attended = functional.scaled_dot_product_attention(
            query.mT, key.mT, value.mT, attn_mask=mask, is_causal=self.is_causal and mask is None, scale=self.scale
        )
        return attended.mT.flatten(2, 3)

    def _attend_by_scores(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """The formula itself, which spares short sequences the copies that the fused function would need."""
        scale = 1 / math.sqrt(query.shape[3]) if self.scale is None else self.scale
        scores = (query.mT * scale) @ key
        if mask is not None:
            scores = scores + mask
        elif self.is_causal:
            scores = scores + causal_mask(scores.shape[-2], scores.shape[-1], scores)
        return value @ scores.softmax(dim=-1).mT


def causal_mask(tokens: int, others: int, like: Tensor) -> Tensor:
    """(tokens, others): 0 up to the diagonal, −∞ above it."""
    return torch.full((tokens, others), -math.inf, dtype=like.dtype, device=like.device).triu(1)


@dataclasses.dataclass(frozen=True)
class Rotary(Layer):
    """Rotary positions (Su et al. 2021): pairs of a head's channels turned by angles that grow with the position.

    The tables `cos` and `sin`, (rotary_dim / 2, positions), are fixed numbers. The place of a channel in its head says
    how fast it turns, so only heads as wholes may change places.

    Attributes:
        head_dim: Channels of a head.
        num_positions: Positions of the tables, at least as many as there are tokens.
        rotary_dim: Channels of a head, from the first, that are turned; None: all.
        is_interleaved: Whether pairs are (0, 1), (2, 3), … rather than (0, d/2), (1, d/2 + 1), ….
    """

    head_dim: int
    num_positions: int
    rotary_dim: int | None = None
    is_interleaved: bool = False
    kind: ClassVar[str] = "rotary"
    flow: ClassVar[Flow] = "keep"
    pins_positions: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_sizes(self, self.head_dim, self.num_positions, self.num_turned)
        if self.num_turned % 2 or self.num_turned > self.head_dim:
            raise ArchitectureError(f"Expected an even number of turned channels of a head, got {self}.")

    @property
    def num_turned(self) -> int:
        """Channels of a head that are turned."""
        return self.rotary_dim or self.head_dim

    @property
    def period(self) -> int:  # type: ignore[override]
        """See `Layer`."""
        return self.head_dim

    def parameter_shapes(self) -> dict[str, Shape]:
        """See `Layer`."""
        return dict.fromkeys(("cos", "sin"), (self.num_turned // 2, self.num_positions))

    @property
    def axes(self) -> dict[str, tuple[None, ...]]:  # type: ignore[override]
        """See `Layer`."""
        return dict.fromkeys(("cos", "sin"), (None, None))

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        (shape,) = shapes
        fits = len(shape) == 2 and shape[0] % self.head_dim == 0 and shape[1] <= self.num_positions
        require(fits, self, f"(heads · {self.head_dim}, at most {self.num_positions} tokens)", shape)
        return shape

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        (x,) = values
        heads = x.unflatten(2, (-1, self.head_dim))  # networks, batch, heads, head_dim, tokens
        turned, rest = heads.split([self.num_turned, self.head_dim - self.num_turned], dim=3)
        if self.is_interleaved:
            first, second = turned[:, :, :, ::2], turned[:, :, :, 1::2]
        else:
            first, second = turned.chunk(2, dim=3)
        cos, sin = (parameters[name][:, None, None, :, : x.shape[3]] for name in ("cos", "sin"))
        pair = (first * cos - second * sin, second * cos + first * sin)
        turned = torch.stack(pair, dim=4).flatten(3, 4) if self.is_interleaved else torch.cat(pair, dim=3)
        return torch.cat([turned, rest], dim=3).flatten(2, 3)
