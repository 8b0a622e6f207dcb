"""`ngcore edit`: an INR whose image is changed by changing its weights."""

import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ngcore.cli.choosing import choose_editor
from ngcore.cli.hints import takes_hints
from ngcore.cli.inputs import InputNetwork, Source, read_input
from ngcore.cli.options import Device, Json, example, finite
from ngcore.cli.output import print_result, say, table_of
from ngcore.cli.replacing import Replace, check_output
from ngcore.errors import NotFiniteError

if TYPE_CHECKING:
    from ngcore.networks import Network
    from ngcore.upload import Hints

DEFAULT_PNG_SIZE = 280
MNIST_SIZE = (28, 28)
EDITS = (
    "dilate",
    "erode",
    "outline",
    "blur",
    "contrast",
    "brighten",
    "invert",
    "desaturate",
    "rotate",
    "enlarge",
    "mirror",
)


def register(program: typer.Typer) -> None:
    """Add the command to the program."""
    program.command(
        epilog=example(
            "edit mnist-inrs/060000 --out thick.safetensors --png",
            "edit mnist-inrs/060000 --edit rotate --strength 0.5 --out turned.safetensors",
            "edit fashion-mnist-inrs/060000 --edit blur --fit-on --out soft.safetensors",
            "edit inr.pt --activation sine --convention dws --strength 1.5 --out edited.safetensors",
        )
    )(takes_hints(edit))


def edit(
    source: Source,
    out: Annotated[Path, typer.Option(help="The edited network, a .safetensors file.")],
    name: Annotated[str, typer.Option("--edit", help=f"Edit to apply: {', '.join(EDITS)}.")] = "dilate",
    model: Annotated[
        str | None, typer.Option(help="An editing checkpoint.", show_default="the best that fits, if needed")
    ] = None,
    fit_on: Annotated[
        bool,
        typer.Option("--fit-on", help="Edit the image and fit the network to it further, alone or after --model."),
    ] = False,
    strength: Annotated[
        float, typer.Option(callback=finite, help="0 changes nothing, 1 is the full edit, above 1 exaggerates it.")
    ] = 1.0,
    png: Annotated[bool, typer.Option("--png", help="Also render the edited INR to a .png file next to OUT.")] = False,
    size: Annotated[int, typer.Option(min=1, max=4096, help="Height and width of the .png.")] = DEFAULT_PNG_SIZE,
    replace: Replace = False,
    device: Device = "auto",
    as_json: Json = False,
    hints: "Hints | None" = None,
) -> None:
    """Edit an INR and write the new weights: by an exact formula, a trained model or further fitting."""
    from ngcore.inr import edit_by_fitting, edit_weights, find_image_edit
    from ngcore.tasks import edit_inrs, edit_of, find_degeneracy, load_checkpoint
    from ngcore.upload import export_network

    check_output(out, suffixes=(".safetensors",), replace=replace)
    if png:
        check_output(out.with_suffix(".png"), suffixes=(".png",), replace=replace)
    given = read_input(source, hints)
    edited = None
    if model is None and not fit_on and not find_image_edit(name).is_exact:
        model = choose_editor(given, name)
    if model is not None:
        checkpoint = load_checkpoint(model, device)
        name = edit_of(checkpoint.card)
        edited = edit_inrs(checkpoint, given.network, strength=strength).to("cpu")
    if fit_on:
        edited = edit_by_fitting(
            given.network, name, strength, start=edited, size=_size_of_images(given), device=device
        )
    elif edited is None:
        edited = edit_weights(given.network, name, strength)
    contents = {out: export_network(edited)}
    if png:
        contents[out.with_suffix(".png")] = _draw_png(edited, size)
    result = {
        "network": source,
        "edit": name,
        "model": model,
        "fitted_on": fit_on,
        "strength": strength,
        "warnings": list(find_degeneracy(given.network).sentences),
        "files": [str(path) for path in contents],
        "relative_change": _relative_change(given.network, edited),
    }
    result |= _errors(given, edited, name, strength)
    for path, data in contents.items():
        path.write_bytes(data)
    print_result(result, as_json=as_json, show=lambda console: _show(console, result))


def _draw_png(network: "Network", size: int) -> bytes:
    """The picture of an INR as a PNG.

    Raises:
        NotFiniteError: If a pixel is not finite.
    """
    from PIL import Image

    from ngcore.inr import render

    picture = render(network, (size, size))[0]
    if not bool(picture.isfinite().all()):
        raise NotFiniteError("Expected a picture of finite values to write, got infinity or NaN.")
    file = io.BytesIO()
    Image.fromarray(picture.clamp(0, 1).mul(255).round().byte().cpu().numpy()).save(file, format="PNG")
    return file.getvalue()


def _relative_change(before: "Network", after: "Network") -> float | None:
    """Norm of the change of the weights relative to their norm; None if all were 0."""
    first, last = (network.flatten().double() for network in (before, after))  # squares of 1e37 are no float32
    size = float(first.norm())
    return float((last - first).norm()) / size if size else None


def _size_of_images(given: InputNetwork) -> tuple[int, int]:
    """Height and width of the images of the network's zoo; those of MNIST where they are not available."""
    from ngcore.zoo.originals import has_originals_at_hand, original_images

    if given.zoo is None or not has_originals_at_hand(given.zoo):
        return MNIST_SIZE
    height, width = original_images(given.zoo, [given.position or 0]).shape[1:3]
    return height, width


def _errors(given: InputNetwork, edited: "Network", edit: str, strength: float) -> dict[str, float]:
    """Mean squared errors to the edited original image before and after; empty where they are not known."""
    import torch

    from ngcore.inr import edit_images, is_inr, render
    from ngcore.zoo.originals import has_originals_at_hand, original_images

    if given.zoo is None or not has_originals_at_hand(given.zoo) or not is_inr(edited.architecture):
        return {}
    target = torch.from_numpy(original_images(given.zoo, [given.position or 0])).float() / 255
    target, size = edit_images(target, edit, strength), (target.shape[1], target.shape[2])
    before, after = render(given.network, size), render(edited, size)
    errors = {
        "mse_before": float((before - target).square().mean()),
        "mse_after": float((after - target).square().mean()),
    }
    return errors if all(map(math.isfinite, errors.values())) else {}


def _show(console: Console, result: dict[str, Any]) -> None:
    for warning in result["warnings"]:
        say(warning)
    rows = [("Network", result["network"]), ("Edit", result["edit"]), ("Strength", f"{result['strength']:g}")]
    makers = [result["model"], "further fitting" if result["fitted_on"] else None]
    rows.append(("By", ", then ".join(filter(None, makers)) or "exact formula"))
    change = result["relative_change"]
    rows.append(("Weight change", "all were 0" if change is None else f"{change:.2%} of their norm"))
    if "mse_after" in result:
        rows.append(("MSE to the edited image", f"{result['mse_before']:.4f} before, {result['mse_after']:.4f} after"))
    rows += [("Written", file) for file in result["files"]]
    console.print(table_of(("", ""), rows))
