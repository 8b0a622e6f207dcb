"""A contact sheet of a zoo of INRs: what its networks show, one row per class."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from ngcore.errors import ZooError
from ngcore.inr import is_inr, render
from ngcore.zoo.storage import Zoo

GAP = 2
PAPER = 255


def contact_sheet(zoo: Zoo, *, columns: int = 20, side: int = 28) -> UInt8[np.ndarray, "height width channels"]:
    """Renders of the first networks of every class side by side, on white; grey pictures have three equal channels.

    Args:
        zoo: A zoo of INRs.
        columns: Networks per class; a class with fewer leaves gaps.
        side: Height and width of each render, in pixels.

    Raises:
        ZooError: If the zoo has no INRs.
    """
    if not all(is_inr(architecture) for architecture in zoo.architectures.values()):
        raise ZooError(f"Expected a zoo of INRs for a contact sheet, got {zoo.name}.")
    labels = zoo.metadata["label"].to_numpy()
    kinds = sorted(set(labels.tolist()))
    step = side + GAP
    sheet = np.full((GAP + step * len(kinds), GAP + step * columns, 3), PAPER, dtype=np.uint8)
    for row, kind in enumerate(kinds):
        for column, position in enumerate(np.flatnonzero(labels == kind)[:columns]):
            picture = render(zoo.networks([position]), (side, side))[0].clamp(0, 1).numpy()
            top, left = GAP + step * row, GAP + step * column
            sheet[top : top + side, left : left + side] = np.atleast_3d((255 * picture).round())
    return sheet


def write_contact_sheet(zoo: Zoo, path: Path | str) -> Path:
    """Write the contact sheet of a zoo as an image in the format of the path's suffix.

    Raises:
        ZooError: If the zoo has no INRs, or the suffix is of no image format.
    """
    from PIL import Image

    image = Image.fromarray(contact_sheet(zoo))
    try:
        image.save(path)
    except ValueError as error:
        raise ZooError(f"Expected the name of a picture, such as sheet.png, got {str(path)!r}.") from error
    return Path(path)
