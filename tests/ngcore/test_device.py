"""Choosing a device by name, with the machine's own devices and with pretended ones."""

import pytest
import torch

from ngcore import device as devices
from ngcore.device import available_devices, can_compile, choose_device, describe_device
from ngcore.errors import DeviceError, UnknownNameError


@pytest.fixture
def pretend(monkeypatch):
    """Pretend that exactly the given kinds of device work."""

    def set_available(*kinds):
        checks = {kind: (lambda kind=kind: kind in kinds) for kind in ("cuda", "mps", "xpu", "cpu")}
        monkeypatch.setattr(devices, "_AVAILABLE", checks)

    return set_available


def test_the_cpu_is_always_there_and_named_last():
    assert available_devices()[-1] == "cpu"


@pytest.mark.parametrize(
    ("kinds", "chosen"),
    [(("cpu",), "cpu"), (("cpu", "xpu"), "xpu"), (("cpu", "xpu", "mps"), "mps"), (("cpu", "mps", "cuda"), "cuda")],
)
def test_auto_prefers_cuda_then_mps_then_xpu_then_cpu(pretend, kinds, chosen):
    pretend(*kinds)
    assert choose_device().type == chosen


def test_a_named_device_is_taken_although_a_faster_one_is_there(pretend):
    pretend("cpu", "cuda")
    assert choose_device("cpu") == torch.device("cpu")


def test_a_device_this_machine_lacks_is_refused_with_the_choices(pretend):
    pretend("cpu")
    with pytest.raises(DeviceError) as caught:
        choose_device("cuda")
    assert str(caught.value) == "Device 'cuda' is not on this machine; choose from: auto, cpu."


def test_an_index_beyond_the_last_device_is_refused(pretend):
    pretend("cpu")
    with pytest.raises(DeviceError, match="'cpu:7' is not on this machine"):
        choose_device("cpu:7")


@pytest.mark.parametrize("name", ["gpu", "", "cuda:", "cpu:first", "CPU"])
def test_an_unknown_name_is_refused_with_the_choices(name):
    with pytest.raises(UnknownNameError) as caught:
        choose_device(name)
    assert str(caught.value) == f"Unknown device {name!r}; choose from: auto, cpu, cuda, mps, xpu."


def test_the_description_of_the_cpu_names_its_cores():
    assert describe_device(torch.device("cpu")).startswith("CPU, ")


def test_every_available_device_can_be_chosen_described_and_computed_on():
    for name in available_devices():
        device = choose_device(name)
        assert describe_device(device)
        assert torch.ones(3, device=device).sum().item() == 3


def test_compiling_for_the_cpu_needs_a_cpp_compiler(monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    found = {"clang++": "/usr/bin/clang++"}
    monkeypatch.setattr(devices.shutil, "which", found.get)
    assert can_compile(torch.device("cpu"))
    found.clear()
    assert not can_compile(torch.device("cpu"))
    found["my-c++"] = "/opt/my-c++"
    monkeypatch.setenv("CXX", "my-c++")
    assert can_compile(torch.device("cpu"))
