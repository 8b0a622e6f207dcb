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


def dilate(image: np.ndarray, times: int = 1) -> np.ndarray:
    """Grey dilation by a 3 × 3 square: every pixel becomes the brightest of itself and its eight neighbours.

    Args:
        image: (height, width) or (height, width, channels); channels are dilated on their own.
        times: How often; 0 gives the image back.
    """
    for _ in range(times):
        padded = np.pad(image, [(1, 1), (1, 1)] + [(0, 0)] * (image.ndim - 2), mode="edge")
        height, width = image.shape[:2]
        shifted = [padded[i : i + height, j : j + width] for i in range(3) for j in range(3)]
        image = np.max(shifted, axis=0)
    return image


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
