"""Networks from files that tell their structure: the numbers checked, and notes on what of the file they hold."""

import torch

from ngcore.errors import UnsupportedNetworkError
from ngcore.networks import Network
from ngcore.text import clean_text
from ngcore.upload.tensors import is_finite

MAX_LISTED = 8  # entries of a list in a note


def as_float32(network: Network) -> Network:
    """A network in single precision.

    Raises:
        UnsupportedNetworkError: If a weight is not finite, or too large for it. Masks may hold infinity.
    """
    masks = {step.name for step in network.architecture.steps if not getattr(step.layer, "is_learned", True)}
    single = network.to(dtype=torch.float32)
    for name, tensor in single.parameters.items():
        if name.rpartition(".")[0] not in masks and not is_finite(tensor):
            raise UnsupportedNetworkError(f"Expected finite numbers, got NaN or infinity in {clean_text(name)!r}.")
    return single


def structure_notes(network: Network) -> list[str]:
    """What of the file is in a network, and what is not."""
    if network.origin is None:
        return []
    coverage = network.origin.coverage
    notes = ["The structure was read from the file itself."]
    if network.dtype == torch.float64:
        notes.append("Numbers were converted from float64 to float32.")
    if not coverage.is_complete:
        notes.append(f"{coverage.num_covered:,} of {coverage.num_parameters:,} parameters are in the graph.")
        shown = [f"Left out: {skipped}." for skipped in coverage.skipped]
        notes += shown[:MAX_LISTED] + ([f"{len(shown) - MAX_LISTED} more were left out."] * (len(shown) > MAX_LISTED))
    if coverage.unused:
        more = ", …" if len(coverage.unused) > MAX_LISTED else ""
        notes.append(f"Read by no output: {', '.join(coverage.unused[:MAX_LISTED])}{more}.")
    return notes
