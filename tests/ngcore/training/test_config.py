"""The numbers of a training run: their checks, their schedule, their round trip."""

import re

import pytest

from ngcore.errors import NeuralGraphError, UnknownNameError
from ngcore.training import TrainConfig


def test_a_config_survives_the_round_trip_through_plain_values():
    config = TrainConfig(steps=10, schedule="cosine", ema_decay=0.99, precision="bf16-mixed")
    assert TrainConfig.from_dict(config.to_dict()) == config


def test_the_learning_rate_warms_up_linearly_and_stays():
    """With 4 warm-up steps the rate is 1/4, 2/4, 3/4, 4/4 of the highest, then the highest."""
    config = TrainConfig(steps=10, learning_rate=0.8, warmup_steps=4)
    rates = [config.learning_rate_at(step, total_steps=10) for step in range(6)]
    assert rates == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8, 0.8])


def test_the_cosine_falls_from_the_highest_rate_over_half_of_it_to_zero():
    """After 2 warm-up steps of 10, step 6 is half-way: cos(π/2) = 0 leaves one half."""
    config = TrainConfig(steps=10, learning_rate=1.0, warmup_steps=2, schedule="cosine")
    rates = [config.learning_rate_at(step, total_steps=10) for step in (2, 6, 10, 12)]
    assert rates == pytest.approx([1.0, 0.5, 0.0, 0.0])


def test_epochs_count_whole_batches_and_at_least_one():
    config = TrainConfig(epochs=3, batch_size=4)
    assert config.steps_per_epoch(10) == 2
    assert config.total_steps(10) == 6
    assert config.total_steps(2) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Expected either epochs or steps, got epochs=None and steps=None; set one of them."),
        ({"epochs": 1, "steps": 1}, "Expected either epochs or steps, got epochs=1 and steps=1; set one of them."),
        ({"steps": 0}, "Expected steps at least 1, got 0."),
        ({"steps": 1, "batch_size": 0}, "Expected batch_size at least 1, got 0."),
        ({"steps": 1, "learning_rate": 0.0}, "Expected learning_rate above 0, got 0.0."),
        ({"steps": 1, "clip_norm": float("nan")}, "Expected clip_norm 0 or more, got nan."),
        ({"steps": 1, "ema_decay": 1.0}, "Expected ema_decay in [0, 1), got 1.0."),
    ],
)
def test_a_wrong_number_is_refused_with_what_was_expected(options, message):
    with pytest.raises(NeuralGraphError, match=re.escape(message)):
        TrainConfig(**options)


def test_an_unknown_option_lists_the_known_ones():
    with pytest.raises(UnknownNameError, match="Unknown training option 'momentum'; choose from: amsgrad, batch_size"):
        TrainConfig.from_dict({"steps": 1, "momentum": 0.9})
