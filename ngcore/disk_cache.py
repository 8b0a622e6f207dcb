"""The cache on disk: arrays that can be had again. It never raises; what can't be read is a miss, and is logged."""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ngcore.errors import NeuralGraphError
from ngcore.files import write_atomically

ONLY = "array"
"""Name of the array in a `.npy` file, which holds one."""

logger = logging.getLogger(__name__)


def is_cached(path: Path) -> bool:
    """Whether there is such a file; it may still turn out to be damaged."""
    try:
        return path.is_file()
    except OSError:
        return False


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a `.npz` or `.npy` file by name; none if it is missing, damaged or not readable.

    Catches every exception: NumPy lets those of zipfile, tokenize, ast and others through.
    """
    try:
        with path.open("rb") as stream:
            loaded = np.load(stream, allow_pickle=False)
            return {ONLY: loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except FileNotFoundError:
        return {}
    except Exception as error:
        logger.warning("The file %s can't be read and is passed over: %s", path, _in_a_line(error))
        return {}


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], *, compress: bool = True) -> None:
    """Keep arrays in a `.npz` file, or the one named `ONLY` in a `.npy` file; if that fails, they are not kept."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_arrays(path, arrays, compress=compress)
    except (OSError, NeuralGraphError) as error:
        logger.warning("The file %s can't be written, so nothing is kept: %s", path, _in_a_line(error))


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray], *, compress: bool = True) -> None:
    """As `write_arrays`, into a folder that is there, but raises what goes wrong."""

    def save(temporary: Path) -> None:
        with temporary.open("wb") as file:
            if path.suffix == ".npy":
                np.save(file, arrays[ONLY], allow_pickle=False)
            else:
                (np.savez_compressed if compress else np.savez)(file, allow_pickle=False, **arrays)

    write_atomically(path, save, num_bytes=sum(array.nbytes for array in arrays.values()))


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
