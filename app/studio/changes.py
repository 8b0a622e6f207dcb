"""How far an edit moved the weights of a network: tensor by tensor, and neuron by neuron."""

import numpy as np

from app.graph_view import GraphView
from ngcore.networks import Network

Row = dict[str, str | int | float]


def layer_changes(after: Network, before: Network) -> list[Row]:
    """How far each tensor of parameters moved: a row each, with root mean squares."""
    rows: list[Row] = []
    for name, tensor in before.parameters.items():
        change = after.parameters[name].cpu() - tensor.cpu()
        size, moved = (float(values.double().square().mean().sqrt()) for values in (tensor, change))
        rows.append(
            {
                "tensor": name,
                "numbers": tensor[0].numel(),
                "size before": size,
                "change": moved,
                "relative change": moved / size if size else float("nan"),
                "largest change": float(change.abs().max()),
            }
        )
    return rows


def neuron_sizes(view: GraphView) -> np.ndarray:
    """(nodes,) length of the vector of all incoming weights and the bias of each neuron; 0 for inputs."""
    squares = np.square(view.bias) * view.has_bias
    into, weights = view.target[view.is_weight], np.square(view.value[view.is_weight])
    return np.sqrt(squares + np.bincount(into, weights, minlength=view.num_nodes))


def neuron_changes(change: GraphView, before: GraphView, count: int) -> list[Row]:
    """The neurons whose incoming weights and bias moved most, a row each, the furthest first.

    Args:
        change: The graph of the `difference`.
        before: The graph of the network before.
        count: How many rows at most.
    """
    moved, size = neuron_sizes(change), neuron_sizes(before)
    furthest = [int(node) for node in np.argsort(-moved, kind="stable")[:count] if moved[node] > 0]
    return [
        {
            "neuron": change.node_name(node),
            "change": float(moved[node]),
            "relative change": float(moved[node] / size[node]) if size[node] else float("nan"),
            "change of the bias": float(change.bias[node]),
        }
        for node in furthest
    ]
