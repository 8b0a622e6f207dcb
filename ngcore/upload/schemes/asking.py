"""What is asked about most networks: heads, lengths, sizes of images, each with a suggestion."""

import math

from ngcore.errors import UnsupportedNetworkError
from ngcore.upload.schemes.plan import Plan


def ask_heads(plan: Plan, width: int, *, keys: tuple[str, ...] = (), head: int = 64) -> int:
    """Number of heads of an attention of `width` channels; heads of 64 channels are most common.

    Raises:
        UnsupportedNetworkError: If the answer does not divide the width.
    """
    heads = max(1, width // head)
    while width % heads:
        heads -= 1
    reason = f"weights do not show the heads; {width} channels make {heads} of {width // heads}"
    said = plan.ask("heads", "Attention heads", heads, reason=reason, keys=keys)
    if width % said:
        raise UnsupportedNetworkError(f"Expected a number of heads that divides {width} channels, got {said}.")
    return said


def ask_length(plan: Plan, most: int | None = None) -> int:
    """Length of the sequences that the network is looked at with.

    Raises:
        UnsupportedNetworkError: If the answer is more than `most`.
    """
    suggestion = min(16, most or 16)
    upper = f"up to {most} tokens" if most else "sequences of any length"
    said = plan.ask("length", "Length of the sequence", suggestion, reason=f"the network reads {upper}")
    if most is not None and said > most:
        raise UnsupportedNetworkError(f"Expected a length of at most {most} tokens, got {said}.")
    return said


def ask_image(plan: Plan, side: int, *, reason: str) -> tuple[int, int]:
    """Height and width of the image that the network is looked at with."""
    return plan.ask("input_size", "Size of the image", (side, side), reason=reason)


def image_of_patches(plan: Plan, patches: int, kernel: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of an image cut into patches: square where their number is one, else asked for.

    Raises:
        UnsupportedNetworkError: If the answer does not make as many patches.
    """
    side = math.isqrt(patches)
    said = plan.hints.input_size
    if said is None and side * side == patches:
        plan.note(f"Its {patches} patches are taken as those of a square image.")
        return side * kernel[0], side * kernel[1]
    reason = f"positions tell that there are {patches} patches of {kernel[0]} × {kernel[1]}, not how they lie"
    suggestion = (kernel[0], patches * kernel[1])
    height, width = plan.ask("input_size", "Size of the image", suggestion, reason=reason)
    if (height // kernel[0]) * (width // kernel[1]) != patches:
        raise UnsupportedNetworkError(
            f"Expected an image of {patches} patches of {kernel[0]} × {kernel[1]}, got {height} × {width}."
        )
    return height, width
