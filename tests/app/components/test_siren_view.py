"""The component that draws SIRENs: what it is given, what comes back, and pictures where it cannot draw."""

import json

import numpy as np
from streamlit.testing.v1 import AppTest

WAIT_S = 60


def sine_page() -> None:
    import torch

    from app.components.siren_view import siren_view
    from ngcore.networks import siren
    from ngcore.testing import random_network

    networks = random_network(siren((2, 6, 3)), 2, dtype=torch.float32)
    siren_view(networks[0], networks[1], key="view")


def relu_page() -> None:
    import streamlit as st
    import torch

    from app.components.siren_view import siren_view
    from ngcore.networks import mlp
    from ngcore.testing import random_network

    networks = random_network(mlp((2, 6, 1)), 2, dtype=torch.float32)
    st.text(str(siren_view(networks[0], networks[1], key="view").strength))


def test_both_networks_and_the_colours_reach_the_browser():
    app = AppTest.from_function(sine_page, default_timeout=WAIT_S).run()
    assert not app.exception and not app.image
    (component,) = app.get("bidi_component")
    data = json.loads(component.proto.json)
    assert data["sizes"] == [2, 6, 3] and data["frequencies"] == [30.0]
    assert len(data["networks"]) == len(data["stills"]) == 2 and data["networks"][0] != data["networks"][1]
    assert {"negative", "zero", "positive", "background"} <= data["colours"].keys()
    assert data["strength"] == 1


def test_a_network_without_sines_is_shown_as_pictures():
    app = AppTest.from_function(relu_page, default_timeout=WAIT_S).run()
    assert not app.exception and not app.get("bidi_component")
    assert len(app.image) == 2 and app.text[0].value == "1.0"
    assert "Only SIRENs" in app.caption[0].value


def test_a_strength_counts_for_the_networks_that_it_was_set_for():
    from app.components.siren_view import FULL_STRENGTH, _strength

    sent = {"strength": {"fingerprint": "a", "value": 0.4}}
    assert _strength(sent, "a") == 0.4
    assert _strength(sent, "b") == _strength({}, "a") == _strength(None, "a") == FULL_STRENGTH


def test_weights_arrive_as_little_endian_floats():
    import base64

    import torch

    from app.siren_texels import pack
    from ngcore.networks import siren
    from ngcore.testing import random_network

    app = AppTest.from_function(sine_page, default_timeout=WAIT_S).run()
    text = json.loads(app.get("bidi_component")[0].proto.json)["networks"][1]
    networks = random_network(siren((2, 6, 3)), 2, dtype=torch.float32)
    assert np.array_equal(np.frombuffer(base64.b64decode(text), "<f4"), pack(networks[1]).ravel())
