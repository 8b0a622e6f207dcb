"""What the app says about models: what each is given."""

import pytest

from app.answers import describe_reading

WEIGHTS = {"kind": "ng-sweep", "num_probes": 0}
PROBES = {"kind": "ng-sweep", "num_probes": 64}
OUTPUTS = {"kind": "output-probes", "num_probes": 16}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (WEIGHTS, "The model is given the weights, not a picture."),
        (
            PROBES,
            "The model is given the weights, and what the network answers at 64 places of the model's own choice.",
        ),
        (
            OUTPUTS,
            "The model is given what the network answers at 16 places of the model's own choice, not the weights.",
        ),
        (
            OUTPUTS | {"has_lattice": True},
            "The model is given what the network answers at 16 places in a lattice, a coarse picture, not the weights.",
        ),
    ],
)
def test_it_is_said_what_a_model_is_given(config, expected):
    assert describe_reading({"model": {"config": config}}) == expected
