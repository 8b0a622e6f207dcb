"""The network page: choosing, drawing, walking, shuffling, exporting, and files of strangers."""

import pytest


def viewer(app):
    """What the first component of a page, the viewer, is sent."""
    import json

    return json.loads(app.get("bidi_component")[0].proto.json)


def scene(net):
    """Facts and arrays of what the viewer is sent of a network of a zoo."""
    from app.state import Selection
    from app.viewer import sent
    from app.viewer.packing import unpack

    return unpack(sent.scene(sent.of_selection(Selection.parse(net))))


def is_plain(markdown):
    """Whether every letter that could mean something in Markdown or HTML is escaped."""
    return all(markdown.count(letter) == markdown.count(f"\\{letter}") for letter in "<>[]()*`$")


def test_with_nothing_chosen_the_first_network_is_shown(open_page):
    app = open_page("network")
    assert not app.exception
    assert app.query_params["net"]
    assert viewer(app)["scene"] and viewer(app)["edges"] and viewer(app)["selected"] is None


def test_a_link_opens_the_network_that_it_names(open_page):
    app = open_page("network", net="tiny-inrs/000007")
    assert not app.exception
    assert app.session_state["state.selection"].id == "tiny-inrs/000007"
    assert any("label one" in text.value for text in app.markdown)
    assert [unit["name"] for unit in scene("tiny-inrs/000007")[0]["units"]] == ["input", "layer 1", "layer 2", "output"]


def test_the_picture_of_an_inr_can_be_drawn_by_the_browser_instead(open_page):
    app = open_page("network", net="tiny-inrs/000007")
    assert len(app.image) == 1 and len(app.get("bidi_component")) == 1
    app.toggle(key="render.zoom").set_value(True).run()
    assert not app.exception
    assert not app.image and len(app.get("bidi_component")) == 2


def test_a_link_to_a_network_that_is_not_there_says_so(open_page):
    app = open_page("network", net="tiny-inrs/999999")
    assert not app.exception
    assert "There is no network" in app.info[0].value
    assert not app.get("bidi_component")


def test_a_link_cannot_carry_markup_into_the_page(open_page):
    app = open_page("network", net="tiny-inrs/<img src=x onerror=alert(1)>[a](http://b)")
    assert not app.exception
    assert is_plain(app.info[0].value)


def test_the_upload_of_another_session_is_explained(open_page):
    app = open_page("network", net="upload:" + "a" * 64)
    assert not app.exception
    assert "another session" in app.info[0].value


def test_next_and_previous_walk_through_the_zoo_and_the_address_follows(open_page):
    app = open_page("network", net="tiny-inrs/000003")
    app.button(key="picker.next").click().run()
    assert app.session_state["state.selection"].id == "tiny-inrs/000004"
    assert app.query_params["net"] in ("tiny-inrs/000004", ["tiny-inrs/000004"])
    app.button(key="picker.previous").click().run()
    assert app.session_state["state.selection"].id == "tiny-inrs/000003"


def test_a_search_by_class_narrows_what_random_can_hit(open_page):
    app = open_page("network", net="tiny-inrs/000003")
    app.text_input(key="picker.search").set_value("two").run()
    app.button(key="picker.random").click().run()
    assert not app.exception
    assert int(app.session_state["state.selection"].id[-6:]) % 3 == 2


def test_a_neuron_is_chosen_by_keyboard_and_walked_from(open_page):
    app = open_page("network", net="tiny-inrs/000002")
    app.selectbox(key="neuron.layer").set_value(1).run()
    assert app.session_state["address.neuron"] == 2
    assert any("2 in · 8 out" in text.value for text in app.markdown)
    assert app.code[0].value == "0.bias[0]\n0.weight[0]\n2.weight[:, 0]"
    walk = next(button for button in app.button if (button.key or "").startswith("neuron.walk"))
    walk.click().run()
    assert not app.exception
    assert app.session_state["address.neuron"] in (0, 1)


@pytest.mark.parametrize("net", ["tiny-inrs/000001", "tiny-cnns/00000-000001"])
def test_activations_for_a_chosen_input_are_sent_when_the_viewer_wants_them(open_page, net):
    app = open_page("network", net=net)
    assert viewer(app)["activations"] is None
    wants_activations(app)
    before = viewer(app)["activations"]
    if net.startswith("tiny-inrs"):
        app.slider(key="input.x").set_value(0.5).run()
    else:
        next(box for box in app.selectbox if box.label == "Input image").set_value("Disc").run()
    assert not app.exception
    assert viewer(app)["activations"] not in (before, None)


