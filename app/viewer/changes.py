"""How far apart the parameters of two networks of one architecture are, as a network and neuron by neuron."""

from typing import TYPE_CHECKING

import numpy as np

import ngcore.graph
from app.viewer.matrices import glances_of

if TYPE_CHECKING:
    from ngcore.networks import Network


def difference(after: "Network", before: "Network") -> "Network":
    """The change of every parameter, as a network of the same architecture on the CPU."""
    from ngcore.networks import Network

    changes = {name: after.parameters[name].cpu() - tensor.cpu() for name, tensor in before.parameters.items()}
    return Network(before.architecture, changes)


def neuron_lengths(network: "Network") -> np.ndarray:
    """(nodes,) length of the vector of all incoming weights and the bias of each neuron; 0 for inputs.

    Args:
        network: A stack whose first network is measured; of a `difference` it is how far each neuron moved.
    """
    bias = ngcore.graph.node_features(network[:1].detach().to("cpu"))[0, :, 0].double().numpy()
    has_bias = np.concatenate(
        [
            np.full(block.size, bool(block.parameters) and block.parameters[0] is not None)
            for block in ngcore.graph.graph_structure(network.architecture).node_blocks
        ]
    )
    return np.hypot(glances_of(network).fan_in.astype(float), np.where(has_bias, bias, 0.0))
