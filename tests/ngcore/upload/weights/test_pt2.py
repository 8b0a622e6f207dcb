"""Exported programs show their weights: JSON and plain numbers alone are read."""

import io
import json
import warnings
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from ngcore.errors import UnknownFormatError, UnsafeFileError
from ngcore.upload.weights import open_weights

LISTING = "archive/data/weights/model_weights_config.json"


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.turned = nn.Parameter(torch.randn(5, 4).T.contiguous().T)
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x):
        return self.norm(self.first(x)) @ self.turned.T


@pytest.fixture(scope="module")
def program():
    torch.manual_seed(0)
    module = Tied().eval()
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(module, (torch.randn(2, 3),)), buffer)
    return module, buffer.getvalue()


def changed(data, edit, name=LISTING):
    """The archive with an entry of JSON edited in place."""
    found = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(found, "w") as new:
        for entry in old.namelist():
            content = old.read(entry)
            if entry == name:
                fields = json.loads(content)
                edit(fields)
                content = json.dumps(fields).encode()
            new.writestr(entry, content)
    return found.getvalue()


def test_every_weight_of_a_program_shows_as_it_was(program):
    module, data = program
    opened = open_weights(data)
    assert opened.format == "torch.export"
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            np.testing.assert_array_equal(opened.tensors[name].array(), tensor.numpy())


def test_a_pickled_weight_is_set_aside_unread(program):
    def edit(fields):
        fields["config"]["first.weight"]["use_pickle"] = True

    opened = open_weights(changed(program[1], edit))
    assert "first.weight" not in opened.tensors
    assert ("first.weight", "pickled, and so not read") in [(one.name, one.reason) for one in opened.aside]


def test_weights_that_reach_beyond_their_numbers_are_refused(program):
    def edit(fields):
        fields["config"]["first.weight"]["tensor_meta"]["storage_offset"] = {"as_int": 9}

    with pytest.raises(UnsafeFileError, match=r"'first\.weight' reach beyond"):
        open_weights(changed(program[1], edit))


@pytest.mark.parametrize("sizes", [[{"as_int": -1}], [{"as_expr": "s0"}], 3, [True], [{"as_int": 2**70}]])
def test_shapes_that_are_no_whole_numbers_are_refused(program, sizes):
    def edit(fields):
        fields["config"]["first.weight"]["tensor_meta"]["sizes"] = sizes

    with pytest.raises(UnknownFormatError, match="whole numbers"):
        open_weights(changed(program[1], edit))


def test_a_listing_that_is_no_json_is_refused(program):
    data = program[1].replace(b'{"config": {"', b'{"config": {,')
    with pytest.raises(UnknownFormatError, match="no JSON object"):
        open_weights(data)