@pytest.mark.parametrize("net", ["tiny-inrs/000001", "tiny-cnns/00000-000001"])
def test_neurons_are_coloured_by_their_share_of_what_a_model_answers(open_page, checkpoints, monkeypatch, net):
    from app import explained
    from app.state import Selection
    from app.viewer.packing import unpack
    from app.viewer.scene import pack_numbers

    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(checkpoints))
    app = open_page("network", net=net)
    assert viewer(app)["numbers"] is None
    look_at(app, colour="attribution")
    assert not app.exception and not app.error
    assert viewer(app)["numbers"] and viewer(app)["words"]["colours"][-1][0] == "attribution"
    selection = Selection.parse(net)
    found = explained.explanation(explained.model_for(selection), selection, "gradient")
    assert any(found.explains.split()[0] in caption.value for caption in app.caption)
    shares = unpack(pack_numbers(found.structure.architecture, {"attribution": found.nodes.double().numpy()}))[1]
    assert shares["attribution"] == pytest.approx(found.nodes.nan_to_num().numpy(), rel=1e-5)


def wants_activations(app):
    """Let the viewer ask for activations, as its list of colours does."""
    look_at(app, colour="activation")


def look_at(app, **fields):
    """Look at the graph in a way that the viewer says."""
    from app import cached
    from app.viewer.look_link import LOOKS_KEY
    from app.viewer.looks import Look

    architecture = cached.network(app.session_state["state.selection"]).architecture
    app.session_state[LOOKS_KEY] = {architecture.id: Look(**fields)}
    app.run()


@pytest.mark.parametrize("net", ["tiny-inrs/000001", "tiny-cnns/00000-000001"])
@pytest.mark.parametrize("tab", ["Weights", "Shuffle", "Export"])
def test_every_tab_opens_for_every_kind_of_network(open_page, net, tab):
    app = open_page("network", net=net)
    label = next(tab_of_page.label for tab_of_page in app.tabs if tab_of_page.label.endswith(tab))
    app.session_state["network_tab"] = label
    app.run()
    assert not app.exception
    if tab == "Shuffle":
        app.button(key="shuffle.go").click().run()
        assert not app.exception
        assert float(app.metric[2].value) < 1e-3
        assert viewer(app)["flight"]
    if tab == "Weights":
        assert len(app.get("plotly_chart")) == 2


def test_trained_models_give_the_same_answer_for_a_shuffled_network(open_page, tiny_zoos, tmp_path, monkeypatch):
    from tiny_checkpoints import write_tiny_checkpoints

    from ngcore.zoo import Zoo

    write_tiny_checkpoints(tmp_path, Zoo.open(tiny_zoos / "tiny-inrs"), Zoo.open(tiny_zoos / "tiny-cnns"))
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(tmp_path))
    app = open_page("network", net="tiny-cnns/00000-000001")
    app.session_state["network_tab"] = next(tab.label for tab in app.tabs if tab.label.endswith("Shuffle"))
    app.run()
    app.button(key="shuffle.go").click().run()
    assert not app.exception
    row = app.dataframe[-1].value.iloc[0]
    assert row["model"] == "tiny-predict"
    assert row["before"] == row["after"]
    assert row["largest change"] < 1e-5


def test_a_file_with_a_hostile_name_is_read_and_its_name_shown_as_text(open_page):
    from ngcore.networks import siren
    from ngcore.testing import random_network
    from ngcore.upload import export_network

    app = open_page("network", net="tiny-inrs/000001")
    app.selectbox(key="picker.zoo").set_value("upload").run()
    name = "<img src=x onerror=alert(1)>**b**.safetensors"
    data = export_network(random_network(siren((2, 4, 1))))
    app.file_uploader[0].set_value((name, data, "application/octet-stream")).run()
    assert not app.exception
    assert app.session_state["state.selection"].is_upload
    assert all(is_plain(text.value.strip("*")) for text in app.sidebar.markdown)
    assert any("2\\-4\\-1 sine" in text.value for text in app.markdown)


def upload(app, state):
    """Give a state dict to the field for files."""
    from safetensors.torch import save

    app.selectbox(key="picker.zoo").set_value("upload").run()
    app.file_uploader[0].set_value(("net.safetensors", save(state), "application/octet-stream")).run()
    assert not app.exception


def field(widgets, label):
    return next(widget for widget in widgets if widget.label.startswith(label))


def test_a_file_that_leaves_the_activation_open_is_asked_about(open_page):
    from torch import nn

    app = open_page("network", net="tiny-inrs/000001")
    upload(app, nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)).state_dict())
    assert not app.session_state["state.selection"].id
    field(app.selectbox, "Activation").set_value("tanh").run()
    field(app.button, "Use this network").click().run()
    assert not app.exception
    assert any("4\\-3\\-2 tanh" in text.value for text in app.markdown)


def test_an_answer_that_does_not_fit_is_said_beside_the_form_and_can_be_changed(open_page):
    from torch import nn

    app = open_page("network", net="tiny-inrs/000001")
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 2, 3), nn.Flatten(), nn.Linear(2 * 16, 3))
    upload(app, module.state_dict())
    field(app.text_input, "Input size").set_value("9 × 9").run()
    assert "The layers do not fit" in app.error[0].value
    assert field(app.button, "Use this network").disabled
    for label, value in (("Stride", "1, 1"), ("Padding", "0"), ("Input size", "8 × 8")):
        field(app.text_input, label).set_value(value).run()
    assert not app.error
    field(app.button, "Use this network").click().run()
    assert app.session_state["state.selection"].id


