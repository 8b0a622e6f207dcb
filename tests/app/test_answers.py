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
            "The model is given the weights, and its output at 64 points that the model chose.",
        ),
        (
            OUTPUTS,
            "The model is given its output at 16 points that the model chose, not the weights.",
        ),
        (
            OUTPUTS | {"has_lattice": True},
            "The model is given its output at 16 points on a grid, not the weights.",
        ),
    ],
)
def test_it_is_said_what_a_model_is_given(config, expected):
    assert describe_reading({"model": {"config": config}}) == expected
