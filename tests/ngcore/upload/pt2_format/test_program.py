"""Exported programs open as the networks that they are, as data; damaged and hostile ones are refused in words."""

import contextlib
import io
import json
import warnings
import zipfile

import pytest
import torch
from module_families import FAMILIES
from torch import nn
from torch.utils._pytree import tree_leaves

from ngcore.errors import TooLargeError, UnknownFormatError, UnsupportedNetworkError
from ngcore.networks import mlp
from ngcore.upload import read_network
from ngcore.upload.pt2_format import program as reading
from ngcore.upload.weights import open_weights

PROGRAM = "archive/models/model.json"
NAMES = (
    *("lenet/alexnet", "resnet/basic", "unet/bilinear", "temporal/weight norm", "lstm/both ways", "gru/learned start"),
    *(
        "gpt/tied",
        "llama/expanded keys",
        "translator/batch first",
        "mlp/gated",
        "bert/sequence first",
        "heads/dictionary",
    ),
)


def saved(module, *inputs, **options):
    """The bytes of a module, exported."""
    buffer = io.BytesIO()
    was = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.export.save(torch.export.export(module, inputs, **options), buffer)
    finally:
        torch.backends.mha.set_fastpath_enabled(was)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    return saved(nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2)).eval(), torch.ones(2, 4))


def changed(data, edit):
    """The archive with its program edited in place."""
    found = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(found, "w") as new:
        for entry in old.namelist():
            content = old.read(entry)
            if entry == PROGRAM:
                fields = json.loads(content)
                edit(fields["graph_module"]["graph"])
                content = json.dumps(fields).encode()
            new.writestr(entry, content)
    return found.getvalue()


@pytest.mark.parametrize("name", NAMES)
def test_a_program_is_the_network_that_it_was_exported_from(name):
    module, inputs = FAMILIES[name]()
    network = read_network(saved(module, *inputs)).network
    assert network.origin.coverage.is_complete, network.origin.coverage
    made = network.to(dtype=torch.float64)(*inputs)
    made = made if isinstance(made, tuple) else (made,)
    for found, wanted in zip(made, tree_leaves(module(*inputs)), strict=True):
        torch.testing.assert_close(found[0].reshape(wanted.shape), wanted, rtol=1e-4, atol=1e-4)


def test_a_perceptron_is_the_chain_that_all_pages_take(small):
    assert read_network(small).network.architecture == mlp((4, 5, 2))


def test_a_batch_that_was_left_open_makes_no_difference():
    module, inputs = FAMILIES["lstm/layers"]()
    data = saved(module, *inputs, dynamic_shapes=tuple({0: torch.export.Dim("batch")} for _ in inputs))
    inputs = tuple(x.float() if x.is_floating_point() else x for x in inputs)
    fixed = read_network(saved(module.float(), *inputs)).network
    torch.testing.assert_close(read_network(data).network(*inputs), fixed(*inputs))


def test_a_program_for_one_sample_is_refused_with_lines_that_export_it_again():
    data = saved(nn.Linear(4, 3), torch.ones(1, 4))
    with pytest.raises(UnsupportedNetworkError, match="exported for one sample") as caught:
        read_network(data)
    compile(caught.value.recipe, "recipe", "exec")
    assert open_weights(data).shapes == {"weight": (3, 4), "bias": (3,)}


def test_an_operation_without_counterpart_is_left_out_and_reported(small):
    def edit(graph):
        graph["nodes"][1]["target"] = "torch.ops.aten.bernoulli.default"

    notes = read_network(changed(small, edit)).notes
    assert "12 of 37 parameters are in the graph." in notes
    assert any("bernoulli (it has no counterpart here" in note for note in notes)


@pytest.mark.parametrize(
    "target",
    ["torch.ops.aten.from_file.default", "os.system", "torch.ops.own.secret.default", "torch.load", "builtins.eval"],
)
def test_operations_that_could_touch_more_than_tensors_are_never_looked_up(small, target, monkeypatch):
    def edit(graph):
        graph["nodes"][0]["target"] = target

    monkeypatch.setattr(reading, "_called", lambda *_: pytest.fail("something was run"))
    upload = read_network(changed(small, edit))
    assert any("it has no counterpart here" in note for note in upload.notes)


def test_constants_that_would_fill_the_memory_are_refused(small):
    def edit(graph):
        end = {"name": "end", "arg": {"as_int": 2**45}, "kind": 1}
        made = [{"as_tensor": {"name": "many"}}]
        graph["nodes"].insert(
            0, {"target": "torch.ops.aten.arange.default", "inputs": [end], "outputs": made, "metadata": {}}
        )

    with pytest.raises(TooLargeError, match="numbers to compute"):
        read_network(changed(small, edit))


def test_what_is_changed_in_place_and_read_again_is_refused():
    class Changing(nn.Linear):
        def forward(self, x):
            view = super().forward(x).view(2, 4)
            other = view.reshape(4, 2)
            view.relu_()
            return other.sum(1)

    with pytest.raises(UnsupportedNetworkError, match="in place and reads it again"):
        read_network(saved(Changing(3, 4), torch.randn(2, 3)))


@pytest.mark.parametrize("key", ["nodes", "tensor_values", "sym_int_values"])
@pytest.mark.parametrize("value", [None, [], {}, 3, [3], {"linear": 3}, [{}]])
def test_programs_of_another_form_are_refused(small, key, value):
    def edit(graph):
        graph[key] = value

    with contextlib.suppress(UnknownFormatError, UnsupportedNetworkError):
        assert read_network(changed(small, edit)).network.origin.coverage.is_complete