def test_a_torch_file_is_read_once_for_all_answers_reruns_and_pages(open_page, pages_folder, monkeypatch):
    import io

    import torch
    from torch import nn

    from ngcore.upload import reader, torch_format

    calls = {"sandbox": 0, "reader": 0}

    def counted(name, function):
        def count(*args, **kwargs):
            calls[name] += 1
            return function(*args, **kwargs)

        return count

    monkeypatch.setattr(torch_format, "describe_pickle", counted("sandbox", torch_format.describe_pickle))
    monkeypatch.setattr(reader, "clean_tensors", counted("reader", reader.clean_tensors))
    stream = io.BytesIO()
    torch.save(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).state_dict(), stream)
    app = open_page("network", net="tiny-inrs/000001")
    app.selectbox(key="picker.zoo").set_value("upload").run()
    for _ in range(2):  # the same bytes come again once they were used
        app.file_uploader[0].set_value(("net.pt", stream.getvalue(), "application/octet-stream")).run()
        for convention in ("coin", "sitzmann"):
            field(app.selectbox, "Convention").set_value(convention).run()
        assert any("Its inputs and outputs were coordinates" in text.value for text in app.caption)
        app.switch_page(str(pages_folder / "predict.py")).run()
        assert field(app.selectbox, "Convention").value == "sitzmann"
        field(app.button, "Use this network").click().run()
        assert not app.exception
    assert app.session_state["state.selection"].id
    assert calls == {"sandbox": 1, "reader": 1}


def test_of_several_files_each_says_what_became_of_it_and_answers_hold_for_all(open_page):
    from safetensors.torch import save
    from torch import nn

    from ngcore.networks import siren
    from ngcore.testing import random_network
    from ngcore.upload import export_network

    def mlp():
        return save(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)).state_dict())

    whole = export_network(random_network(siren((2, 4, 1))))
    app = open_page("network", net="tiny-inrs/000001")
    app.selectbox(key="picker.zoo").set_value("upload").run()
    files = [("one.safetensors", mlp()), ("whole.safetensors", whole), ("two.safetensors", mlp()), ("bad.npz", b"no")]
    app.file_uploader[0].set_value([(name, data, "application/octet-stream") for name, data in files]).run()
    assert not app.exception
    lines = next(text.value for text in app.markdown if text.value.startswith(":material/")).splitlines()
    outcomes = ("needs answers", "2\\-4\\-1 sine", "needs answers", "see below")
    assert len(lines) == 4 and all(outcome in line for outcome, line in zip(outcomes, lines, strict=True))
    assert len(app.error) == 1 and app.error[0].value.startswith("bad\\.npz")
    assert any("2\\-4\\-1 sine" in text.value for text in app.markdown)
    field(app.selectbox, "Activation").set_value("tanh").run()
    field(app.button, "Use these answers for all 2 files").click().run()
    assert not app.exception
    names = sorted(own.network.architecture.name for own in app.session_state["state.kept"].values())
    assert names == ["2-4-1 sine", "4-3-2 tanh", "4-3-2 tanh"]


def test_a_siren_that_was_trained_on_0_to_1_is_asked_about_its_range_and_shown_without_a_grey_ground(open_page):
    import torch
    from torch import nn

    layers = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    with torch.no_grad():  # |x|, which is 0 in the middle
        layers[0].weight.copy_(torch.tensor([[1.0, 0], [-1.0, 0], [0, 0]]))
        layers[2].weight.copy_(torch.tensor([[1.0, 1.0, 0]]))
        for layer in (layers[0], layers[2]):
            layer.bias.zero_()
    app = open_page("network", net="tiny-inrs/000001")
    upload(app, layers.state_dict())
    range_field = field(app.selectbox, "Outputs for black, white")
    assert range_field.value == (0.0, 1.0) and "between 0\\.0" in range_field.help
    field(app.button, "Use this network").click().run()
    assert not app.exception
    from ngcore.inr import render

    kept = app.session_state["state.kept"][app.session_state["state.selection"].id].network
    assert float(render(kept, (9, 9))[0, 4, 4]) == pytest.approx(0, abs=1e-6)


def test_a_file_that_is_not_read_shows_a_recipe_that_can_be_copied(open_page):
    from ngcore.upload.recipes import KERAS_TO_NPZ

    app = open_page("network", net="tiny-inrs/000001")
    app.selectbox(key="picker.zoo").set_value("upload").run()
    data = b"\x89HDF\r\n\x1a\n" + bytes(64)
    app.file_uploader[0].set_value(("my model.h5", data, "application/octet-stream")).run()
    assert not app.exception
    assert app.code[0].value == KERAS_TO_NPZ.replace("model.keras", "my model.h5").strip()


def test_a_file_that_is_no_network_is_refused_in_words(open_page):
    app = open_page("network", net="tiny-inrs/000001")
    app.selectbox(key="picker.zoo").set_value("upload").run()
    app.file_uploader[0].set_value(("net.safetensors", b"no network at all", "application/octet-stream")).run()
    assert not app.exception
    assert "Expected a file of one of the formats" in app.error[0].value
