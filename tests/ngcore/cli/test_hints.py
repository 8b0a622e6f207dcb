"""What files leave open, said on the command line."""

import numpy as np
import pytest
import torch
from torch import nn

from ngcore.cli.hints import hints_from, option_for
from ngcore.errors import NeuralGraphError
from ngcore.upload.recipes import ARRAY_TO_NPZ


def test_the_options_that_are_suggested_are_accepted(run, tmp_path):
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.ReLU(),
        nn.Conv2d(8, 16, 1),
        nn.ReLU(),
        nn.Conv2d(16, 8, 3),
        nn.Flatten(),
        nn.Linear(768, 9),
    )
    torch.save(module.state_dict(), tmp_path / "net.pt")
    asked = run("graph", tmp_path / "net.pt").stderr
    options = asked.rpartition("For example: ")[2].split()
    assert {"--stride", "--padding", "--input-size"} <= set(options)
    assert run("graph", tmp_path / "net.pt", *options, "--json").json["architecture"] == "CNN 3-8-16-8-9 relu"


def test_a_recipe_is_printed_as_code_that_can_be_pasted(run, tmp_path):
    np.save(tmp_path / "weight.npy", np.ones(3))
    assert run("graph", tmp_path / "weight.npy").stderr.endswith(f"\n\n{ARRAY_TO_NPZ}")


def test_a_suggestion_is_read_back_as_it_was():
    for field, value in (("input_size", (32, 48)), ("stride", (1, 2)), ("padding", 2), ("part", "body,value")):
        text = option_for(field, value).split()[1]
        expected = tuple(value.split(",")) if field == "part" else value
        assert getattr(hints_from({field: text}), field) == expected
    assert hints_from({"input_size": "1x32x48"}).input_size == (32, 48)


@pytest.mark.parametrize(
    ("field", "text"), [("stride", "1,a"), ("input_size", "32"), ("coordinate_range", "0"), ("output_range", "a,b")]
)
def test_texts_of_another_form_are_refused_with_an_example(field, text):
    with pytest.raises(NeuralGraphError, match=r"^Expected --.* such as .*, got "):
        hints_from({field: text})
