"""Python code that does a chain of edits with ngcore alone."""

from collections.abc import Sequence

from app.state import Selection
from app.studio.states import FITTING, FORMULA, State

START_FILE, END_FILE = "start.safetensors", "edited.safetensors"


def python_code(selection: Selection, end: State) -> str:
    """A program that writes the edited network into `END_FILE`.

    A network of a session alone is read from `START_FILE`, which must lie beside the program.

    Args:
        selection: The network that the chain begins with.
        end: The end of the chain.
    """
    uses = {FORMULA: "edit_weights", FITTING: "edit_by_fitting"}
    functions = sorted({uses[maker] for maker in end.makers if maker in uses})
    has_model = any(maker not in uses for maker in end.makers)
    imports = [
        *([f"from ngcore.inr import {', '.join(functions)}"] if functions else []),
        *(["from ngcore.tasks import edit_inrs, load_checkpoint"] if has_model else []),
        f"from ngcore.upload import export_network{', read_network' if selection.is_upload else ''}",
        *([] if selection.is_upload else ["from ngcore.zoo import Zoo, find_zoo"]),
    ]
    if selection.is_upload:
        imports = ["from pathlib import Path", "", *imports]
    lines = [*imports, "", *_start(selection)]
    names = _names_of_models([maker for maker in end.makers if maker not in uses])
    lines += [f"{name} = load_checkpoint({model!r})" for model, name in names.items()]
    for step, maker in zip(end.steps, end.makers, strict=True):
        how = f"network, {step.edit!r}, {step.strength!r}"
        if maker == FORMULA:
            lines.append(f"network = edit_weights({how})")
        elif maker == FITTING:
            lines.append(f"network = edit_by_fitting({how}, size={end.size!r})")
        else:
            lines.append(f"network = edit_inrs({names[maker]}, network, strength={step.strength!r})")
    return "\n".join([*lines, f"export_network(network, {END_FILE!r})", ""])


def _start(selection: Selection) -> list[str]:
    if selection.is_upload:
        return [f"network = read_network(Path({START_FILE!r}).read_bytes()).network  # the network as it was"]
    return [f"zoo = Zoo.open(find_zoo({selection.zoo!r}))", f"network = zoo.networks([zoo.position({selection.id!r})])"]


def _names_of_models(names: Sequence[str]) -> dict[str, str]:
    """A variable for each model."""
    models = list(dict.fromkeys(names))
    return {model: "editor" if len(models) == 1 else f"editor_{i}" for i, model in enumerate(models, start=1)}
