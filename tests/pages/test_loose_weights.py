"""Files of which no network can be made: their weights show on the network page, and other pages link there."""

import io
import re

import numpy as np
import pytest

LONG = 60


def as_bytes(arrays):
    """Arrays as the bytes of an .npz file."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def state_of_branches():
    """Names and shapes of a network that is no chain."""
    rng = np.random.default_rng(0)
    shapes = {
        "stem.conv.weight": (8, 3, 3, 3),
        "stem.conv.bias": (8,),
        "up.deconv.weight": (8, 4, 2, 2),
        "up.deconv.bias": (4,),
        "head.weight": (5, 4),
        "lonely.weight": (6, 77),
    }
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.fixture
def opened(open_page):
    """`opened(arrays)` gives arrays as a file to the network page."""

    def give(arrays, page="network", name="weights.npz"):
        app = open_page(page, net="tiny-inrs/000001")
        app.selectbox(key="picker.zoo").set_value("upload").run()
        app.file_uploader[0].set_value((name, as_bytes(arrays), "application/octet-stream")).run()
        assert not app.exception
        return app

    return give


def html(app):
    return "".join(element.proto.body for element in app.get("html"))


def names_of(app):
    """Names of the tensors that show as cards."""
    return re.findall(r"loose-name'>([^<]*)<", html(app))


def test_the_tensors_of_a_file_without_structure_show_with_their_numbers(opened):
    app = opened(state_of_branches())
    assert not app.error
    assert "Weights without structure" in app.info[0].value
    shown = html(app)
    assert names_of(app) == list(state_of_branches())
    assert "8×3×3×3" in shown and "std" in shown and "data:image/png;base64" in shown
    assert "unconnected" in shown


def test_a_search_and_a_part_narrow_the_tensors_down(opened):
    app = opened(state_of_branches())
    field(app.text_input, "Search").set_value("WEIGHT up").run()
    assert names_of(app) == ["up.deconv.weight"]
    field(app.text_input, "Search").set_value("nothing").run()
    assert any("No tensor has such a name" in caption.value for caption in app.caption)
    field(app.text_input, "Search").set_value("").run()
    field(app.selectbox, "Part").set_value("stem.conv").run()
    assert names_of(app) == ["stem.conv.weight", "stem.conv.bias"]


def test_a_tensor_is_looked_at_closer(opened):
    app = opened(state_of_branches())
    assert len(app.get("plotly_chart")) == 2
    field(app.selectbox, "Tensor").set_value("head.weight").run()
    assert not app.exception and len(app.get("plotly_chart")) == 2


def test_many_tensors_come_by_pages_and_only_those_that_show_are_read(opened, monkeypatch):
    from ngcore.upload.weights import tensor as tensor_module

    read = []
    summarise = tensor_module.summarise
    monkeypatch.setattr(tensor_module, "summarise", lambda blocks: read.append(1) or summarise(blocks))
    app = opened({f"block{i}.attn.qkv.weight": np.ones((3, 2), np.float32) for i in range(LONG)})
    assert len(read) == 24
    field(app.number_input, "Page").set_value(3).run()
    assert not app.exception
    assert names_of(app) == [f"block{i}.attn.qkv.weight" for i in range(48, LONG)]


def test_guesses_are_dashed_and_can_be_corrected(opened):
    app = opened(state_of_branches())
    app.session_state["loose.tab"] = ":material/conversion_path: Connections"
    app.run()
    first, second = "stem.conv.weight to up.deconv.weight (guess)", "up.deconv.weight to head.weight (guess)"
    assert f"Connections: {first}; {second}" in html(app)
    field(app.selectbox, "Weight").set_value("up.deconv.weight").run()
    sources = field(app.multiselect, "It takes the outputs of")
    assert sources.value == ["stem.conv.weight"]
    sources.set_value([]).run()
    assert f"Connections: {second}" in html(app)
    field(app.selectbox, "Weight").set_value("lonely.weight").run()
    field(app.multiselect, "It takes the outputs of").set_value(["head.weight"]).run()
    assert f"Connections: {second}; head.weight to lonely.weight'" in html(app)
    field(app.button, "Back to the guesses").click().run()
    assert f"Connections: {first}; {second}" in html(app)


def test_the_table_lists_all_tensors(opened):
    app = opened(state_of_branches())
    app.session_state["loose.tab"] = ":material/table_rows: Table"
    app.run()
    table = app.dataframe[-1].value
    assert list(table["tensor"]) == list(state_of_branches())
    assert np.isclose(table["mean"][0], state_of_branches()["stem.conv.weight"].mean())


def test_the_table_of_a_large_file_waits_until_it_is_asked_for(opened, monkeypatch):
    from app.network.loose import table_tab

    monkeypatch.setattr(table_tab, "MAX_AT_ONCE", 10)
    app = opened(state_of_branches())
    app.session_state["loose.tab"] = ":material/table_rows: Table"
    app.run()
    assert "mean" not in app.dataframe[-1].value
    app.button(key="loose.compute").click().run()
    assert "mean" in app.dataframe[-1].value


def test_what_is_set_aside_is_said(opened):
    app = opened(state_of_branches() | {"position_ids": np.arange(5)})
    assert any("Set aside: 1" in expander.label for expander in app.expander)


def test_odd_numbers_are_pointed_out(opened):
    arrays = state_of_branches()
    arrays["head.weight"][0, :2] = np.nan, np.inf
    assert "1 NaN, 1 infinite" in html(opened(arrays))


def test_hostile_names_show_as_text(opened):
    arrays = state_of_branches() | {"<img src=x onerror=alert(1)>.weight": np.ones((2, 2), np.float32)}
    shown = html(opened(arrays, name="**<b>**.npz"))
    assert "<img src=x" not in shown and "&lt;img src=x" in shown


@pytest.mark.parametrize("page", ["predict", "compare", "edit", "blend", "map", "draw", "lab", "leaderboard", "home"])
def test_no_other_page_stumbles_over_a_file_without_structure(opened, pages_folder, page):
    app = opened(state_of_branches())
    app.switch_page(str(pages_folder / f"{page}.py")).run()
    assert not app.exception and not app.error
    if page in ("predict", "edit"):
        assert "This page needs a network" in app.info[0].value


def test_a_file_given_on_another_page_opens_the_network_page(opened):
    assert "Weights without structure" in opened(state_of_branches(), page="predict").info[0].value


def test_a_closed_file_is_gone(opened):
    app = opened(state_of_branches())
    app.button(key="loose.close").click().run()
    assert not app.exception
    assert not app.session_state["state.weights"]


def test_the_weights_of_a_network_that_is_asked_about_can_be_shown_alone(opened):
    app = opened({"0.weight": np.ones((3, 2), np.float32), "2.weight": np.ones((1, 3), np.float32)})
    field(app.button, "Show the weights alone").click().run()
    assert not app.exception
    assert "Weights without structure" in app.info[0].value


def test_a_file_is_opened_by_its_path(open_page, tmp_path):
    path = tmp_path / "model.npz"
    path.write_bytes(as_bytes(state_of_branches()))
    app = open_page("network", net="tiny-inrs/000001")
    app.selectbox(key="picker.zoo").set_value("upload").run()
    app.text_input(key="upload.path").set_value(str(path)).run()
    assert not app.exception
    assert "Weights without structure" in app.info[0].value


def test_a_large_file_is_mapped_and_shows_its_weights(open_page, tmp_path):
    import safetensors.torch
    import torch

    path = tmp_path / "large.safetensors"
    safetensors.torch.save_file({"a.weight": torch.zeros(4_200, 4_200), "b.weight": torch.ones(2, 2)}, path)
    app = open_page("network", net="tiny-inrs/000001")
    app.selectbox(key="picker.zoo").set_value("upload").run()
    app.text_input(key="upload.path").set_value(str(path)).run()
    assert not app.exception and not app.error
    assert "17,640,004 numbers" in "".join(text.value for text in app.markdown)


def test_a_path_to_nothing_is_said(open_page):
    app = open_page("network", net="tiny-inrs/000001")
    app.selectbox(key="picker.zoo").set_value("upload").run()
    app.text_input(key="upload.path").set_value("/no/such/file").run()
    assert not app.exception
    assert "there is no such file" in app.error[0].value


def test_strangers_cannot_name_files_of_the_server(open_page, monkeypatch):
    monkeypatch.setenv("NGCORE_PUBLIC", "1")
    app = open_page("network", net="tiny-inrs/000001")
    app.selectbox(key="picker.zoo").set_value("upload").run()
    assert not [one for one in app.text_input if one.key == "upload.path"]


def field(widgets, label):
    return next(widget for widget in widgets if widget.label.startswith(label))


def resnet_state():
    """The state dict of a small ResNet under the names of torchvision."""
    from scheme_modules.resnets import ResNet

    return {name: tensor.numpy() for name, tensor in ResNet([4, 6], [1, 1], is_large=False).state_dict().items()}


def test_what_a_known_network_leaves_open_is_asked_and_the_network_shows(opened):
    app = opened(resnet_state())
    assert [box.label for box in app.selectbox if box.label == "First convolution"]
    assert any(text.label.startswith("Size of the image") for text in app.text_input)
    next(button for button in app.button if button.label == "Use this network").click().run()
    assert not app.exception
    assert app.session_state["state.selection"].id


def test_the_weights_of_a_known_network_alone_have_the_connections_of_its_library(opened):
    app = opened(resnet_state())
    next(button for button in app.button if button.label == "Show the weights alone").click().run()
    assert not app.exception
    assert "The weights of a ResNet" in app.info[0].value


def test_what_a_file_looks_like_and_does_not_fit_shows_beside_its_weights(opened):
    state = resnet_state() | {"layer1.0.conv4.weight": np.ones((4, 4, 1, 1), np.float32)}
    app = opened(state)
    said = app.info[0].value.replace("\\", "")
    assert "It looks like a ResNet, but 'layer1.0.conv4.weight' has no place there." in said
