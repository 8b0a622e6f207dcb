"""How a graph is looked at as text of an address: every look comes back, every other text means none."""

import pytest


def test_every_look_comes_back_from_its_text():
    from app.viewer.looks import Look, parse_look

    looks = [
        Look(k=200),
        Look(colour="fan_in", is_by_layer=False),
        Look(frozenset()),
        Look(frozenset({0, 1, 2, 5, 7, 8}), "activation", is_full=True, k=1_000_000, least=0.125, is_by_layer=False),
    ]
    assert [parse_look(look.text) for look in looks] == looks
    assert looks[-1].text == "k1000000~w0.125~activation~network~full~open0-2.5.7-8"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "k",
            "k0",
            "k-1",
            "k2000000",
            "k²",
            "w-1",
            "wnan",
            "winf",
            "w1e99",
            "blue",
            "<script>",
            "bias~",
            "k2~~w1",
        ),
        *("open3-1", "open0-999999", "open-1", "open1,2", "open1..2", "opena", "OPEN1"),
    ],
)
def test_any_other_text_means_no_look(text):
    from app.viewer.looks import parse_look

    assert parse_look(text) is None


def test_a_look_at_layers_that_a_network_lacks_does_not_fit_it():
    from app.viewer.looks import Look

    assert Look(frozenset({0, 2})).fits(3) and not Look(frozenset({0, 2})).fits(2) and Look().fits(0)
