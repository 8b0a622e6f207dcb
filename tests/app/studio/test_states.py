"""What chains of edits make of networks, the code that does the same, and batches of networks."""

import numpy as np
import pytest
import torch

from app.studio.chain import Step

COLOURED = (0.2, 0.5, 0.9)


@pytest.fixture(autouse=True)
def tiny_world(tiny_zoos, checkpoints, monkeypatch):
    monkeypatch.setenv("NGCORE_ZOOS", str(tiny_zoos))
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(checkpoints))


@pytest.fixture
def selection():
    from app.state import Selection

    return Selection("tiny-inrs", "tiny-inrs/000003")


CHAIN = (
    Step("rotate", 2.0),
    Step("dilate", 0.5),
    Step("invert", 1.0),
    Step("dilate", 1.25, "tiny-edit"),
    Step("erode", 0.5, "fitting on"),
)


def coloured(seed=0):
    from ngcore.inr.siren import initial_siren
    from ngcore.networks import siren

    return initial_siren(siren((2, 6, 3)), 0, 1, seed=seed)


def test_each_state_is_what_its_step_makes_of_the_one_before(selection):
    from app.studio.states import states
    from ngcore.inr import edit_by_fitting, edit_weights
    from ngcore.tasks import edit_inrs, load_checkpoint

    start, turned, thick, _, last_but_one, end = found = states(selection, CHAIN)
    assert turned.network.equals(edit_weights(start.network, "rotate", 2.0))
    assert thick.network.equals(edit_inrs(load_checkpoint("tiny-edit"), turned.network, strength=0.5))
    assert end.network.equals(edit_by_fitting(last_but_one.network, "erode", 0.5))
    assert end.makers == ("", "tiny-edit", "", "tiny-edit", "fitting on")
    assert len({state.key for state in found}) == len(found) == 6 and end.steps == CHAIN


def test_edits_of_colours_are_offered_for_colour_alone():
    from app.studio.states import possible_edits

    grey, colour = (possible_edits("upload", network) for network in (_grey(), coloured()))
    assert "desaturate" not in grey and colour["desaturate"] == [""]
    assert grey["dilate"][0] == "fitting on" and "tiny-edit" in grey["dilate"]  # it was trained on another zoo
    assert possible_edits("tiny-inrs", _grey())["dilate"][:2] == ["tiny-edit", "fitting on"]
    assert colour["dilate"] == ["fitting on"]  # the models read grey INRs
    assert grey["rotate"] == colour["rotate"] == [""]


def _grey():
    from ngcore.inr.siren import initial_siren
    from ngcore.networks import siren

    return initial_siren(siren((2, 8, 8, 1)), 0, 1, seed=3)


def test_a_network_whose_form_no_formula_fits_keeps_the_edits_that_do():
    """An INR without a last bias: its values cannot be shifted, and it can still be turned."""
    from app.studio.states import possible_edits
    from ngcore.networks import Activation, Linear, chain
    from ngcore.testing import random_network

    layers = (Linear(2, 4), Activation("sine", omega_0=30.0), Linear(4, 3, bias=False))
    found = possible_edits("upload", random_network(chain((2,), layers), dtype=torch.float32))
    assert set(found) == {"rotate", "enlarge", "mirror"}


def test_what_nothing_can_do_is_left_out_with_a_reason(selection):
    from app.studio.states import states

    start, left_out, end = states(selection, (Step("desaturate"), Step("mirror")))
    assert (left_out.name, left_out.steps) == ("1. Desaturate", ())
    assert left_out.network is start.network and "Nothing here can apply this edit (desaturate)" in left_out.problem
    assert end.steps == (Step("mirror"),) and end.problem is None


def test_a_model_that_is_gone_is_replaced_by_the_best_one():
    from app.studio.states import ImpossibleEditError, maker_of

    possible = {"dilate": ["best", "other"], "rotate": [""]}
    assert maker_of(Step("dilate", model="gone"), possible) == "best"
    assert maker_of(Step("dilate", model="other"), possible) == "other"
    assert maker_of(Step("rotate", model="gone"), possible) == ""
    with pytest.raises(ImpossibleEditError, match="erode"):
        maker_of(Step("erode"), possible)


def test_the_target_is_the_original_after_the_same_edits_of_pixels():
    from app.studio.states import aimed_at

    image = np.zeros((1, 5, 5), dtype=np.float32)
    image[0, 2, 1] = 1
    thick = aimed_at(image, (Step("dilate"), Step("mirror")))[0]
    assert thick[1:4, 2:5].min() == 1 and thick.sum() == pytest.approx(9)
    assert np.array_equal(aimed_at(image, ()), image)


@pytest.mark.parametrize(
    ("shape", "channels", "expected"),
    [
        ((32, 30, 3), 3, (32, 30)),
        ((40, 40), 1, (40, 40)),
        ((40, 40), 3, (28, 28)),
        (None, 1, (28, 28)),
    ],
)
def test_pictures_are_compared_at_the_size_of_an_original_of_as_many_colours(shape, channels, expected):
    from app.studio.states import size_for
    from ngcore.networks import siren

    assert size_for(None if shape is None else np.zeros(shape), siren((2, 4, channels))) == expected


