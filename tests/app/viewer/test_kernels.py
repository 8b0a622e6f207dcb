"""The kernels into a neuron: their numbers are those of the tensor at the path that they are named by."""

import numpy as np
import pytest
import torch
from dag_architectures import DAGS


def kernels(network, node):
    from app.viewer.kernels import pack_kernels
    from app.viewer.packing import unpack

    packed = pack_kernels(network, node)
    return None if packed is None else unpack(packed)


def entry(network, path):
    """The entries of a tensor at a path such as "2.weight[5, 3]"."""
    name, _, index = path.rstrip("]").partition("[")
    places = tuple(
        slice(*map(int, part.split(":"))) if ":" in part else int(part) for part in index.replace(" ", "").split(",")
    )
    return network.parameters[name][0][places].numpy()


@pytest.mark.parametrize("name", ["small CNN", *DAGS])
def test_kernels_are_those_of_the_tensor_at_their_paths(name):
    import ngcore.graph
    from ngcore.networks import small_cnn
    from ngcore.testing import random_network

    architecture = small_cnn((1, 4, 4), image_size=(8, 8)) if name == "small CNN" else DAGS[name]
    network = random_network(architecture, seed=3, dtype=torch.float32)
    structure = ngcore.graph.graph_structure(architecture)
    targets = {block.target for block in structure.edge_blocks if block.kernel != (1, 1) and block.layout == "out_in"}
    for number in targets:
        node = structure.node_blocks[number].stop - 1
        facts, arrays = kernels(network, node)
        found = arrays["values"].reshape(-1, facts["height"] * facts["width"])
        assert len(found) == len(facts["rows"]) > 0 and facts["node"] == node
        for row, values in zip(facts["rows"], found, strict=True):
            assert row["source"] < structure.num_nodes
            if "::" not in row["path"]:
                assert values == pytest.approx(entry(network, row["path"]).ravel())
            assert abs(row["norm"]) == pytest.approx(np.linalg.norm(values), rel=1e-5)


def test_neurons_that_read_single_weights_have_no_kernels():
    from ngcore.networks import mlp
    from ngcore.testing import random_network

    assert kernels(random_network(mlp((4, 5, 3)), seed=1, dtype=torch.float32), 6) is None
