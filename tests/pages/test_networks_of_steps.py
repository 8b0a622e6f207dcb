"""Networks that are no chains: every page takes them, or says in words what it needs; the network page shows all."""

import hashlib
import json

import pytest
from dag_architectures import DAGS

PAGES = ("network", "map", "compare", "predict", "draw", "edit", "blend", "lab", "leaderboard")
TABS = {"grid_on": "Weights", "shuffle": "Shuffle", "download": "Export"}


def digest_of(name):
    return hashlib.sha256(name.encode()).hexdigest()


@pytest.fixture
def open_dag(open_page, pages_folder, checkpoints, monkeypatch):
    """A function that opens a page with a network of this session selected."""
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(checkpoints))

    def run(page, name, *, coverage=None, **chosen):
        import torch

        from app.state import Kept
        from ngcore.testing import random_network

        network, digest = random_network(DAGS[name], seed=1, dtype=torch.float32), digest_of(name)
        app = open_page("home", net=f"upload:{digest}")
        app.session_state["state.kept"] = {digest: Kept(network, name, digest, coverage=coverage)}
        for key, value in chosen.items():
            app.session_state[key] = value
        return app.run() if page == "home" else app.switch_page(str(pages_folder / f"{page}.py")).run()

    return run


def viewer(app):
    return json.loads(app.get("bidi_component")[0].proto.json)


def looked_at(name, **fields):
    """State of a session in which a network is looked at in some way."""
    from app.viewer.look_link import LOOKS_KEY
    from app.viewer.looks import Look

    return {LOOKS_KEY: {DAGS[name].id: Look(**fields)}}


@pytest.mark.parametrize("name", DAGS)
def test_every_page_takes_every_network_or_says_what_it_needs(open_dag, pages_folder, name):
    app = open_dag("home", name)
    assert not app.exception and not app.error
    for page in PAGES:
        app.switch_page(str(pages_folder / f"{page}.py")).run()
        assert not app.exception and not app.error, page


@pytest.mark.parametrize("icon", TABS)
@pytest.mark.parametrize("name", DAGS)
def test_every_tab_takes_every_network(open_dag, icon, name):
    chosen = {"network_tab": TABS[icon], "address.shuffle": 1, "export.show": True}
    app = open_dag("network", name, **chosen)
    assert not app.exception and not app.error and not app.warning
    assert next(tab for tab in app.tabs if tab.label.endswith(TABS[icon])).children


@pytest.mark.parametrize("name", DAGS)
def test_every_network_is_drawn_with_activations(open_dag, name):
    app = open_dag("network", name, **looked_at(name, colour="activation"))
    assert not app.exception and not app.error
    assert all(viewer(app)[part] for part in ("scene", "edges", "activations"))


@pytest.mark.parametrize("is_large", [False, True])
def test_neurons_are_chosen_by_block_and_walked_from(open_dag, monkeypatch, is_large):
    from app.viewer import sent

    if is_large:
        monkeypatch.setattr(sent, "has_whole_view", lambda architecture: False)
    app = open_dag("network", "transformer")
    app.selectbox(key="neuron.layer").set_value(3).run()
    assert not app.exception
    node = app.session_state["address.neuron"]
    assert viewer(app)["selected"] == node
    walk = next(button for button in app.button if (button.key or "").startswith("neuron.walk"))
    walk.click().run()
    assert not app.exception
    assert app.session_state["address.neuron"] != node


def test_tokens_are_typed_and_wrong_ones_are_explained(open_dag):
    app = open_dag("network", "transformer", **looked_at("transformer", colour="activation"))
    app.text_input(key="input.tokens9x5").set_value("0, 1 2;3 8").run()
    assert not app.exception and not app.error
    app.text_input(key="input.tokens9x5").set_value("0 1 2 3 9").run()
    assert "whole numbers from 0 to 8, got '9'" in app.error[0].value.replace("\\", "")


def test_heads_that_moved_are_counted(open_dag):
    app = open_dag("network", "transformer", **{"network_tab": "Shuffle", "address.shuffle": 2})
    numbers = {metric.label: metric.value for metric in app.metric}
    assert numbers["Heads that moved"].endswith(" of 6") and numbers["Neurons that moved"].endswith(" of 76")


def test_inputs_outputs_and_ties_are_among_the_facts(open_dag):
    app = open_dag("network", "transformer")
    text = " ".join(text.value for text in app.markdown).replace("\\", "").replace("\u2060", "")
    assert "input tokens 5 of 9" in text and "output 9 × 5" in text and "tied weights: tokens" in text


def test_what_was_left_out_of_a_module_is_said(open_dag):
    row = {
        "path": "encoder.layers.3",
        "operation": "fft",
        "reason": "it has no counterpart",
        "parameters": 64,
        "input": 1,
    }
    coverage = {"num_parameters": 700, "num_covered": 636, "skipped": [row], "unused": ["head.bias"], "notes": ["n"]}
    app = open_dag("network", "lstm", coverage=coverage)
    assert not app.exception
    assert "636 of 700 parameters" in app.warning[0].value.replace("\\", "")
    assert any("head.bias" in text.value for text in app.text)


@pytest.mark.parametrize("page", ["edit", "blend"])
def test_a_page_that_needs_a_picture_says_so_and_links_to_the_graph(open_dag, page):
    app = open_dag(page, "vision transformer")
    assert "this page needs an INR" in app.info[0].value.replace("\\", "")
    assert any(link.proto.page.endswith("network") for link in app.get("page_link"))


@pytest.mark.parametrize("page", ["predict", "map"])
def test_a_page_without_a_model_or_a_map_for_it_says_so_and_links_to_the_graph(open_dag, page):
    app = open_dag(page, "transformer")
    assert app.info
    assert any(link.proto.page.endswith("network") for link in app.get("page_link"))


def test_a_network_that_was_handed_over_is_selected_by_its_address(open_page, tmp_path, monkeypatch):
    import torch

    from ngcore.showing import FOLDER_VARIABLE, Handover, hand_over
    from ngcore.testing import random_network

    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    network = random_network(DAGS["gru"], dtype=torch.float32)
    name = hand_over(Handover(network, "my <b>model</b>", ("Read from a module.",)), tmp_path)
    app = open_page("network", net=f"upload:{name}")
    assert not app.exception and not app.error and not app.info
    assert app.session_state["state.kept"][name].network.equals(network)


def test_a_network_that_was_never_handed_over_is_missing(open_page, tmp_path, monkeypatch):
    from ngcore.showing import FOLDER_VARIABLE

    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    app = open_page("network", net="upload:" + "a" * 64)
    assert not app.exception
    assert "another session" in app.info[0].value
