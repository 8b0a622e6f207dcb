"""BERT, RoBERTa and Llama are read whole from their state dicts."""

import pytest
import torch
from scheme_modules.language_models import (
    BertAlone,
    BertClassifier,
    BertForPreTraining,
    Llama,
    RobertaClassifier,
)

from ngcore.errors import UnsupportedNetworkError
from ngcore.networks import to_state_dict
from ngcore.upload import Hints, read_network

GENERATOR = torch.Generator().manual_seed(0)
TOKENS = torch.randint(0, 11, (3, 7), generator=GENERATOR)
TYPES = torch.randint(0, 2, (3, 7), generator=GENERATOR)
BERTS = {
    "alone": BertAlone,
    "for its pre-training": BertForPreTraining,
    "for sentences": BertClassifier,
    "for tokens": lambda: BertClassifier(is_pooled=False),
    "RoBERTa": RobertaClassifier,
}
LLAMAS = {
    "keys shared by two": {},
    "keys of one head": {"kv_heads": 1},
    "as many keys as queries": {"kv_heads": 4},
    "head tied to the table": {"has_head": False},
    "biases as in Qwen2": {"bias": True, "base": 1_000_000.0},
}


@pytest.mark.parametrize("name", BERTS)
def test_a_bert_is_read_whole(name, assert_rebuilt):
    _, asked = assert_rebuilt(BERTS[name](), TOKENS, TYPES, heads=2, length=7)
    assert not asked


def test_old_names_of_scale_and_shift_are_read(file_of_state, read_with_suggestions):
    state = BertAlone().state_dict()
    old = {name.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): t for name, t in state.items()}
    upload, _ = read_with_suggestions(file_of_state(old), heads=2)
    back = to_state_dict(upload.network)
    assert back.keys() == old.keys() - {"embeddings.position_ids"}


@pytest.mark.parametrize("name", LLAMAS)
def test_a_llama_is_read_whole(name, assert_rebuilt):
    base = LLAMAS[name].get("base", 10_000.0)
    shown = {"shown": lambda scores: scores.mT}
    _, asked = assert_rebuilt(Llama(**LLAMAS[name]), TOKENS, **shown, heads=4, length=7, rotary_base=base)
    assert set(asked) == {"eps"}


def test_the_base_of_rotary_positions_is_asked_for_with_a_reason(file_of_module, read_with_suggestions):
    _, asked = read_with_suggestions(file_of_module(Llama()))
    assert asked["rotary_base"].suggestion == 10_000.0
    assert "Llama 3 has 500,000" in asked["rotary_base"].reason


def test_heads_that_keys_cannot_have_are_refused(file_of_module):
    hints = Hints(heads=1, length=4, rotary_base=10_000.0, eps=1e-5)
    with pytest.raises(UnsupportedNetworkError, match="Expected heads of an even number of channels"):
        read_network(file_of_module(Llama()), hints=hints)


def test_norms_of_queries_have_no_place_in_a_llama(file_of_state):
    state = Llama().state_dict() | {"model.layers.0.self_attn.q_norm.weight": torch.ones(4)}
    with pytest.raises(UnsupportedNetworkError, match=r"It looks like Llama, but .*q_norm.weight' has no place there"):
        read_network(file_of_state(state))
