"""The neural graph as files of other programs: GraphML, torch_geometric, SVG; tensors as .npy; the Python of a view."""

import io
from html import escape
from typing import TYPE_CHECKING

import numpy as np

import ngcore.graph
from app.charts.gaps import full_colour
from app.charts.graph_svg import NodeValues, draw_graph_svg
from app.graph_view import MAX_DRAWN_EDGES, GraphView
from ngcore.errors import NeuralGraphError

if TYPE_CHECKING:
    from app.state import Selection
    from ngcore.networks import Network

MAX_GRAPHML_EDGES = 1_000_000
MAX_PYG_NUMBERS = 50_000_000
"""Numbers on the edges of a `Data`, 200 MB: every edge is as wide as the largest kernel."""

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="name" for="node" attr.name="name" attr.type="string"/>
<key id="layer" for="node" attr.name="layer" attr.type="string"/>
<key id="activation" for="node" attr.name="activation" attr.type="string"/>
<key id="bias" for="node" attr.name="bias" attr.type="double"/>
<key id="weight" for="edge" attr.name="weight" attr.type="double"/>
<key id="kind" for="edge" attr.name="kind" attr.type="string"/>
<graph id="neural_graph" edgedefault="directed">
"""


def graphml(view: GraphView) -> bytes:
    """The graph as GraphML, which Gephi, yEd, Cytoscape and networkx open; kernels as their signed norms.

    Raises:
        NeuralGraphError: If it has more than `MAX_GRAPHML_EDGES` edges.
    """
    if len(view.value) > MAX_GRAPHML_EDGES:
        raise NeuralGraphError(f"Expected at most {MAX_GRAPHML_EDGES:,} edges, got {len(view.value):,}.")
    nodes = []
    for layer in view.layers:
        shared = (
            f'<data key="layer">{escape(layer.name)}</data><data key="activation">{escape(layer.activation)}</data>'
        )
        for node in range(layer.start, layer.start + layer.size):
            bias = f'<data key="bias">{view.bias[node]:.9g}</data>' if view.has_bias[node] else ""
            name = escape(view.node_name(node))
            nodes.append(f'<node id="n{node}"><data key="name">{name}</data>{shared}{bias}</node>')
    ends = [
        f'<edge source="n{source}" target="n{target}"><data key="weight">{value:.9g}</data>'
        f'<data key="kind">{view.kinds[block]}</data></edge>'
        for source, target, value, block in zip(
            view.source.tolist(), view.target.tolist(), view.value.tolist(), view.block.tolist(), strict=True
        )
    ]
    return "\n".join([_HEAD.rstrip(), *nodes, *ends, "</graph>", "</graphml>", ""]).encode()


def pyg_data(network: "Network") -> bytes:
    """The graph as a torch_geometric `Data`, saved by torch; see `ngcore.graph.to_pyg`.

    Raises:
        NeuralGraphError: If its edges hold more than `MAX_PYG_NUMBERS` numbers.
    """
    import torch

    structure = ngcore.graph.graph_structure(network.architecture)
    count = structure.num_edges * int(np.prod(structure.kernel_size))
    if count > MAX_PYG_NUMBERS:
        raise NeuralGraphError(f"Expected at most {MAX_PYG_NUMBERS:,} numbers on edges, got {count:,}.")
    file = io.BytesIO()
    torch.save(ngcore.graph.to_pyg(ngcore.graph.to_graph(network[:1].detach().to("cpu")))[0], file)
    return file.getvalue()


def graph_svg(view: GraphView, title: str) -> str:
    """The layered drawing with the strongest edges of every layer, neurons coloured by bias."""
    bias = NodeValues("bias", view.bias, full_colour(view.bias, 0.98))
    return draw_graph_svg(view, view.strongest_of_layers(MAX_DRAWN_EDGES), title=title, nodes=bias)


def npy(network: "Network", name: str) -> bytes:
    """A tensor as an .npy file, in the precision in which it is held; bfloat16, which numpy lacks, as float32."""
    import torch

    tensor = network.parameters[name][0].detach().cpu()
    file = io.BytesIO()
    np.save(file, (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy(), allow_pickle=False)
    return file.getvalue()


def python_code(selection: "Selection", file_name: str) -> str:
    """A program that opens this view on the selected network.

    Args:
        selection: The network.
        file_name: Of the safetensors file that holds it, where it is in no zoo.
    """
    if selection.is_upload:
        imports = ["from pathlib import Path", "", "import ngcore", "from ngcore.graph import to_graph"]
        imports += ["from ngcore.upload import read_network"]
        network = f"network = read_network(Path({file_name!r}).read_bytes()).network  # saved by the button above"
    else:
        imports = ["import ngcore", "from ngcore.graph import to_graph", "from ngcore.zoo import Zoo, find_zoo"]
        network = f"zoo = Zoo.open(find_zoo({selection.zoo!r}))\n"
        network += f"network = zoo.networks([zoo.position({selection.id!r})])"
    graph = "graph = to_graph(network)  # .node_features, .edge_features, .structure"
    return "\n".join([*imports, "", network, graph, "ngcore.show(network)  # this page", ""])
