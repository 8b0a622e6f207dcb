"""Lightning Fabric set up quietly for one device and one precision."""

from typing import Any

import torch
from torch import nn

from ngcore.training.config import Precision

_NATIVE_KINDS = ("cpu", "cuda", "mps")  # Fabric's own accelerators that are one torch device


def build_fabric(device: torch.device, precision: Precision) -> Any:
    """Return a `lightning_fabric.Fabric` for `device`; importing Fabric takes a second, hence only here."""
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.precision import MixedPrecision

    # Named as a plugin, mixed precision works on every kind of device; as a string, on cpu and cuda only.
    plugins = [MixedPrecision(precision, device=device.type)] if precision == "bf16-mixed" else None
    if device.type not in _NATIVE_KINDS:
        return _build_single_device_fabric(device, plugins)
    devices = [device.index or 0] if device.type == "cuda" else 1
    return Fabric(accelerator=device.type, devices=devices, plugins=plugins)


def _build_single_device_fabric(device: torch.device, plugins: list | None) -> Any:
    """Return a Fabric for a kind of device that Fabric has no accelerator for, such as xpu."""
    from lightning_fabric import Fabric
    from lightning_fabric.accelerators import CPUAccelerator
    from lightning_fabric.strategies import SingleDeviceStrategy

    class AnyDevice(CPUAccelerator):
        """An accelerator that leaves setting up the device to torch."""

        def setup_device(self, device: torch.device) -> None:
            """Accept every device."""

    return Fabric(strategy=SingleDeviceStrategy(device, accelerator=AnyDevice()), plugins=plugins)


def by_learning_rate(model: nn.Module) -> list[dict[str, Any]]:
    """Parameter groups, one per learning rate: that of the run times `lr_scale`, 1 by default."""
    groups: dict[float, list[nn.Parameter]] = {}
    for parameter in model.parameters():
        groups.setdefault(getattr(parameter, "lr_scale", 1.0), []).append(parameter)
    return [{"params": group, "lr_scale": scale} for scale, group in groups.items()]
