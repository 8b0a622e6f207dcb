"""The example modules that networks are read from are sound themselves."""

from collections import Counter

import pytest
import torch
from module_families import FAMILIES


def test_every_family_has_three_variants():
    counts = Counter(name.split("/")[0] for name in FAMILIES)
    assert set(counts.values()) == {3}


@pytest.mark.parametrize("name", FAMILIES)
def test_an_example_is_the_same_every_time_and_treats_each_input_alone(name):
    module, inputs = FAMILIES[name]()
    again, same = FAMILIES[name]()
    assert all(torch.equal(a, b) for a, b in zip(inputs, same, strict=True))
    state = again.state_dict()
    assert all(torch.equal(tensor, state[key]) for key, tensor in module.state_dict().items())
    assert not module.training
    answers, singles = module(*inputs), module(*(x[:1] for x in inputs))
    for answer, single in zip(_tensors(answers), _tensors(singles), strict=True):
        torch.testing.assert_close(answer[:1], single)


def _tensors(answers):
    if isinstance(answers, torch.Tensor):
        return [answers]
    return list(answers.values() if isinstance(answers, dict) else answers)
