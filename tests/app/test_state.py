"""What the pages share: selections and their texts, and the networks of a session."""

import pytest


@pytest.mark.parametrize("text", ["mnist-inrs/000123", "cnns/00001-000060", "upload:" + "ab" * 32])
def test_the_text_of_a_selection_survives_the_round_trip(text):
    from app.state import Selection

    assert Selection.parse(text).key == text


@pytest.mark.parametrize("text", ["", "mnist-inrs", "/000123", "mnist-inrs/"])
def test_a_text_that_names_no_network_is_no_selection(text):
    from app.state import Selection

    assert Selection.parse(text) is None


def test_the_short_id_leaves_the_zoo_out():
    from app.state import Selection

    assert Selection("mnist-inrs", "mnist-inrs/000123").short_id == "000123"
    assert Selection("upload", "0123456789abcdef").short_id == "0123456789ab"


def test_an_id_may_be_given_with_or_without_the_name_of_its_zoo():
    from streamlit.testing.v1 import AppTest

    def script():
        from app import state

        state.select(zoo="zoo", id="1")
        first = state.selected()
        state.select(zoo="zoo", id="zoo/1")
        assert state.selected() == first
        assert state.selected().key == "zoo/1"
        state.unselect()
        assert state.selected() is None

    assert not AppTest.from_function(script, default_timeout=60).run().exception


def test_the_oldest_network_of_a_session_makes_room():
    from streamlit.testing.v1 import AppTest

    def script():
        from app import state
        from ngcore.networks import mlp
        from ngcore.testing import random_network

        network = random_network(mlp((2, 3, 1)))
        for i in range(state.MAX_KEPT + 1):
            state.keep(state.Kept(network, title=str(i), sha256=str(i)))
        assert list(state.kept()) == [str(i) for i in range(1, state.MAX_KEPT + 1)]

    assert not AppTest.from_function(script, default_timeout=60).run().exception


def test_large_networks_of_a_session_make_room_for_the_newest():
    from streamlit.testing.v1 import AppTest

    def script():
        from app import state
        from ngcore.networks import mlp
        from ngcore.testing import random_network

        network = random_network(mlp((2, 3, 1)))
        state.MAX_KEPT_BYTES, limit = 13 * 8 * 3, state.MAX_KEPT_BYTES
        try:
            for i in range(5):
                state.keep(state.Kept(network, title=str(i), sha256=str(i)))
            assert list(state.kept()) == ["2", "3", "4"]
            state.MAX_KEPT_BYTES = 1
            state.keep(state.Kept(network, title="5", sha256="5"))
            assert list(state.kept()) == ["5"]
        finally:
            state.MAX_KEPT_BYTES = limit

    assert not AppTest.from_function(script, default_timeout=60).run().exception


def test_a_network_made_on_a_page_can_be_selected_like_any_other():
    from streamlit.testing.v1 import AppTest

    def script():
        from app import cached, state
        from ngcore.networks import siren
        from ngcore.testing import random_network

        network = random_network(siren((2, 4, 1)))
        selection = state.keep_network(network, "thicker 7", notes=("made by a test",))
        state.select(zoo=selection.zoo, id=selection.id)
        assert cached.exists(selection)
        assert cached.network(selection).equals(network)
        assert cached.title(selection) == "thicker 7"
        assert cached.row(selection) == {}

    assert not AppTest.from_function(script, default_timeout=60).run().exception
