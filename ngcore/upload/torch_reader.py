"""The process that reads torch files: takes an archive from its input, gives safetensors bytes to its output.

It runs alone, by its path, and imports nothing of this project, so that it starts fast. The first byte of its answer
says what follows: T tensors, or a message of why the file is refused: S unsafe, U unsupported, L too large.
"""

import io
import json
import resource
import sys
from pathlib import Path
from typing import Any

STATE_DICT_KEYS = ("state_dict", "model_state_dict", "model", "network", "net", "params", "weights")


class RefusedError(Exception):
    """A file that will not be turned into tensors: (letter of the answer, message)."""


def main() -> None:
    """Read, convert, answer."""
    rules = json.loads(sys.argv[1])
    sys.path.extend(path for path in rules["paths"] if path not in sys.path)
    import safetensors.torch  # after the path is known, before the limits hold
    import torch

    torch.set_num_threads(1)
    data = sys.stdin.buffer.read()
    limit_process(rules)
    try:
        loaded = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu", mmap=False)
        state, nested = find_state_dict(loaded)
        tensors = plain_tensors(state, rules)
        answer = b"T" + safetensors.torch.save(tensors, {"nested": nested})
    except RefusedError as error:
        letter, message = error.args
        answer = letter.encode() + message.encode()
    except Exception as error:
        answer = describe_failure(error).encode()
    sys.stdout.buffer.write(answer)


def describe_failure(error: Exception) -> str:
    """The answer to an error that torch raised."""
    text = str(error.args[0] if error.args else type(error).__name__)
    if isinstance(error, MemoryError) or "allocate memory" in text:
        return "LReading this torch file took too much memory, so it was stopped."
    return f"STorch refused this file: {text.splitlines()[0] if text else type(error).__name__}"


def limit_process(rules: dict[str, Any]) -> None:
    """Take away what reading a file does not need."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = int(used.ru_utime + used.ru_stime) + rules["cpu_seconds"]
    statm = Path("/proc/self/statm")
    own = int(statm.read_text().split()[0]) * resource.getpagesize() if statm.exists() else 0
    memory = own + rules["memory_bytes"]
    for limit, value in (
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, rules["open_files"]),
    ):
        resource.setrlimit(limit, (value, value))


def find_state_dict(loaded: Any) -> tuple[dict[Any, Any], str]:
    """The dict that holds the tensors, and the key it stood under ("" if it was the whole file)."""
    if not isinstance(loaded, dict):
        raise RefusedError("U", f"Expected a state dict, got an object of type {type(loaded).__name__}.")
    for key in STATE_DICT_KEYS:
        if isinstance(loaded.get(key), dict):
            return loaded[key], key
    return loaded, ""


def plain_tensors(state: dict[Any, Any], rules: dict[str, Any]) -> dict[str, Any]:
    """Contiguous copies of the tensors, their sizes checked before any copy is made.

    Six digits before each name keep the order, as safetensors sorts by names.
    """
    import torch

    if len(state) > rules["tensors"]:
        raise RefusedError("L", f"Expected at most {rules['tensors']:,} tensors, got {len(state):,}.")
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise RefusedError("U", f"Expected tensors only, got {type(tensor).__name__} under {str(name)[:200]!r}.")
    total = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
    if total > rules["tensor_bytes"]:
        raise RefusedError("L", f"Expected at most {rules['tensor_bytes']:,} bytes of tensors, got {total:,}.")
    return {
        f"{i:06}{name}": tensor.detach().clone(memory_format=torch.contiguous_format)
        for i, (name, tensor) in enumerate(state.items())
    }


if __name__ == "__main__":
    main()
