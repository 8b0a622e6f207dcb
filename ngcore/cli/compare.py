"""`ngcore compare`: how far two networks are apart, in weights once neurons are aligned and in what they compute."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ngcore.cli.hints import takes_hints
from ngcore.cli.inputs import read_input
from ngcore.cli.options import Json, example
from ngcore.cli.output import print_result, say, table_of

if TYPE_CHECKING:
    from ngcore.networks import Distance, Network
    from ngcore.upload import Hints

NUM_NEURONS = 5


def register(program: typer.Typer) -> None:
    """Add the command to the program."""
    program.command(
        epilog=example(
            "compare mnist-inrs/060000 mnist-inrs/060001",
            "compare cifar10-gs-cnns/00000-000156 cifar10-gs-cnns/00000-004063 --json",
            "compare weights.safetensors cifar10-gs-cnns/00000-004063",
        )
    )(takes_hints(compare))


def compare(
    first: Annotated[str, typer.Argument(metavar="FILE|ZOO/ID", help="A file of weights, or a network of a zoo.")],
    second: Annotated[str, typer.Argument(metavar="FILE|ZOO/ID", help="Another one.")],
    hints: "Hints | None" = None,
    as_json: Json = False,
) -> None:
    """Compare two networks: their weights, neurons aligned first, and what they compute."""
    pair = [read_input(source, hints) for source in (first, second)]
    networks = [one.network for one in pair]
    result: dict[str, Any] = {
        "networks": [one.source for one in pair],
        "architectures": [one.architecture.name for one in networks],
        "parameters": [one.architecture.num_parameters for one in networks],
        "weights": None,
        "function": _function(*networks),
    }
    if networks[0].architecture == networks[1].architecture:
        result["weights"] = _weights(*networks)
    print_result(result, as_json=as_json, show=lambda console: _show(console, result))


def _weights(first: "Network", second: "Network") -> dict[str, Any]:
    """Distances before and after aligning, and differences by tensor and by neuron once aligned."""
    from ngcore.networks import aligned_with, neuron_differences, tensor_differences

    moved = aligned_with(second, first)
    neurons: list[dict[str, Any]] = [
        {"layer": one.layer, "neuron": number, "difference": float(change)}
        for one in neuron_differences(first, moved.network)
        for number, change in enumerate(one.change)
    ]
    return {
        "as_given": _distance(moved.given),
        "aligned": _distance(moved.reached),
        "tensors": [
            {"name": row.name, "difference": row.change, "relative": row.relative, "largest": row.largest}
            for row in tensor_differences(first, moved.network)
        ],
        "neurons": sorted(neurons, key=lambda row: -row["difference"])[:NUM_NEURONS],
    }


def _distance(distance: "Distance") -> dict[str, float]:
    return {"length": distance.length, "relative": distance.relative, "cosine": distance.cosine}


def _function(first: "Network", second: "Network") -> dict[str, Any]:
    """How differently both compute: as pictures, on images that ship; empty where nothing fits both."""
    from ngcore.inr import is_inr
    from ngcore.tasks import compare_on_images, measurable_on, picture_distance
    from ngcore.zoo import sample_images

    architectures = (first.architecture, second.architecture)
    if all(map(is_inr, architectures)) and architectures[0].output_shape == architectures[1].output_shape:
        return {"picture_mse": picture_distance(first, second)}
    shared = [name for name in measurable_on(architectures[0]) if name in measurable_on(architectures[1])]
    if not shared:
        return {}
    answers = compare_on_images(first, second, sample_images(shared[0]))
    return {
        "images": answers.image_set,
        "num_images": len(answers.labels),
        "accuracies": list(answers.accuracies),
        "agreement": answers.agreement,
    }


def _show(console: Console, result: dict[str, Any]) -> None:
    kinds = zip(result["networks"], result["architectures"], result["parameters"], strict=True)
    console.print(table_of(("Network", "Architecture", ">Parameters"), kinds))
    if weights := result["weights"]:
        ways = [(name, weights[key]) for name, key in (("as given", "as_given"), ("neurons aligned", "aligned"))]
        rows = [(name, own["length"], own["relative"], own["cosine"]) for name, own in ways]
        console.print(table_of(("Weights", ">Distance", ">Relative", ">Cosine"), rows))
        tensors = [(row["name"], row["difference"], row["relative"], row["largest"]) for row in weights["tensors"]]
        columns = ("Tensor", ">Difference (RMS)", ">Relative", ">Largest")
        console.print(table_of(columns, tensors, title="Neurons aligned"))
    else:
        say("Different architectures: a weight of one has no counterpart in the other.")
    function = result["function"]
    if "picture_mse" in function:
        console.print(table_of(("", ""), [("MSE between the pictures", function["picture_mse"])]))
    elif function:
        first, second = function["accuracies"]
        shares = {"Accuracy, first": first, "Accuracy, second": second, "Agreement": function["agreement"]}
        title = f"{function['num_images']:,} test images of {function['images']}"
        console.print(table_of(("", ""), [(name, f"{share:.1%}") for name, share in shares.items()], title=title))
