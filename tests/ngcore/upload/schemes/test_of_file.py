"""Files of any size are recognised by their headers; their tensors connect as in the library, else by guesses."""

import json
import struct

import pytest
import torch
from scheme_modules.gpts import Gpt
from scheme_modules.resnets import ResNet

from ngcore.errors import AmbiguousNetworkError
from ngcore.upload import Hints
from ngcore.upload.schemes import connections_of, load_network, recognise_file
from ngcore.upload.weights import guess_connections, open_weights


def gpt2_shapes(*, has_head):
    """The tensors of GPT-2 small (Radford et al. 2019)."""
    d = 768
    shapes = {"wte.weight": (50_257, d), "wpe.weight": (1_024, d)}
    for i in range(12):
        own = {"ln_1.weight": (d,), "ln_1.bias": (d,), "ln_2.weight": (d,), "ln_2.bias": (d,)}
        own |= {"attn.c_attn.weight": (d, 3 * d), "attn.c_attn.bias": (3 * d,)}
        own |= {"attn.c_proj.weight": (d, d), "attn.c_proj.bias": (d,)}
        own |= {"mlp.c_fc.weight": (d, 4 * d), "mlp.c_fc.bias": (4 * d,)}
        own |= {"mlp.c_proj.weight": (4 * d, d), "mlp.c_proj.bias": (d,)}
        shapes |= {f"h.{i}.{name}": shape for name, shape in own.items()}
    shapes |= {"ln_f.weight": (d,), "ln_f.bias": (d,)}
    return shapes | ({"lm_head.weight": (50_257, d)} if has_head else {})


def write_zeros(path, shapes):
    """A safetensors file of zeros that takes no room on the disk."""
    header, end = {}, 0
    for name, shape in shapes.items():
        size = 4 * torch.Size(shape).numel()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)


@pytest.mark.parametrize("has_head", [False, True])
def test_a_gpt2_of_its_real_size_is_recognised_by_its_header(has_head, tmp_path):
    path = tmp_path / "model.safetensors"
    write_zeros(path, gpt2_shapes(has_head=has_head))
    file = open_weights(path)
    structure = recognise_file(file).structure
    assert structure.scheme == "GPT-2 of Hugging Face"
    assert structure.architecture.num_parameters == 124_439_808
    assert {question.field: question.suggestion for question in structure.questions} == {"heads": 12, "length": 16}


def test_known_connections_are_those_of_the_library(file_of_module):
    file = open_weights(file_of_module(ResNet([4, 6], [1, 1])))
    links = {(link.source, link.target): link for link in connections_of(file, recognise_file(file))}
    assert ("layer1.0.conv2.weight", "layer2.0.downsample.0.weight") in links
    assert {source for source, target in links if target == "fc.weight"} == {
        "layer2.0.conv2.weight",
        "layer2.0.downsample.0.weight",
    }
    assert not any(link.is_guess for link in links.values())


def test_a_table_that_is_the_head_again_follows_the_last_block(file_of_module):
    file = open_weights(file_of_module(Gpt(is_nano=True, depth=1)))
    links = {(link.source, link.target) for link in connections_of(file, recognise_file(file))}
    last, table = "transformer.h.0.mlp.c_proj.weight", "transformer.wte.weight"
    assert {(last, table), (table, "transformer.h.0.attn.c_attn.weight")} <= links
    assert all(source != target for source, target in links)


def test_files_of_no_known_library_keep_their_guesses(file_of_state):
    file = open_weights(file_of_state({"a.w": torch.ones(3, 2), "b.w": torch.ones(4, 3)}))
    assert connections_of(file, recognise_file(file)) == guess_connections(file)


def test_a_recognised_file_loads_as_the_network_once_all_is_said(file_of_module):
    file = open_weights(file_of_module(Gpt()))
    with pytest.raises(AmbiguousNetworkError):
        load_network(file, recognise_file(file).structure)
    network = load_network(file, recognise_file(file, Hints(heads=2, length=4)).structure)
    assert torch.equal(
        network.parameters["transformer.wte.weight"][0],
        torch.from_numpy(file.tensors["transformer.wte.weight"].array()),
    )
