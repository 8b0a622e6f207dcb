"""What the neurons of a graph answer: the values of a forward pass, node block by node block."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from ngcore.graph.structure import GraphStructure, NodeBlock


def node_responses(
    structure: GraphStructure, values: Sequence[Tensor]
) -> list[Float[Tensor, "networks inputs neurons"]]:
    """The activations of each node block; means over the positions of maps.

    Args:
        structure: The graph.
        values: All values of a forward pass, see `Network.values`.

    Returns:
        One tensor a node block; zeros for neurons that no value holds, such as the scores of attention.
    """
    return [_response(block, values) for block in structure.node_blocks]


def _response(block: NodeBlock, values: Sequence[Tensor]) -> Tensor:
    if block.response is None or values[block.response].dim() < 3 or not values[block.response].is_floating_point():
        networks, inputs = values[0].shape[:2]
        example = next(value for value in values if value.is_floating_point())
        return example.new_zeros(networks, inputs, block.size)
    value = values[block.response]
    count = block.size * block.spread
    if count < value.shape[2]:
        value = value[:, :, block.channel : block.channel + count]
    if block.spread > 1:
        value = value.unflatten(2, (block.size, block.spread))
    value = value.flatten(3).mean(dim=3) if value.dim() > 3 else value
    return value.expand(-1, values[0].shape[1], -1)
