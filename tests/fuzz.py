"""Damages valid files of every format and reads them: the outcome is a result or a refusal, soon and in little memory.

`make fuzz` runs every target for a share of its time, each time with other damage; tests run each for a few rounds.
"""

import argparse
import contextlib
import dataclasses
import io
import json
import logging
import random
import resource
import sys
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

MEMORY = 1 << 30  # bytes of address space beyond what the process takes at its start
SLOW_S = 20.0  # what no small file may take, on a slow and busy machine
MAX_LOOKED_AT = 5_000_000  # numbers of a tensor that are read
LOGGERS = ("ngcore.upload.reader", "ngcore.upload.weights.opening")
INTERESTING = (0, 1, 2, 8, 16, 63, 64, 127, 128, 255)
WHOLE_NUMBERS = (0, 1, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1)


@dataclasses.dataclass(frozen=True)
class Target:
    """Files of a format, and what to do with damaged ones.

    Attributes:
        files: Makes valid files.
        read: Reads one; may raise `NeuralGraphError` and nothing else.
    """

    files: Callable[[], list[bytes]]
    read: Callable[[bytes], None]


class UnforeseenError(Exception):
    """A reader turned an error that it had not foreseen into a refusal."""


class _Raising(logging.Handler):
    def emit(self, record):
        raise UnforeseenError(record.getMessage()) from (record.exc_info[1] if record.exc_info else None)


@contextlib.contextmanager
def raising_on_unforeseen() -> Iterator[None]:
    """Have errors that readers only log end in an exception."""
    handler = _Raising()
    for name in LOGGERS:
        logging.getLogger(name).addHandler(handler)
    try:
        yield
    finally:
        for name in LOGGERS:
            logging.getLogger(name).removeHandler(handler)


def look_at(data: bytes) -> None:
    """Everything that the app and the command line do with a file of weights."""
    from ngcore.errors import NeuralGraphError
    from ngcore.upload.schemes import connections_of, recognise_file
    from ngcore.upload.weights import first_kernels, group_names, guess_connections, open_weights, thumbnail

    with contextlib.suppress(NeuralGraphError):
        file = open_weights(data, filename="fuzz")
        group_names(file.tensors)
        guess_connections(file)
        connections_of(file, recognise_file(file))
        for tensor in file.tensors.values():
            if tensor.size > MAX_LOOKED_AT:
                continue
            with contextlib.suppress(NeuralGraphError):
                _ = tensor.summary, thumbnail(tensor), tensor.array()
                if len(tensor.shape) == 4:
                    first_kernels(tensor)


def look_at_and_read(data: bytes) -> None:
    """As `look_at`, and what reading a network of the file does."""
    from ngcore.errors import NeuralGraphError
    from ngcore.upload import Hints, read_network

    look_at(data)
    with contextlib.suppress(NeuralGraphError):
        read_network(data, filename="fuzz", hints=Hints(activation="relu", stride=1, padding=0, input_size=(6, 6)))


def read_whole(data: bytes) -> None:
    """As `look_at`, and as a network that is run once, if it is one."""
    import torch

    from ngcore.errors import NeuralGraphError
    from ngcore.upload import read_network

    look_at(data)
    with contextlib.suppress(NeuralGraphError):
        network = read_network(data, filename="fuzz").network
        architecture = network.architecture
        if architecture.num_inputs == 1 and not architecture.token_values:
            with torch.no_grad():
                network(torch.zeros(1, *architecture.input_shape))


def look_at_torch(data: bytes) -> None:
    """As `look_at`, with the pickle described in this process: starting one for each file takes long."""
    from ngcore.upload.torch_reader import WANTED
    from ngcore.upload.weights import torch_source

    original = torch_source.describe_pickle
    torch_source.describe_pickle = lambda pickle, wanted: json.loads(json.dumps(WANTED[wanted](pickle)))
    try:
        look_at(data)
    finally:
        torch_source.describe_pickle = original


def _state():
    import torch

    torch.manual_seed(0)
    return {
        "model.conv.weight": torch.randn(4, 2, 3, 3),
        "model.conv.bias": torch.randn(4).half(),
        "model.fc.weight_g": torch.rand(3, 1),
        "model.fc.weight_v": torch.randn(3, 4),
        "model.q.weight": torch.ones(2, 3, dtype=torch.int8),
        "model.q.weight_scale": torch.rand(2, 1),
        "optimizer.state.0.exp_avg": torch.zeros(4),
        "model.steps": torch.tensor(3),
    }


