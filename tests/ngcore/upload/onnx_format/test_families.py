"""Modules of every family, as torch's exporters write them, are the networks that onnxruntime runs."""

import numpy as np
import onnx_models as om
import pytest
import torch
from module_families import FAMILIES

from ngcore.upload import read_network

OLD_CANNOT = {"lenet/alexnet", "mlp/gated", "llama/expanded keys", "llama/grouped attention"}
"""What torch's older exporter does not write in opset 17."""

STATIC = ("vit/torch encoder", "bert/sequence first", "translator/cross attention", "lstm/both ways", "unet/nearest")
NEW = (
    *(
        "lenet/alexnet",
        "resnet/basic",
        "mobilenet/v3",
        "unet/bilinear",
        "convnext/hand-written norm",
        "autoencoder/mean",
    ),
    *("lstm/both ways", "gpt/tied", "llama/grouped attention", "mlp/gated"),
)


def agree(data, inputs):
    """The network in a file answers as onnxruntime does; gives the network."""
    network = read_network(data).network
    coverage = network.origin.coverage
    assert coverage.is_complete, coverage
    made = network(*(x.float() if x.is_floating_point() else x for x in inputs))
    made = made if isinstance(made, tuple) else (made,)
    for found, wanted in zip(made, om.answers(data, *(x.numpy() for x in inputs)), strict=True):
        largest = 1e-3 + np.abs(wanted).max()
        np.testing.assert_allclose(found[0].numpy().reshape(wanted.shape) / largest, wanted / largest, atol=1e-4)
    return network


@pytest.mark.parametrize("name", sorted(FAMILIES.keys() - OLD_CANNOT))
def test_files_of_the_older_exporter(name):
    module, inputs = FAMILIES[name]()
    data, inputs = om.exported(module, inputs)
    agree(data, inputs)


@pytest.mark.parametrize("name", STATIC)
def test_files_that_were_written_for_one_sample_take_any_number(name):
    module, inputs = FAMILIES[name]()
    data, one = om.exported(module, tuple(x[:1] for x in inputs), is_open=False)
    network = agree(data, one)
    with torch.no_grad():
        wanted = module(*(x.float() if x.is_floating_point() else x for x in inputs))
    wanted = wanted if isinstance(wanted, torch.Tensor) else wanted[0]
    several = network(*(x.float() if x.is_floating_point() else x for x in inputs))
    several = several[0] if isinstance(several, tuple) else several
    torch.testing.assert_close(several[0].reshape(wanted.shape), wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", NEW)
def test_files_of_the_newer_exporter(name):
    module, inputs = FAMILIES[name]()
    data, inputs = om.exported(module, inputs, opset=18, is_new=True)
    agree(data, inputs)


@pytest.mark.parametrize("name", ["resnet/basic", "unet/transposed", "lstm/layers", "mlp/residual", "vit/pooled"])
@pytest.mark.parametrize("opset", [9, 13])
def test_files_of_older_opsets(name, opset):
    module, inputs = FAMILIES[name]()
    data, inputs = om.exported(module, inputs, opset=opset)
    agree(data, inputs)


def test_parameters_keep_the_names_that_torch_gave_them():
    module, inputs = FAMILIES["resnet/basic"]()
    data, inputs = om.exported(module, inputs, is_new=True, opset=18)
    network = agree(data, inputs)
    convolutions = {name for name, tensor in module.state_dict().items() if tensor.dim() == 4}
    assert convolutions <= network.parameters.keys()


def test_matrices_that_an_exporter_turned_are_called_after_their_modules():
    module, inputs = FAMILIES["vit/pooled"]()
    data, inputs = om.exported(module, inputs)
    matrices = {name for name, tensor in module.state_dict().items() if tensor.dim() == 2}
    found = agree(data, inputs).parameters
    assert {name for name in matrices if "blocks" in name} <= found.keys()
