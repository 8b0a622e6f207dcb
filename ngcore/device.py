"""Which devices this machine can compute on, and choosing one of them by name."""

import os
import platform
import shutil
from collections.abc import Callable, Mapping

import torch

from ngcore.errors import DeviceError, UnknownNameError

# In the order in which "auto" prefers them.
_AVAILABLE: Mapping[str, Callable[[], bool]] = {
    "cuda": torch.cuda.is_available,
    "mps": torch.backends.mps.is_available,
    "xpu": torch.xpu.is_available,
    "cpu": lambda: True,
}


def available_devices() -> list[str]:
    """Names of the kinds of device that work here, the preferred one first; "cpu" is always the last."""
    return [kind for kind, works in _AVAILABLE.items() if works()]


def choose_device(name: str = "auto") -> torch.device:
    """Turn a name into a device that works on this machine.

    Args:
        name: "auto" takes the first of `available_devices()`; else "cuda", "mps", "xpu" or "cpu",
            with an index such as "cuda:1" where there are several.

    Raises:
        UnknownNameError: the name is none of these.
        DeviceError: the name is right, but this machine has no such device.
    """
    available = available_devices()
    if name == "auto":
        return torch.device(available[0])
    kind, _, index = name.partition(":")
    if kind not in _AVAILABLE or (":" in name and not index.isdecimal()):
        raise UnknownNameError("device", name, ["auto", *_AVAILABLE])
    if kind not in available or int(index or 0) >= _count(kind):
        raise DeviceError(f"Device {name!r} is not on this machine; choose from: auto, {', '.join(available)}.")
    return torch.device(name)


def describe_device(device: torch.device) -> str:
    """Say in a few words what the device is, for people: "NVIDIA A100 (cuda:0)", "CPU, 8 cores (x86_64)"."""
    if device.type == "cpu":
        return f"CPU, {os.cpu_count()} cores ({platform.machine()})"
    if device.type == "mps":
        return "Apple GPU (mps)"
    properties = torch.cuda if device.type == "cuda" else torch.xpu
    return f"{properties.get_device_name(device)} ({device})"


def can_compile(device: torch.device) -> bool:
    """Whether `torch.compile` works for a device here; for the CPU it needs a C++ compiler ($CXX, g++ or clang++)."""
    if device.type != "cpu":
        return device.type == "cuda"
    return any(shutil.which(name) for name in (os.environ.get("CXX"), "g++", "clang++") if name)


def _count(kind: str) -> int:
    """How many devices of a kind that works here there are."""
    if kind == "cuda":
        return torch.cuda.device_count()
    if kind == "xpu":
        return torch.xpu.device_count()
    return 1