def _known_networks():
    """State dicts of known libraries."""
    from scheme_modules.gpts import Gpt
    from scheme_modules.image_networks import DenseNet, TimmConvNext
    from scheme_modules.language_models import BertClassifier, Llama
    from scheme_modules.resnets import ResNet
    from scheme_modules.vits import TimmViT

    modules = [
        Gpt(is_tied=False),
        DenseNet(),
        TimmConvNext(),
        BertClassifier(),
        Llama(),
        ResNet([4, 6], [1, 1]),
        TimmViT(),
    ]
    return [module.state_dict() for module in modules]


def safetensors_files():
    import safetensors.torch
    import torch

    return [
        *(safetensors.torch.save(state) for state in _known_networks()),
        safetensors.torch.save(_state(), {"note": "text"}),
        safetensors.torch.save({"a": torch.ones(2, 2).bfloat16(), "b": torch.ones(2, 2).to(torch.float8_e4m3fn)}),
    ]


def npz_files():
    import numpy as np

    arrays = {name: tensor.numpy() for name, tensor in _state().items()}
    stored, deflated = io.BytesIO(), io.BytesIO()
    np.savez(stored, **arrays)
    np.savez_compressed(deflated, **arrays)
    return [stored.getvalue(), deflated.getvalue()]


def torch_files():
    import torch

    files = []
    for content in (_state(), {"epoch": 3, "state_dict": _state(), "log": [1.5, None, {"a": (1, 2)}]}):
        buffer = io.BytesIO()
        torch.save(content, buffer)
        files.append(buffer.getvalue())
    return files


def legacy_torch_files():
    import torch

    buffer = io.BytesIO()
    torch.save({"epoch": 3, "state_dict": _state()}, buffer, _use_new_zipfile_serialization=False)
    return [buffer.getvalue()]


def hdf5_files():
    import h5py
    import numpy as np

    files = []
    for options in ({}, {"libver": "latest"}, {"track_order": True}):
        buffer = io.BytesIO()
        with h5py.File(buffer, "w", **options) as file:
            file["layers/dense/vars/0"] = np.ones((3, 4), np.float32)
            file.create_dataset("chunked", data=np.ones((40, 40)), chunks=(8, 8), compression="gzip", shuffle=True)
            file["soft"] = h5py.SoftLink("/chunked")
            file.attrs["names"] = ["a", "b"]
            for i in range(40):
                file[f"many/{i}"] = np.ones(2)
        files.append(buffer.getvalue())
    return files


def keras_files():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", '{"class_name": "Sequential"}')
        archive.writestr("model.weights.h5", hdf5_files()[0])
    return [buffer.getvalue(), _keras_model()]


def _keras_model():
    """A model of which a network is made, by its config."""
    import h5py
    import numpy as np

    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        file["layers/conv2d/vars/0"] = np.ones((3, 3, 2, 4), np.float32)
        file["layers/dense/vars/0"] = np.ones((64, 3), np.float32)
        file["layers/dense/vars/1"] = np.ones(3, np.float32)
    kinds = [
        ("InputLayer", {"batch_shape": [None, 6, 6, 2]}),
        ("Conv2D", {"activation": "relu", "padding": "valid", "strides": [1, 1]}),
        ("Flatten", {}),
        ("Dense", {"activation": "softmax"}),
    ]
    layers = [{"class_name": kind, "config": {"name": kind, **config}} for kind, config in kinds]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps({"class_name": "Sequential", "config": {"layers": layers}}))
        archive.writestr("model.weights.h5", weights.getvalue())
    return buffer.getvalue()


