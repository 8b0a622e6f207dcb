"""How much an uploaded file may hold, each limit with its reason."""

import dataclasses

KIBI = 1024
MEBI = 1024 * KIBI

MAX_HEADER_BYTES = 5 * MEBI  # parsing JSON costs about twenty times its size in memory
MAX_NPY_HEADER_BYTES = 4 * KIBI  # numpy writes about 100 bytes
MAX_PICKLE_BYTES = 5 * MEBI  # the structure of a state dict without its numbers; 10,000 tensors take about 2 MiB
MAX_ZIP_ENTRIES = 2_000  # an entry is a tensor; nothing that can be drawn has more
MAX_ZIP_RATIO = 100  # trained weights hardly compress, only bombs do
MAX_RATIO_FREE_BYTES = MEBI  # zero biases compress well; below this size no bomb hurts
MAX_TENSORS = 10_000  # a table of more rows is of no use to anybody
MAX_NDIM = 5  # a stack of convolution kernels
MAX_PARAMETERS = 20_000_000  # 80 MB as float32, and as much again for every copy
MAX_NAME_LENGTH = 200  # what fits a line of a table
MAX_METADATA_BYTES = 256 * KIBI  # an architecture of a thousand layers as JSON
MAX_LAYERS = 500  # layers of one network, activations included; deeper ones cannot be drawn
MAX_SIDE = 4_096  # pixels of a side of an input image that a network may declare
MAX_VALUES = 50_000_000  # numbers that one forward pass of one input keeps, 200 MB
MAX_SIZE = 1_000_000  # features, channels, steps of a single layer
MAX_SEARCH_STEPS = 5_000  # tries to find an order of layers by their shapes, well below a second

TORCH_SECONDS = 60.0  # wall time to import torch and read a file, on a slow machine
TORCH_CPU_SECONDS = 20  # processor time to read a file once torch is imported
TORCH_MEMORY_BYTES = 1_024 * MEBI  # address space to read a file, beyond what torch itself takes
TORCH_OPEN_FILES = 64  # Python opens a few of its own modules late


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """What depends on who may upload.

    Attributes:
        file_bytes: Size of the file as it came.
        tensor_bytes: Size of all tensors as stored in it, after decompression.
        graph_nodes: Neurons of the graph that would be built.
        graph_edges: Weights that would become edges; a model keeps several numbers for each.
        allows_pickle: Whether `.pt` files are read at all, if only by the guarded process.
    """

    file_bytes: int
    tensor_bytes: int
    graph_nodes: int
    graph_edges: int
    allows_pickle: bool


LOCAL = Limits(
    file_bytes=64 * MEBI, tensor_bytes=160 * MEBI, graph_nodes=100_000, graph_edges=4_000_000, allows_pickle=True
)
PUBLIC = Limits(
    file_bytes=16 * MEBI, tensor_bytes=32 * MEBI, graph_nodes=20_000, graph_edges=500_000, allows_pickle=False
)
