"""What neurons compute: their activations for one input, and a small picture of each that has a map."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

import ngcore.graph
import ngcore.inr
from app.block_map import block_map
from app.viewer.packing import pack
from app.viewer.places import layout_of
from app.viewer.scene import per_item

if TYPE_CHECKING:
    import torch

    from ngcore.graph import NodeBlock
    from ngcore.networks import Network

TILE = 32
"""Pixels of a side of a neuron's picture."""

MAX_TILES = 8_192
"""Neurons beyond which none has a picture."""


def pack_activations(network: "Network", inputs: Sequence[np.ndarray]) -> bytes:
    """Activations for one input as bytes, see `app.viewer.packing`.

    Arrays: "values" float32 (items,), means over positions; "tiles" uint8 (items, `TILE`, `TILE`), 0 and 255 the
    largest |value| of the neuron's layer below and above zero; empty where no neuron has a map, or there are too many.

    Args:
        network: A stack whose first network is asked.
        inputs: For each input of the architecture an array of its shape, see `app.graph_view.activations`.
    """
    import torch

    one = network[:1]
    tensors = [torch.as_tensor(x, device=network.device)[None] for x in inputs]
    tensors = [x.to(network.dtype) if x.is_floating_point() else x for x in tensors]
    with torch.inference_mode():
        values = one.values(*tensors)
    return _packed(network, values, [_map_of(block, values) for block in _blocks(network)])


def pack_inr_pictures(network: "Network", point: np.ndarray | None = None) -> bytes:
    """As `pack_activations` for an INR: a neuron's picture is what it computes at every place.

    Args:
        network: A stack whose first network is an image.
        point: (2,) the coordinates whose activations are the values; None: the means over the picture.
    """
    import torch

    one = network[:1]
    axis = torch.linspace(-1, 1, TILE, device=network.device, dtype=network.dtype)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    grid = torch.stack([x, y], dim=-1).reshape(-1, 2)
    with torch.inference_mode():
        everywhere = one.values(grid)
        at = (
            everywhere
            if point is None
            else one.values(torch.as_tensor(point, device=grid.device, dtype=grid.dtype)[None])
        )
    maps = [_over_inputs(block, everywhere) for block in _blocks(network)]
    return _packed(network, at, maps)


def _blocks(network: "Network") -> "tuple[NodeBlock, ...]":
    return ngcore.graph.graph_structure(network.architecture).node_blocks


def _packed(network: "Network", values: "Sequence[torch.Tensor]", maps: "list[torch.Tensor | None]") -> bytes:
    import torch

    architecture = network.architecture
    structure, units, layout = (
        ngcore.graph.graph_structure(architecture),
        block_map(architecture),
        layout_of(architecture),
    )
    responses = ngcore.graph.node_responses(structure, values)
    means = torch.cat([own[0].mean(dim=0) for own in responses]).float().cpu().numpy()
    tiles = np.zeros(0, np.uint8)
    has_maps = any(own is not None for own in maps) and all(grid.per_item == 1 for grid in layout.grids)
    if has_maps and layout.num_items <= MAX_TILES:
        blank = np.full((TILE, TILE), 128, np.uint8)
        parts = [
            np.broadcast_to(blank, (block.size, TILE, TILE)) if own is None else _as_tiles(own)
            for block, own in zip(structure.node_blocks, maps, strict=True)
        ]
        tiles = np.concatenate(parts).reshape(-1)
    has_map = np.concatenate(
        [np.full(block.size, own is not None) for block, own in zip(structure.node_blocks, maps, strict=True)]
    )
    arrays = {
        "values": per_item(means, units, layout, structure),
        "tiles": tiles,
        "has_tile": (per_item(has_map.astype(np.float32), units, layout, structure) > 0).astype(np.uint8),
    }
    return pack({"tile": TILE}, arrays)


def _map_of(block: "NodeBlock", values: "Sequence[torch.Tensor]") -> "torch.Tensor | None":
    """(neurons, height, width) of the maps of a block's neurons; None where they have none."""
    if block.response is None:
        return None
    value = values[block.response]
    if value.dim() != 5 or not value.is_floating_point() or block.spread > 1 or min(value.shape[3:]) < 2:
        return None
    return value[0, 0, block.channel : block.channel + block.size].float()


def _over_inputs(block: "NodeBlock", values: "Sequence[torch.Tensor]") -> "torch.Tensor | None":
    """(neurons, `TILE`, `TILE`) of what neurons compute for a grid of inputs."""
    if block.response is None:
        return None
    own = values[block.response]
    if own.dim() != 3 or own.shape[1] != TILE * TILE:
        return None
    return own[0, :, block.channel : block.channel + block.size].T.reshape(-1, TILE, TILE).float()


def _as_tiles(maps: "torch.Tensor") -> np.ndarray:
    """uint8 (neurons, `TILE`, `TILE`), brightness about zero by the largest |value| of all."""
    import torch

    maps = torch.nan_to_num(maps, nan=0.0, posinf=0.0, neginf=0.0)
    sized = torch.nn.functional.interpolate(maps[:, None], (TILE, TILE), mode="nearest-exact")[:, 0]
    limit = float(sized.abs().quantile(0.995)) if sized.numel() < 10_000_000 else float(sized.abs().max())
    limit = limit or float(sized.abs().max()) or 1.0
    return (128 + (sized / limit).clamp(-1, 1) * 127).round().to(torch.uint8).cpu().numpy()