def run(code, folder, monkeypatch):
    """Execute a program in a folder, and read the network that it writes."""
    from ngcore.upload import read_network

    monkeypatch.chdir(folder)
    exec(compile(code, "edit.py", "exec"), {})
    return read_network((folder / "edited.safetensors").read_bytes()).network


def test_the_code_of_a_chain_gives_the_same_weights(selection, tmp_path, monkeypatch):
    from app.studio.code import python_code
    from app.studio.states import states

    end = states(selection, CHAIN)[-1]
    code = python_code(selection, end)
    assert run(code, tmp_path, monkeypatch).equals(end.network)
    assert all("ngcore" in line for line in code.splitlines() if "import" in line)


def test_the_code_for_a_network_of_the_session_reads_its_file(tmp_path, monkeypatch):
    from app.state import Selection
    from app.studio.code import START_FILE, python_code
    from app.studio.states import states_of
    from ngcore.upload import export_network

    chain = (Step("desaturate", 0.3), Step("enlarge", 0.15), Step("blur", 1.5))
    start, *_, end = states_of("upload", coloured(), chain, key="mine", size=(12, 10))
    export_network(start.network, tmp_path / START_FILE)
    code = python_code(Selection("upload", "a" * 64), end)
    assert run(code, tmp_path, monkeypatch).equals(end.network)


def test_the_code_of_an_empty_chain_writes_the_network_as_it_is(selection, tmp_path, monkeypatch):
    from app.studio.code import python_code
    from app.studio.states import states

    (start,) = states(selection, ())
    assert run(python_code(selection, start), tmp_path, monkeypatch).equals(start.network)


def test_several_models_have_a_variable_each(selection):
    from app.studio.code import python_code
    from app.studio.states import State

    end = State("end", coloured(), "key", (Step("dilate"), Step("erode")), ("thick'", "thin"))
    code = python_code(selection, end)
    assert 'editor_1 = load_checkpoint("thick\'")' in code and "editor_2 = load_checkpoint('thin')" in code
    assert "edit_weights" not in code


def test_many_networks_come_out_as_each_alone(selection, monkeypatch):
    from app import cached
    from app.studio import batch
    from app.studio.states import states

    monkeypatch.setattr(batch, "PART", 5)
    done = []
    batch = batch.edit_batch(cached.zoo("tiny-inrs"), list(range(12)), CHAIN, done.append)
    assert done == [5, 10, 12] and batch.ids[3] == selection.id and len(batch.network) == 12
    alone = states(selection, CHAIN)[-1].network
    assert torch.allclose(batch.network[3].flatten(), alone.flatten(), atol=1e-5)
    assert batch.before.shape == batch.after.shape == (12, 28, 28)
    assert batch.errors.shape == batch.errors_before.shape == (12,) and not batch.has_originals
    assert not batch.problems


def test_networks_without_an_edit_are_at_their_targets():
    from app import cached
    from app.studio.batch import edit_batch

    batch = edit_batch(cached.zoo("tiny-inrs"), [0, 1], (), lambda done: None)
    inside = (batch.before >= 0).all() and (batch.before <= 1).all()
    assert np.array_equal(batch.before, batch.after) and (not inside or batch.errors.max() == 0)


def test_positions_are_spread_evenly_and_a_few_are_all_taken():
    from app.studio.batch import spread

    assert spread(range(10), 4) == [0, 3, 6, 9] and spread([5, 2], 4) == [5, 2] and spread([], 4) == []


def test_changes_are_measured_per_tensor_and_per_neuron(selection):
    """Mirroring negates the first column of 0.weight: a neuron moves by twice that weight, and no other tensor does."""
    from app.graph_view import view_of
    from app.studio.changes import layer_changes, neuron_changes, neuron_sizes
    from app.studio.states import states
    from app.viewer.changes import difference, neuron_lengths

    start, end = states(selection, (Step("mirror"),))
    rows = layer_changes(end.network, start.network)
    assert rows[0]["change"] > 0 and {row["change"] for row in rows[1:]} == {0.0}
    view, before = view_of(difference(end.network, start.network)), view_of(start.network)
    column = start.network.parameters["0.weight"][0, :, 0].numpy()
    assert neuron_sizes(view)[2:10] == pytest.approx(2 * np.abs(column), rel=1e-5)
    assert neuron_lengths(difference(end.network, start.network)) == pytest.approx(neuron_sizes(view), rel=1e-5)
    furthest = neuron_changes(view, before, 3)
    assert furthest[0]["neuron"] == f"layer 1 · {np.abs(column).argmax()}" and len(furthest) == 3
    assert neuron_changes(view_of(difference(start.network, start.network)), before, 3) == []
