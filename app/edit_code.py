"""Python code that does a chain of edits with ngcore alone."""

from collections.abc import Sequence

from app.answers import Card
from app.edit_chain import Chain
from app.state import Selection

START_FILE, END_FILE = "start.safetensors", "edited.safetensors"


def python_code(selection: Selection, steps: Chain, makers: Sequence[Card | None]) -> str:
    """A program that writes the edited network into `END_FILE`.

    A network of a session alone is read from `START_FILE`, which must lie beside the program.

    Args:
        selection: The network that the chain begins with.
        steps: The steps that were taken.
        makers: Cards of the models that took them; None where it was a formula.
    """
    has_formula, has_model = None in makers, any(makers)
    imports = [
        *(["from ngcore.inr import edit_weights"] if has_formula else []),
        *(["from ngcore.tasks import edit_inrs, load_checkpoint"] if has_model else []),
        f"from ngcore.upload import export_network{', read_network' if selection.is_upload else ''}",
        *([] if selection.is_upload else ["from ngcore.zoo import Zoo, find_zoo"]),
    ]
    if selection.is_upload:
        imports = ["from pathlib import Path", "", *imports]
    lines = [*imports, "", *_start(selection)]
    names = _names_of_models(makers)
    lines += [f"{name} = load_checkpoint({model!r})" for model, name in names.items()]
    for step, card in zip(steps, makers, strict=True):
        if card is None:
            lines.append(f"network = edit_weights(network, {step.edit!r}, {step.strength!r})")
        else:
            lines.append(f"network = edit_inrs({names[card['name']]}, network, strength={step.strength!r})")
    return "\n".join([*lines, f"export_network(network, {END_FILE!r})", ""])


def _start(selection: Selection) -> list[str]:
    if selection.is_upload:
        return [f"network = read_network(Path({START_FILE!r}).read_bytes()).network  # the network as it was"]
    return [f"zoo = Zoo.open(find_zoo({selection.zoo!r}))", f"network = zoo.networks([zoo.position({selection.id!r})])"]


def _names_of_models(makers: Sequence[Card | None]) -> dict[str, str]:
    """A variable for each model."""
    models = list(dict.fromkeys(card["name"] for card in makers if card is not None))
    return {model: "editor" if len(models) == 1 else f"editor_{i}" for i, model in enumerate(models, start=1)}