def onnx_files():
    import numpy as np
    from onnx import TensorProto
    from onnx_models import model, node, numbers

    layers = [
        node("Conv", "x k b", "c", pads=[1, 1, 1, 1]),
        node("Relu", "c", "r"),
        node("MaxPool", "r", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Shape", "p", "s"),
        node("Gather", "s zero", "n"),
        node("Concat", "n rest", "t", axis=0),
        node("Reshape", "p t", "f"),
        node("DequantizeLinear", "w scale", "d"),
        node("MatMul", "f d", "m"),
        node("Softmax", "m", "y"),
    ]
    weights = {"k": numbers(2, 1, 3, 3), "b": numbers(2), "zero": np.array([0]), "rest": np.array([-1])}
    weights |= {"w": np.ones((8, 3), np.int8), "scale": np.array(0.5, np.float32)}
    cells = {"w": numbers(1, 12, 4), "r": numbers(1, 12, 3), "b": numbers(1, 24), "h": np.ones((2, 2), np.float16)}
    steps = [node("Transpose", "x", "t", perm=[1, 0, 2]), node("LSTM", "t w r b", "a y", hidden_size=3)]
    tokens = [node("Gather", "w x", "e"), node("ReduceMean", "e", "y", axes=[1], keepdims=0)]
    return [
        model(layers, weights, inputs=(("x", ("batch", 1, 4, 4)),)),
        model(steps, cells, inputs=(("x", (1, 5, 4)),)),
        model(tokens, {"w": numbers(5, 3)}, inputs=(("x", ("batch", 6)),), kinds={"x": TensorProto.INT64}),
    ]


def exported_files():
    import torch
    from torch import nn

    class Small(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm, self.out = nn.Conv1d(2, 3, 3), nn.BatchNorm1d(3), nn.Linear(9, 2)
            self.rnn = nn.GRU(3, 3, batch_first=True)

        def forward(self, x):
            y = self.norm(self.conv(x)).relu_()
            y = y * torch.arange(3).float() + torch.ones(3)
            return self.out(self.rnn(y.transpose(1, 2))[0].reshape(len(x), -1))

    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(Small().eval(), (torch.ones(2, 2, 5),)), buffer)
    kept = ("data/weights", "data/constants", "models")
    small = io.BytesIO()
    with zipfile.ZipFile(buffer) as whole, zipfile.ZipFile(small, "w") as archive:
        for name in whole.namelist():
            if name.partition("/")[2].startswith(kept):
                archive.writestr(name, whole.read(name))
    return [small.getvalue()]


TARGETS: dict[str, Target] = {
    "safetensors": Target(safetensors_files, look_at),
    "npz": Target(npz_files, look_at),
    "torch": Target(torch_files, look_at_torch),
    "legacy-torch": Target(legacy_torch_files, look_at_torch),
    "hdf5": Target(hdf5_files, look_at_and_read),
    "keras": Target(keras_files, look_at_and_read),
    "onnx": Target(onnx_files, read_whole),
    "exported": Target(exported_files, read_whole),
}


def damage(data: bytes, chance: random.Random) -> bytes:
    """A file with some bytes or whole numbers replaced, or a piece moved, doubled or cut off."""
    damaged = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(max(len(damaged), 1))
        match chance.randrange(7):
            case 0 | 1:
                damaged[at : at + 1] = bytes([chance.choice((chance.randrange(256), *INTERESTING))])
            case 2:
                width = chance.choice((2, 4, 8))
                number = chance.choice((*WHOLE_NUMBERS, len(damaged), chance.randrange(len(damaged) + 1)))
                damaged[at : at + width] = (number % 256**width).to_bytes(width, "little")
            case 3:
                length = chance.choice((1, 4, 8, 40, 200))
                other = chance.randrange(len(damaged))
                damaged[at : at + length] = damaged[other : other + length]
            case 4:
                del damaged[at : at + chance.choice((1, 4, 8, 100))]
            case 5:
                digits = [i for i in range(len(damaged)) if 48 <= damaged[i] <= 57]
                if digits:
                    damaged[chance.choice(digits)] = 48 + chance.randrange(10)
            case 6 if chance.random() < 0.2:
                del damaged[at:]
        if not damaged:
            return b""
    return bytes(damaged)


def run(name: str, *, seed: int, rounds: int | None = None, seconds: float | None = None) -> int:
    """Damage and read files of a target for a number of rounds or of seconds; how many files were read.

    Raises:
        Exception: What a reader raised besides refusals; the file lies in the current folder as `fuzz-….bin` then.
    """
    target, chance = TARGETS[name], random.Random(f"{name} {seed}")
    files, count, start = target.files(), 0, time.monotonic()
    with raising_on_unforeseen(), warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        for data in files:
            target.read(data)
        while count < (rounds or sys.maxsize) and (seconds is None or time.monotonic() - start < seconds):
            data, began = damage(chance.choice(files), chance), time.monotonic()
            try:
                target.read(data)
                took = time.monotonic() - began
                if took > SLOW_S:
                    raise TimeoutError(f"Reading took {took:.1f} s.")
            except Exception:
                Path(f"fuzz-{name}-{seed}-{count}.bin").write_bytes(data)
                raise
            count += 1
    return count


def main() -> None:
    """Run all targets, each for its share of the time, with no more memory than `MEMORY`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--only", choices=sorted(TARGETS))
    given = parser.parse_args()
    names = [given.only] if given.only else list(TARGETS)
    for name in names:  # all is imported before memory is limited
        run(name, seed=0, rounds=1)
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    if pages:
        limit = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for name in names:
        count = run(name, seed=given.seed, seconds=given.seconds / len(names))
        print(f"{name}: {count:,} damaged files read or refused (seed {given.seed})", flush=True)


if __name__ == "__main__":
    main()
