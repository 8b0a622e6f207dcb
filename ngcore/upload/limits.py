"""How much an uploaded file may hold, each limit with its reason."""

import dataclasses

KIBI = 1024
MEBI = 1024 * KIBI

MAX_HEADER_BYTES = 5 * MEBI  # parsing JSON costs about twenty times its size in memory
MAX_NPY_HEADER_BYTES = 4 * KIBI  # numpy writes about 100 bytes
MAX_PICKLE_BYTES = 5 * MEBI  # the structure of a state dict without its numbers; 4,000 tensors take about 1 MiB
MAX_ZIP_ENTRIES = 2_000  # an entry is a tensor; nothing that can be drawn has more
MAX_ZIP_RATIO = 100  # trained weights hardly compress, only bombs do
MAX_RATIO_FREE_BYTES = MEBI  # zero biases compress well; below this size no bomb hurts
MAX_TENSORS = 4_000  # far more than the tensors of as many layers as are read
MAX_NDIM = 5  # a stack of convolution kernels
MAX_PARAMETERS = 20_000_000  # 80 MB as float32, and as much again for every copy
MAX_METADATA_BYTES = 256 * KIBI  # an architecture of a thousand layers as JSON
MAX_LAYERS = 500  # layers of one network, activations included; deeper ones cannot be drawn
MAX_SIDE = 4_096  # pixels of a side of an input image that a network may declare
MAX_SIZE = 1_000_000  # features, channels, steps of a single layer
MAX_STORED_TENSORS = 20_000  # of a file whose tensors are only shown; a checkpoint keeps three times its parameters
MAX_STORED_NDIM = 8  # axes of such a tensor
MAX_STORED_NUMBERS = 2**31  # numbers of all of them, as one-byte numbers fill the largest file
MAX_DIRECTORY_BYTES = 4 * MEBI  # the list of entries of an archive, about 100 bytes for each
MAX_OBJECTS = 100_000  # groups, tensors and pieces of a tree that are visited in an HDF5 file
MAX_ONNX_FIELDS = 2_000_000  # fields of all messages of an ONNX file, a microsecond each; ResNet-18 has 3,000
MAX_ONNX_NODES = 20_000  # operations; large language models have 10,000
MAX_PROGRAM_BYTES = 16 * MEBI  # the JSON of an exported program; that of ResNet-18 takes 160 kB
MAX_ONNX_STEPS = 5_000  # operations of a graph that is read as a network
MAX_FOREIGN_OPERATIONS = 50_000  # what they are taken apart into, about a tenth of a millisecond each
MAX_ONNX_DEPTH = 8  # graphs within graphs (loops, choices)
MAX_FOLDED_NUMBERS = 64 * MEBI  # computed from constants alone while a graph is read, 256 MB as float32
MAX_SEARCH_STEPS = 5_000  # tries to find an order of layers by their shapes, well below a second

MAX_PICKLE_OPERATIONS = 1_000_000  # 4,000 tensors take 240,000; each operation takes a microsecond
PICKLE_SECONDS = 30.0  # wall time to start a process and read a pickle, on a slow and busy machine
PICKLE_CPU_SECONDS = 10  # processor time for it, several times what the longest allowed pickle takes
PICKLE_MEMORY_BYTES = 512 * MEBI  # address space to read it; every operation may make an object of 100 bytes
MAX_PICKLE_ANSWER_BYTES = 4 * MAX_PICKLE_BYTES  # a description in JSON is longer than in a pickle
MAX_READERS = 2  # pickles that are read at the same time, so that the rest of the app keeps a processor
MAX_WAITING_READERS = 16  # who would wait longer had better come back


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits that depend on who may upload.

    Attributes:
        file_bytes: Size of the uploaded file.
        tensor_bytes: Size of all tensors as stored in it, after decompression.
        graph_nodes: Neurons of the graph that would be built.
        graph_edges: Weights that would become edges; a model keeps several numbers for each.
        graph_bytes: Features of that graph, where a single large kernel makes all others as large by padding.
        value_bytes: Values of a forward pass of one input; pages run one on every rerun.
        multiply_adds: Work of a forward pass of one input, at about 10 billion per second.
        allows_pickle: Whether `.pt` files are read at all, if only by an unprivileged process.
        stored_bytes: Size of a file whose tensors are only shown; what is shown is read, no more.
        unpacked_bytes: Size of the compressed tensors of such a file, each of which is in memory while it is shown.
    """

    file_bytes: int
    tensor_bytes: int
    graph_nodes: int
    graph_edges: int
    graph_bytes: int
    value_bytes: int
    multiply_adds: int
    allows_pickle: bool
    stored_bytes: int
    unpacked_bytes: int


LOCAL = Limits(
    file_bytes=64 * MEBI,
    tensor_bytes=160 * MEBI,
    graph_nodes=100_000,
    graph_edges=4_000_000,
    graph_bytes=512 * MEBI,
    value_bytes=512 * MEBI,
    multiply_adds=10_000_000_000,
    allows_pickle=True,
    stored_bytes=2048 * MEBI,
    unpacked_bytes=512 * MEBI,
)
PUBLIC = Limits(
    file_bytes=16 * MEBI,
    tensor_bytes=32 * MEBI,
    graph_nodes=20_000,
    graph_edges=200_000,
    graph_bytes=128 * MEBI,
    value_bytes=128 * MEBI,
    multiply_adds=2_000_000_000,
    allows_pickle=False,
    stored_bytes=16 * MEBI,
    unpacked_bytes=32 * MEBI,
)
