"""An edit as a list of steps that can be gone through again, undone and described."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from app import answers, cached
from app.answers import Card
from app.state import Selection

if TYPE_CHECKING:
    from ngcore.networks import Network

STEPS_KEY = "edit.steps"
MAX_STEPS = 8
FULL_STRENGTH = 1.0


@dataclasses.dataclass(frozen=True)
class Step:
    """One application of a model.

    Attributes:
        model: Name of the checkpoint.
        strength: Factor on the change of weights that it answers with.
    """

    model: str
    strength: float = FULL_STRENGTH


def steps(selection: Selection, model: str) -> list[Step]:
    """The steps that are taken on a network in this session; the first one at full strength to begin with."""
    return list(st.session_state.get(_key(selection), [Step(model)]))


def set_steps(selection: Selection, taken: list[Step]) -> None:
    """Remember the steps that are taken on a network."""
    st.session_state[_key(selection)] = taken[:MAX_STEPS]


def with_last(taken: list[Step], *, model: str | None = None, strength: float | None = None) -> list[Step]:
    """The steps with another last one."""
    last = Step(model or taken[-1].model, taken[-1].strength if strength is None else strength)
    return [*taken[:-1], last]


def take(selection: Selection, taken: list[Step], cards: dict[str, Card]) -> "Network":
    """The selected network after all steps."""
    network, key = cached.network(selection), cached.content_key(selection)
    for step in taken:
        network = answers.edited(cards[step.model], network, step.strength, key=key)
        key = f"{key}|{step.model}*{step.strength:g}"
    return network


def describe(taken: list[Step]) -> list[str]:
    """A line of words for each step."""
    return [f"{number}. {step.model}, strength {step.strength:g}" for number, step in enumerate(taken, start=1)]


def target_of(selection: Selection, shown: np.ndarray, times: int) -> tuple[np.ndarray, str]:
    """What the edits should make of a network's picture, and the words for what it was made from.

    Args:
        selection: The network.
        shown: The picture that it shows, (height, width) or (height, width, channels).
        times: How often the picture is dilated.
    """
    original = original_image(selection)
    if original is None or original.shape != shown.shape:
        return dilated(shown.clip(0, 1), times), "the picture that the network shows"
    return dilated(original, times), "the image that the network was fitted to"


def original_image(selection: Selection) -> np.ndarray | None:
    """The image that an INR was fitted to, in [0, 1]; None where it does not lie beside the zoo."""
    from ngcore.zoo.originals import has_originals_at_hand, original_images

    if selection.is_upload or not has_originals_at_hand(zoo := cached.zoo(selection.zoo)):
        return None
    return original_images(zoo, [zoo.position(selection.id)])[0].astype(np.float32) / 255


def dilated(image: np.ndarray, times: int = 1) -> np.ndarray:
    """An image (height, width) or (height, width, channels) after some 3 × 3 dilations, each channel on its own."""
    import torch

    from ngcore.inr.edits import dilate

    planes = torch.from_numpy(np.ascontiguousarray(np.atleast_3d(image).transpose(2, 0, 1)))[None]
    for _ in range(times):
        planes = dilate(planes)
    return planes[0].numpy().transpose(1, 2, 0).reshape(image.shape)


def difference(after: "Network", before: "Network") -> "Network":
    """The change of every parameter, as a network of the same architecture."""
    from ngcore.networks import Network

    changes = {name: after.parameters[name].cpu() - tensor.cpu() for name, tensor in before.parameters.items()}
    return Network(before.architecture, changes)


def layer_changes(after: "Network", before: "Network") -> list[dict[str, str | int | float]]:
    """How far each tensor of parameters moved: a row each, with root mean squares."""
    rows: list[dict[str, str | int | float]] = []
    for name, tensor in before.parameters.items():
        change = after.parameters[name].cpu() - tensor.cpu()
        size, moved = (float(values.square().mean().sqrt()) for values in (tensor, change))
        rows.append(
            {
                "tensor": name,
                "numbers": tensor[0].numel(),
                "size before": size,
                "change": moved,
                "relative change": moved / size if size else float("nan"),
                "largest change": float(change.abs().max()),
            }
        )
    return rows


def _key(selection: Selection) -> str:
    return f"{STEPS_KEY}.{selection.key}"
