"""SIRENs that were written in other conventions: read as the image that their authors see."""

import dataclasses

import pytest
import safetensors.torch
import torch
from torch import nn

from ngcore.errors import AmbiguousNetworkError, UnsupportedNetworkError
from ngcore.inr import image_coordinates, render
from ngcore.networks import Activation, from_module
from ngcore.upload import CONVENTIONS, Convention, Hints, export_network, read_network
from ngcore.upload.conventions import OWN_OUTPUTS, convert, guess_output_range, suggest_convention
from ngcore.upload.hints import HINTS_KEY

NAMES = {
    "coin": ("net.0.linear", "net.1.linear", "last_layer.linear"),
    "siren-pytorch": ("net.layers.0", "net.layers.1", "net.last_layer"),
    "sitzmann": ("net.0.linear", "net.1.linear", "net.2"),
    "dws": ("seq.0", "seq.1", "seq.2"),
}


class Sine(nn.Module):
    def __init__(self, omega_0):
        super().__init__()
        self.omega_0 = omega_0

    def forward(self, x):
        return torch.sin(self.omega_0 * x)


def siren_of(convention, *, bias=True):
    """A seeded SIREN with the frequencies of a convention."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(2, 8, bias),
        Sine(convention.first_omega_0),
        nn.Linear(8, 8),
        Sine(convention.omega_0),
        nn.Linear(8, 1, bias),
    )


def picture(module, convention, size=9):
    """The image as the author of the network computes it: coordinates and grey values by the convention."""
    xy = image_coordinates(size, size)
    if convention.coordinate_order == "yx":
        xy = xy.flip(-1)
    (low, high), (black, white) = convention.coordinate_range, convention.output_range
    values = module(low + (xy + 1) / 2 * (high - low))
    return ((values - black) / (white - black)).view(size, size)


def file_of(module, names, metadata=None):
    """A state dict under the names of a library, as the bytes of a safetensors file."""
    linear = [layer for layer in module if isinstance(layer, nn.Linear)]
    state = {
        f"{name}.{role}": tensor
        for name, layer in zip(names, linear, strict=True)
        for role, tensor in layer.state_dict().items()
    }
    return safetensors.torch.save(state, metadata)


@pytest.mark.parametrize("key", CONVENTIONS)
def test_the_image_is_the_one_its_author_sees(key):
    module = siren_of(CONVENTIONS[key])
    upload = read_network(file_of(module, NAMES[key]), hints=Hints(activation="sine", convention=key))
    expected = picture(module, CONVENTIONS[key])
    torch.testing.assert_close(render(upload.network, (9, 9))[0], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "fields",
    [
        {"coordinate_range": (0.0, 1.0)},
        {"coordinate_range": (0.0, 1.0), "coordinate_order": "yx", "output_range": (0.0, 255.0)},
        {"output_range": (1.0, 0.0), "first_omega_0": 10.0, "omega_0": 2.0},
    ],
)
def test_order_ranges_and_frequencies_can_be_said_one_by_one(fields, bias):
    convention = Convention(**fields)
    module = siren_of(convention, bias=bias)
    hints = Hints(activation="sine", convention="dws", **fields)
    network = read_network(file_of(module, NAMES["dws"]), hints=hints).network
    torch.testing.assert_close(render(network, (9, 9))[0], picture(module, convention), rtol=1e-4, atol=1e-4)


def test_weights_in_the_own_convention_are_not_touched():
    module = siren_of(Convention())
    network = read_network(file_of(module, NAMES["dws"]), hints=Hints(activation="sine", convention="dws")).network
    assert torch.equal(network.parameters["0.weight"][0], module[0].weight)
    assert convert(network, Convention()) is network


@pytest.mark.parametrize("key", NAMES)
def test_a_library_is_recognised_by_its_names_and_suggested_with_the_reason(key):
    module = siren_of(CONVENTIONS[key])
    with pytest.raises(AmbiguousNetworkError) as caught:
        read_network(file_of(module, NAMES[key]))
    asked = {question.field: question for question in caught.value.questions}
    assert asked["convention"].suggestion == key
    assert asked["convention"].reason == suggest_convention(NAMES[key])[1]
    assert key == "dws" or asked["activation"].suggestion == "sine"


def test_the_first_frequency_of_siren_pytorch_stands_after_the_first_layer_alone():
    module = siren_of(CONVENTIONS["siren-pytorch"])
    hints = Hints(activation="sine", convention="siren-pytorch")
    layers = read_network(file_of(module, NAMES["siren-pytorch"]), hints=hints).network.architecture.layers
    assert [layer.omega_0 for layer in layers if isinstance(layer, Activation)] == [30.0, 1.0]


def test_one_frequency_that_is_said_holds_for_all_layers():
    said = Hints(convention="sitzmann", omega_0=10.0).spoken_convention
    assert (said.omega_0, said.first_omega_0) == (10.0, 10.0)
    apart = Hints(convention="siren-pytorch", omega_0=2.0).spoken_convention
    assert (apart.omega_0, apart.first_omega_0) == (2.0, 30.0)


def test_a_file_can_say_its_convention_itself_and_a_user_can_say_otherwise():
    convention = CONVENTIONS["sitzmann"]
    module = siren_of(convention)
    metadata = {HINTS_KEY: Hints(activation="sine", convention="sitzmann").to_json()}
    data = file_of(module, NAMES["dws"], metadata)
    expected = picture(module, convention)
    torch.testing.assert_close(render(read_network(data).network, (9, 9))[0], expected, rtol=1e-4, atol=1e-4)
    other = read_network(data, hints=Hints(coordinate_order="xy")).network
    torch.testing.assert_close(render(other, (9, 9))[0], expected.T, rtol=1e-4, atol=1e-4)


def test_a_converted_network_is_exported_in_the_own_convention():
    module = siren_of(CONVENTIONS["coin"])
    network = read_network(file_of(module, NAMES["coin"]), hints=Hints(activation="sine", convention="coin")).network
    assert read_network(export_network(network)).network.equals(network)


def test_the_notes_say_what_was_converted():
    module = siren_of(CONVENTIONS["coin"])
    upload = read_network(file_of(module, NAMES["coin"]), hints=Hints(activation="sine", convention="coin"))
    assert upload.notes[-1] == (
        "Its inputs and outputs were coordinates (row, column) from -1 to 1, black at 0 and white at 1, as stated; "
        "the first and the last layer were changed so that it computes the same image with coordinates (x, y) "
        "from -1 to 1, black at -0.5 and white at 0.5."
    )


def test_a_network_that_starts_with_a_norm_cannot_be_converted():
    network = from_module(nn.Sequential(nn.LayerNorm(2), nn.Linear(2, 1)), torch.zeros(2, 2))
    with pytest.raises(UnsupportedNetworkError, match="which must be linear"):
        convert(network, CONVENTIONS["coin"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "they are not JSON"),
        ("[1]", "expected a JSON object with activation, "),
        ('{"colour": 1}', "expected a JSON object with activation, "),
        ('{"stride": true}', "Expected stride to be between 1 and 4096, got True."),
        ('{"convention": {}}', "Expected convention to be one of dws, "),
        ('{"output_range": [1, 1]}', "Expected output_range to be two different finite numbers, got (1, 1)."),
        ('{"omega_0": NaN}', "Expected omega_0 to be a finite number, got nan."),
        ('{"part": ["a", 1]}', "Expected part to be names of parts or layers of the file, got ('a', 1)."),
    ],
)
def test_hints_in_a_file_that_make_no_sense_are_refused(text, reason):
    with pytest.raises(UnsupportedNetworkError) as caught:
        Hints.from_json(text)
    assert str(caught.value).startswith(f"The hints in the file cannot be used: {reason}")


def test_hints_survive_the_way_through_json():
    hints = Hints(activation="sine", convention="coin", coordinate_range=(0.0, 1.0), part=("g",), stride=(1, 2))
    assert Hints.from_json(hints.to_json()) == hints
    assert dataclasses.replace(hints, part=None).over(Hints(part=("d",))).part == ("d",)


def ramp(low, high):
    """A network that puts out numbers from low to high across its picture."""
    from ngcore.networks import Network, mlp

    architecture = mlp((2, 1))
    weight = torch.tensor([[[(high - low) / 2, 0.0]]])
    return Network(architecture, {"0.weight": weight, "0.bias": torch.tensor([[(high + low) / 2]])})


@pytest.mark.parametrize(
    ("ends", "usual", "guess"),
    [
        ((0.0, 1.0), OWN_OUTPUTS, (0.0, 1.0)),
        ((0.0, 1.0), (-1.0, 1.0), (0.0, 1.0)),
        ((-0.5, 0.5), OWN_OUTPUTS, OWN_OUTPUTS),
        ((-1.0, 1.0), OWN_OUTPUTS, (-1.0, 1.0)),
        ((-1.0, 1.0), (0.0, 1.0), (-1.0, 1.0)),
        ((0.0, 0.4), OWN_OUTPUTS, OWN_OUTPUTS),  # dark in [0, 1] or bright in the own range: nothing tells
        ((0.0, 0.4), (0.0, 1.0), (0.0, 1.0)),
        ((-0.4, 0.4), (-1.0, 1.0), (-1.0, 1.0)),
        ((-50.0, 50.0), (-1.0, 1.0), (-1.0, 1.0)),
    ],
)
def test_the_range_of_outputs_is_guessed_from_the_outputs(ends, usual, guess):
    found, why = guess_output_range(ramp(*ends), usual)
    assert found == guess and why.startswith("its outputs lie between")
