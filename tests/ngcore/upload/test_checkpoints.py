"""What a training checkpoint holds: weights, copies, states of optimisers, and names that wrap them."""

import pytest

from ngcore.errors import TooLargeError
from ngcore.upload.checkpoints import flatten, unwrap

LAYER = {"0.weight": (3, 2), "0.bias": (3,)}


def under(prefix):
    return {f"{prefix}.{name}": shape for name, shape in LAYER.items()}


@pytest.mark.parametrize(
    "prefix",
    ["module", "_orig_mod", "model", "state_dict", "model.state_dict", "state_dict.module._orig_mod", "net", "params"],
)
def test_what_wraps_all_names_is_taken_off(prefix):
    assert list(unwrap(under(prefix)).names.values()) == list(LAYER)


def test_what_wraps_some_names_alone_stays():
    shapes = {**under("model"), "lm_head.weight": (5, 3)}
    found = unwrap(shapes)
    assert list(found.names.values()) == list(shapes) and found.prefix == ""


def test_a_compiled_part_of_a_model_loses_the_piece_in_the_middle():
    assert list(unwrap({"encoder._orig_mod.0.weight": (3, 2), "head.weight": (1, 3)}).names.values()) == [
        "encoder.0.weight",
        "head.weight",
    ]


def test_the_state_of_an_optimiser_is_set_aside_and_said():
    shapes = {**under("model"), "optimizer.state.0.exp_avg": (3, 2), "optimizer_state_dict.state.0.step": ()}
    found = unwrap(shapes)
    assert list(found.names.values()) == list(LAYER)
    assert set(found.aside.values()) == {"state of the optimiser"}


@pytest.mark.parametrize("key", ["optG", "opt_d", "optimizerD", "g_optim", "optim", "critic_optimizer_state_dict"])
def test_optimisers_are_known_by_many_names(key):
    found = unwrap({**under("netG"), f"{key}.state.0.step": ()})
    assert found.aside == {f"{key}.state.0.step": "state of the optimiser"}


@pytest.mark.parametrize("key", ["optical", "adopt", "option", "optimal_transport"])
def test_layers_whose_names_begin_alike_are_no_optimisers(key):
    assert not unwrap({**under("net"), **under(key)}).aside


@pytest.mark.parametrize("copy", ["model_ema", "ema", "state_dict_ema", "ema_state_dict.module", "shadow_params"])
def test_averaged_copies_are_set_aside_and_said(copy):
    found = unwrap({**under("state_dict"), **under(copy)})
    assert list(found.names.values()) == list(LAYER)
    assert list(found.aside.values()) == ["averaged copy of the weights (EMA)"] * 2


def test_what_is_called_averaged_and_no_copy_stays():
    assert len(unwrap({**LAYER, "ema.weight": (7, 7)}).names) == 3


def test_where_all_is_state_of_an_optimiser_all_is_shown():
    assert len(unwrap({"optimizer.0.exp_avg": (3,)}).names) == 1


def test_names_that_would_become_equal_stay_as_they_are():
    shapes = {"a._orig_mod.weight": (1,), "a.weight": (1,)}
    assert list(unwrap(shapes).names.values()) == list(shapes)


def test_two_networks_side_by_side_both_stay():
    found = unwrap({**under("generator_state_dict"), **under("discriminator_state_dict")})
    assert len(found.names) == 4 and not found.aside


def test_results_beside_a_state_dict_are_set_aside():
    found = unwrap({**under("state_dict"), "loss_history": (100,)})
    assert found.aside == {"loss_history": "stands beside the weights"}


def test_nested_tensors_are_listed_by_their_paths_in_order():
    tensors, aside = flatten({"a": {"w": 1.5, "n": "text"}, "b": [2.5, (3.5,)]}, lambda value: type(value) is float)
    assert tensors == {"a.w": 1.5, "b.0": 2.5, "b.1.0": 3.5}
    assert aside == ["a.n"]


def test_a_dict_that_holds_itself_many_times_is_refused_soon():
    own = {}
    own.update(dict.fromkeys(range(50), own))
    with pytest.raises(TooLargeError):
        flatten(own, lambda value: False)
