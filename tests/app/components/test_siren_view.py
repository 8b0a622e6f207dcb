"""The component that draws SIRENs: what it is given, what comes back, and pictures where it cannot draw."""

import json

import numpy as np
import pytest
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
    import torch

    from app.components.siren_view import siren_view
    from ngcore.networks import mlp
    from ngcore.testing import random_network

    networks = random_network(mlp((2, 6, 1)), 2, dtype=torch.float32)
    siren_view(networks[0], networks[1], key="view")


def live_page() -> None:
    import torch

    from app.components.siren_view import LiveStrength, siren_view
    from ngcore.networks import siren
    from ngcore.testing import random_network

    networks = random_network(siren((2, 6, 3)), 3, dtype=torch.float32)
    known = {0.0: networks[0], 1.0: networks[1]}
    siren_view(networks[0], networks[2], key="view", live=LiveStrength("Strength of it", 0.25, known, print))


def test_both_networks_and_the_colours_reach_the_browser():
    app = AppTest.from_function(sine_page, default_timeout=WAIT_S).run()
    assert not app.exception and not app.image
    (component,) = app.get("bidi_component")
    data = json.loads(component.proto.json)
    assert data["sizes"] == [2, 6, 3] and data["frequencies"] == [30.0]
    assert len(data["stills"]) == 2 and data["networks"][0] == data["networks"][1] != data["networks"][2]
    assert data["strengths"] == [0, 1] and data["label"] is None and data["strip"] == []
    assert {"negative", "zero", "positive", "background"} <= data["colours"].keys()
    assert data["strength"] == 1


def test_a_network_without_sines_is_shown_as_pictures():
    app = AppTest.from_function(relu_page, default_timeout=WAIT_S).run()
    assert not app.exception and not app.get("bidi_component")
    assert len(app.image) == 2
    assert "Only SIRENs" in app.caption[0].value


def test_a_live_strength_brings_the_networks_at_some_strengths_and_at_its_own():
    app = AppTest.from_function(live_page, default_timeout=WAIT_S).run()
    (component,) = app.get("bidi_component")
    data = json.loads(component.proto.json)
    assert data["strengths"] == [0, 0.25, 1] and data["strength"] == 0.25 and data["label"] == "Strength of it"
    assert len(set(data["networks"])) == 3 and [strength for strength, _ in data["strip"]] == [0, 0.5, 1, 1.5]


@pytest.mark.parametrize("value", [-0.1, 2.1, float("nan"), float("inf"), "1", None, True, [1], {"a": 1}])
def test_only_a_strength_of_the_networks_that_are_shown_is_taken(value):
    from app.components.siren_view import strength_in

    def sent(value, fingerprint="a"):
        return {"strength": {"fingerprint": fingerprint, "value": value}}

    assert strength_in(sent(0.404), "a", 2.0) == 0.4 and strength_in(sent(2), "a", 2.0) == 2
    assert strength_in(sent(value), "a", 2.0) is None and strength_in(sent(0.4, "b"), "a", 2.0) is None
    assert strength_in({"strength": value}, "a", 2.0) is None and strength_in(value, "a", 2.0) is None


def test_weights_arrive_as_little_endian_floats():
    import base64

    import torch

    from app.siren_texels import pack
    from ngcore.networks import siren
    from ngcore.testing import random_network

    app = AppTest.from_function(sine_page, default_timeout=WAIT_S).run()
    text = json.loads(app.get("bidi_component")[0].proto.json)["networks"][2]
    networks = random_network(siren((2, 6, 3)), 2, dtype=torch.float32)
    assert np.array_equal(np.frombuffer(base64.b64decode(text), "<f4"), pack(networks[1]).ravel())
