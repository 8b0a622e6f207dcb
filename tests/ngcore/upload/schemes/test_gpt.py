"""GPT-2 and nanoGPT are read whole from their state dicts."""

import json

import pytest
import safetensors.torch
import torch
from scheme_modules.gpts import Gpt

from ngcore.errors import AmbiguousNetworkError, UnsupportedNetworkError
from ngcore.upload import Hints, read_network

TOKENS = torch.randint(0, 11, (3, 7), generator=torch.Generator().manual_seed(0))
ANSWERS = {"heads": 2, "length": 7}
VARIANTS = {
    "GPT-2": {},
    "GPT-2 with a head of its own": {"is_tied": False},
    "GPT-2 with masks": {"mask": torch.ones(1, 1, 9, 9).tril()},
    "GPT-2 with masks of bits": {"mask": torch.ones(1, 1, 9, 9).tril().bool()},
    "nanoGPT": {"is_nano": True},
    "nanoGPT with a head of its own": {"is_nano": True, "is_tied": False},
}


class Untouched(Gpt):
    """Masks stay what they are."""

    untouched = tuple(f"transformer.h.{i}.attn.bias" for i in range(2))


@pytest.mark.parametrize("name", VARIANTS)
def test_a_gpt_is_read_whole(name, assert_rebuilt):
    upload, asked = assert_rebuilt(Untouched(**VARIANTS[name]), TOKENS, shown=lambda scores: scores.mT, **ANSWERS)
    assert not asked
    names = [step.name for step in upload.network.architecture.steps]
    assert ("lm_head" in names) == (VARIANTS[name].get("is_tied") is False)


def test_heads_and_length_are_asked_for_at_once(file_of_module):
    with pytest.raises(AmbiguousNetworkError) as caught:
        read_network(file_of_module(Gpt(width=192, heads=3)))
    assert {q.field: q.suggestion for q in caught.value.questions} == {"heads": 3, "length": 9}
    assert caught.value.questions[0].reason == "weights do not show the heads; 192 channels make 3 of 64"


def test_a_config_in_the_file_is_believed_and_noted(file_of_module):
    state = {name: tensor.clone() for name, tensor in Gpt(is_tied=False).state_dict().items()}
    config = {"n_head": 4, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-4}
    data = safetensors.torch.save(state, {"config": json.dumps(config)})
    upload = read_network(data, hints=Hints(length=4))
    layers = [step.layer.to_dict() for step in upload.network.architecture.steps]
    assert {layer["num_heads"] for layer in layers if layer["kind"] == "attend"} == {4}
    assert {layer["eps"] for layer in layers if layer["kind"] == "layer_norm"} == {1e-4}
    assert "n_head = 4 was read from the config in the file." in upload.notes


@pytest.mark.parametrize("config", ["{", "[]", '{"n_head": "x"}', '{"n_head": 0}', '{"n_head": [1]}', "[" * 100_000])
def test_a_config_that_is_nonsense_is_refused_or_ignored(config):
    state = {name: tensor.clone() for name, tensor in Gpt(is_tied=False).state_dict().items()}
    with pytest.raises((AmbiguousNetworkError, UnsupportedNetworkError)):
        read_network(safetensors.torch.save(state, {"config": config}))


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"heads": 3, "length": 4}, "Expected a number of heads that divides 16 channels, got 3"),
        ({"heads": 2, "length": 10}, "Expected a length of at most 9 tokens, got 10"),
        ({"heads": 2, "length": 4, "eps": -1.0}, "what was said does not fit"),
    ],
)
def test_answers_that_cannot_be_are_refused_in_words(answers, message, file_of_module):
    with pytest.raises(UnsupportedNetworkError, match=message):
        read_network(file_of_module(Gpt()), hints=Hints(**answers))


def test_blocks_of_another_width_are_no_gpt(file_of_state):
    state = Gpt().state_dict() | {"transformer.h.1.mlp.c_fc.weight": torch.zeros(8, 32)}
    with pytest.raises(UnsupportedNetworkError, match=r"It looks like GPT-2, but 'transformer.h.1.mlp.c_fc.weight'"):
        read_network(file_of_state(state))
