"""An exponential moving average of a model's weights."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class WeightAverage:
    """Moving average of a model's parameters: average ← d · average + (1 − d) · weights.

    d is min(decay, (1 + updates) / (10 + updates)), so that the first weights are soon forgotten. Buffers are not
    averaged: the model's own are used.
    """

    def __init__(self, model: nn.Module, *, decay: float) -> None:
        self.decay = decay
        self.num_updates = 0
        self._parameters = dict(model.named_parameters())
        self._averages = {name: value.detach().clone() for name, value in self._parameters.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the model's current weights."""
        decay = min(self.decay, (1 + self.num_updates) / (10 + self.num_updates))
        get_ema_multi_avg_fn(decay)(list(self._averages.values()), list(self._parameters.values()), 0)
        self.num_updates += 1

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the averages into the model for the length of a `with` block, then the model's weights back."""
        kept = {name: value.detach().clone() for name, value in self._parameters.items()}
        self._write(self._averages)
        try:
            yield
        finally:
            self._write(kept)

    def state_dict(self) -> dict[str, Tensor | int]:
        """Return the averages by parameter name, and the number of updates."""
        return {**self._averages, "num_updates": self.num_updates}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Tensor | int]) -> None:
        """Restore what `state_dict` returned, on whatever device the model is."""
        self.num_updates = int(state["num_updates"])
        for name, average in self._averages.items():
            average.copy_(torch.as_tensor(state[name]))

    @torch.no_grad()
    def _write(self, values: Mapping[str, Tensor]) -> None:
        for name, parameter in self._parameters.items():
            parameter.copy_(values[name])
