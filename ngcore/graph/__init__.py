"""Neural graphs: networks as nodes and edges, in the block and the flat layout."""

from ngcore.graph.convert import to_graph as to_graph
from ngcore.graph.convert import to_network as to_network
from ngcore.graph.flat import FlatGraph as FlatGraph
from ngcore.graph.flat import block_edge_index as block_edge_index
from ngcore.graph.flat import from_flat as from_flat
from ngcore.graph.flat import from_pyg as from_pyg
from ngcore.graph.flat import to_flat as to_flat
from ngcore.graph.flat import to_pyg as to_pyg
from ngcore.graph.layout import BlockLayout as BlockLayout
from ngcore.graph.layout import Edges as Edges
from ngcore.graph.layout import FlatLayout as FlatLayout
from ngcore.graph.layout import Layout as Layout
from ngcore.graph.layout import map_edges as map_edges
from ngcore.graph.neural_graph import NeuralGraph as NeuralGraph
from ngcore.graph.structure import EdgeBlock as EdgeBlock
from ngcore.graph.structure import GraphStructure as GraphStructure
from ngcore.graph.structure import NodeBlock as NodeBlock
from ngcore.graph.structure import graph_structure as graph_structure

__all__ = [
    "BlockLayout",
    "EdgeBlock",
    "Edges",
    "FlatGraph",
    "FlatLayout",
    "GraphStructure",
    "Layout",
    "NeuralGraph",
    "NodeBlock",
    "block_edge_index",
    "from_flat",
    "from_pyg",
    "graph_structure",
    "map_edges",
    "to_flat",
    "to_graph",
    "to_network",
    "to_pyg",
]
