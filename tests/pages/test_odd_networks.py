"""Networks with weights of any size, and those that compute nothing: every page says so and continues."""

import hashlib

import pytest

SIZES = {"zero": 0.0, "denormal": 1e-40, "huge": 1e30, "infinite inside": 1e37, "largest": 3e38}
PAGES = ("network", "predict", "edit", "blend", "map", "draw")


@pytest.fixture
def open_with(open_page, pages_folder, checkpoints, monkeypatch):
    """A function that opens a page with a network of this session selected."""
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(checkpoints))

    def run(name, network, **kept):
        from app.state import Kept

        digest = hashlib.sha256(f"{network.architecture.id}{network.flatten().tolist()}".encode()).hexdigest()
        app = open_page("home", net=f"upload:{digest}")
        app.session_state["state.kept"] = {digest: Kept(network, "odd", digest)}
        for key, value in kept.items():
            app.session_state[key] = value
        return app.switch_page(str(pages_folder / f"{name}.py")).run()

    return run


def siren_of(size):
    from ngcore.inr.siren import initial_siren
    from ngcore.networks import siren

    return initial_siren(siren((2, 8, 8, 1)), 0, 1, seed=0).map(lambda tensor: tensor.sign() * size)


def cnn_of(size):
    import torch

    from ngcore.networks import small_cnn
    from ngcore.testing import random_network

    network = random_network(small_cnn((1, 4, 4), image_size=(8, 8)), 1, dtype=torch.float32)
    return network.map(lambda tensor: tensor.sign() * size)


def said(app):
    return " ".join(box.value for box in (*app.warning, *app.error)).replace("\\", "")


@pytest.mark.parametrize("size", SIZES)
def test_every_page_takes_an_inr_of_any_weights(open_with, pages_folder, size):
    app = open_with("network", siren_of(SIZES[size]))
    for name in PAGES:
        app.switch_page(str(pages_folder / f"{name}.py")).run()
        assert not app.exception, name
        shown = " ".join(text.value for text in (*app.markdown, *app.caption)) + "".join(m.value for m in app.metric)
        assert "nan%" not in shown and "inf%" not in shown, name


@pytest.mark.parametrize("size", SIZES)
def test_every_page_takes_a_cnn_of_any_weights(open_with, pages_folder, size):
    app = open_with("network", cnn_of(SIZES[size]))
    for name in ("network", "predict", "map"):
        app.switch_page(str(pages_folder / f"{name}.py")).run()
        assert not app.exception, name


@pytest.mark.parametrize("name", ["network", "predict", "edit"])
def test_a_network_of_zeros_is_said_to_be_one_and_no_model_is_sure_of_it(open_with, name):
    app = open_with(name, siren_of(0.0))
    assert "All weights are 0." in said(app)
    assert not any("The model sees" in text.value or "Reads as" in text.value for text in app.markdown)


def test_the_answer_about_an_unlike_network_comes_with_a_warning_and_how_many_models_agree(open_with):
    from ngcore.inr.siren import initial_siren
    from ngcore.networks import siren

    app = open_with("predict", initial_siren(siren((2, 8, 8, 1), omega_0=20.0), 0, 1, seed=0))
    assert not app.exception
    assert "This network is 2-8-8-1 sine with ω₀ 20; the model was trained on" in said(app)
    captions = " ".join(text.value for text in (*app.caption, *app.warning))
    assert "models give this answer" in captions


TABS = {"grid_on": "Weights", "shuffle": "Shuffle", "download": "Export"}


@pytest.mark.parametrize("network_of", [siren_of, cnn_of])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("icon", TABS)
def test_every_tab_takes_a_network_of_any_weights(open_with, icon, size, network_of):
    state = {"network_tab": TABS[icon], "address.shuffle": 1}
    app = open_with("network", network_of(SIZES[size]), **state)
    assert not app.exception
    assert next(tab for tab in app.tabs if tab.label.endswith(TABS[icon])).children
