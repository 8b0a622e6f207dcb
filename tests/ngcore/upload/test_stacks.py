"""Many networks in one file come back bit for bit, and files that hold none are refused."""

import json

import pytest
import safetensors.torch
import torch

from ngcore.errors import ShapeMismatchError, UnsupportedNetworkError, UploadError
from ngcore.networks import mlp, siren
from ngcore.testing import random_network
from ngcore.upload import export_network, export_stack, read_network, read_stack
from ngcore.upload.stacks import IDS_KEY, STACK_KEY


@pytest.fixture
def stack():
    return random_network(siren((2, 5, 3)), 3, dtype=torch.float32)


def test_a_stack_comes_back_bit_for_bit_with_its_names(stack, tmp_path):
    data = export_stack(stack, ["a", "b", "ü"], tmp_path / "stack.safetensors")
    assert (tmp_path / "stack.safetensors").read_bytes() == data
    network, ids = read_stack(data)
    assert network.equals(stack) and ids == ["a", "b", "ü"]


def test_there_is_a_name_for_each_network(stack):
    with pytest.raises(ShapeMismatchError, match=r"Expected 3 names for as many networks, got 1\."):
        export_stack(stack, ["a"])


def test_a_file_of_one_network_is_no_stack_and_a_stack_is_not_one_network(stack):
    with pytest.raises(UnsupportedNetworkError, match="stacked networks"):
        read_stack(export_network(stack[0]))
    with pytest.raises(UploadError):
        read_network(export_stack(stack, ["a", "b", "c"]))


@pytest.mark.parametrize("ids", ["nothing", "[1, 2, 3]", '["a"]', '{"a": 1}'])
def test_names_that_do_not_fit_are_refused(stack, ids):
    text = json.dumps(stack.architecture.to_dict())
    with pytest.raises(UnsupportedNetworkError):
        read_stack(safetensors.torch.save(stack.parameters, {STACK_KEY: text, IDS_KEY: ids}))


def test_tensors_of_another_architecture_are_refused(stack):
    metadata = {STACK_KEY: json.dumps(mlp((2, 4, 1)).to_dict()), IDS_KEY: '["a", "b", "c"]'}
    with pytest.raises(UnsupportedNetworkError, match="cannot be used"):
        read_stack(safetensors.torch.save(stack.parameters, metadata))
