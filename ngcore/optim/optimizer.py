"""The optimiser as a `torch.optim.Optimizer`, for any module that `from_module` reads."""

import dataclasses
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ngcore.errors import NeuralGraphError, UnknownNameError
from ngcore.networks import from_module
from ngcore.optim.checkpoint import AnyRule, load_rule
from ngcore.optim.mapping import ModuleMap
from ngcore.optim.moments import Moments, base_step, cosine
from ngcore.optim.paper_form import Memory, PaperRule
from ngcore.optim.rule import Coefficients, UpdateRule, ruled_steps

logger = logging.getLogger(__name__)

KINDS = ("graph", "adamw", "frozen")


class NeuralGraphOptimizer(torch.optim.Optimizer):
    """An optimiser that reads the neural graph of the network it trains (paper, Sec. 4.3).

    Without a rule it is Muon (Jordan et al. 2024) for matrices and kernels and Adam for vectors, with cosine decay over
    `total_steps`. A rule changes each of these steps by what it sees of the whole network, read as NG-GNN, NG-T or
    NG-Sweep does (`RuleConfig.kind`); see `UpdateRule`. What it does is the same for any order of hidden neurons. A
    `PaperRule` makes the steps of all that is in the graph itself, without a schedule.

    Example:
        >>> optimizer = NeuralGraphOptimizer(model, images[:2], total_steps=1000)
        >>> for x, y in batches:
        ...     loss = torch.nn.functional.cross_entropy(model(x), y)
        ...     optimizer.zero_grad()
        ...     loss.backward()
        ...     optimizer.step()

    Args:
        module: The module to train.
        example_inputs: What it can be called with: a tensor, or one for each input.
        rule: What was learned: a rule, or the name of a trained one, such as "optimiser-ng-gnn", "optimiser-ng-t" or
            "optimiser-ng-sweep" (one of `find_rules()`: shipped, or trained here by `ngcore train` with that name);
            None: the hand-made steps alone.
        total_steps: Steps of the whole training; None where that is not known: steps then do not shrink with time.
        lr: Factor of all steps.
        weight_decay: Share of each matrix and kernel that is taken off at a step of size 1, as in AdamW.
        groups: Parameter groups for what is to be treated in another way: dictionaries with "params" and "kind",
            "adamw" (with "lr", "betas", "eps", "weight_decay") or "frozen", or other "lr" and "weight_decay" here.
            Parameters in none of them make a group of their own.

    Raises:
        ArchitectureError: If the module cannot be read.
        UnknownNameError: If there is no such rule or kind of group.
        NeuralGraphError: If a number is not as expected.
    """

    def __init__(
        self,
        module: nn.Module,
        example_inputs: Tensor | Sequence[Tensor],
        *,
        rule: AnyRule | str | None = None,
        total_steps: int | None = None,
        lr: float = 1.0,
        weight_decay: float = 0.0,
        groups: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        if total_steps is not None and total_steps < 1:
            raise NeuralGraphError(f"Expected at least 1 step in all, got {total_steps}.")
        if not (lr >= 0 and weight_decay >= 0):
            raise NeuralGraphError(f"Expected lr and weight_decay of at least 0, got {lr} and {weight_decay}.")
        defaults = {"kind": "graph", "lr": lr, "weight_decay": weight_decay, "betas": (0.9, 0.999), "eps": 1e-8}
        super().__init__(_with_the_rest(module, groups), defaults)
        inputs = (example_inputs,) if isinstance(example_inputs, Tensor) else tuple(example_inputs)
        self.map = ModuleMap(module, from_module(module, *inputs, strict=False))
        self.rule = load_rule(rule) if isinstance(rule, str) else rule
        self.total_steps = total_steps
        inside = {id(parameter) for parameter in self.map.parameters}
        self._outside = {name: p for name, p in module.named_parameters() if id(p) not in inside}
        if self._outside:
            logger.info("Not in the graph, so moved by the hand-made steps alone: %s.", ", ".join(self._outside))
        outside = {_key(name): parameter.detach()[None] for name, parameter in self._outside.items()}
        has_own_memory = isinstance(self.rule, PaperRule)
        graph = {} if has_own_memory else {name: self.map.network.parameters[name] for name in self.map.names}
        self.moments = Moments.zero(graph | outside, self.map.network.architecture)
        self.coefficients: Coefficients | None = None
        self.memory: Memory | None = None
        adamw = [{**group} for group in self._groups("adamw")]
        self._adamw = torch.optim.AdamW(adamw) if adamw else None
        if self.rule is not None:
            self.rule.to(self.map.network.device, self.map.network.dtype)

    @property
    def outside(self) -> list[str]:
        """Names of parameters that are not in the graph, and so are moved by the hand-made steps alone."""
        return list(self._outside)

    def _groups(self, kind: str) -> list[dict[str, Any]]:
        return [group for group in self.param_groups if group["kind"] == kind]

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Make one step.

        Args:
            closure: Computes the loss again, with gradients, and returns it.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        factor = cosine(self.moments.count, self.total_steps)
        self._step_with_adamw(factor)
        steps = self._steps(factor)
        changes = self.map.in_module(steps)
        changes |= {id(parameter): steps[_key(name)][0] for name, parameter in self._outside.items()}
        for group in self._groups("graph"):
            for parameter in group["params"]:
                if parameter.grad is not None:
                    if parameter.dim() > 1:
                        parameter.mul_(1 - group["lr"] * factor * group["weight_decay"])
                    parameter.sub_((group["lr"] * changes[id(parameter)]).to(parameter.dtype))
        return loss

    def _steps(self, factor: float) -> dict[str, Tensor]:
        """The steps of all parameters, (1, *shape), hand-made ones times a factor; moments take in the gradients."""
        values, inside = self.map.values(), self.map.gradients()
        outside = {_key(name): _gradient(parameter)[None] for name, parameter in self._outside.items()}
        if isinstance(self.rule, PaperRule):
            self.moments = self.moments.after(outside)
            steps = {name: factor * step for name, step in base_step(self.moments, outside).items()}
            if inside:
                self.memory, own = self.rule(values, inside, self.memory)
                steps |= own
            return steps
        self.moments = self.moments.after(inside | outside)
        steps = base_step(self.moments, inside | outside)
        if isinstance(self.rule, UpdateRule) and inside:
            own = {name: steps[name] for name in inside}
            self.coefficients, changed = ruled_steps(
                self.rule, self.coefficients, values, inside, self.moments, own, total_steps=self.total_steps
            )
            steps |= changed
        return {name: factor * step for name, step in steps.items()}

    def _step_with_adamw(self, factor: float) -> None:
        if self._adamw is None:
            return
        for own, group in zip(self._adamw.param_groups, self._groups("adamw"), strict=True):
            own["lr"] = group["lr"] * factor
        self._adamw.step()

    def state_dict(self) -> dict[str, Any]:
        """All that a training needs to continue exactly."""
        moments = {key: dict(getattr(self.moments, key)) for key in ("fast", "slow", "square")}
        return {
            **super().state_dict(),
            "moments": {**moments, "count": self.moments.count},
            "coefficients": None if self.coefficients is None else self.coefficients.tensors(),
            "memory": None if self.memory is None else self.memory.tensors(),
            "adamw": None if self._adamw is None else self._adamw.state_dict(),
            "total_steps": self.total_steps,
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a state; see `state_dict`.

        Raises:
            NeuralGraphError: If it is that of another optimiser or of another module.
        """
        kept, memory = state_dict.get("moments"), state_dict.get("memory")
        if kept is None or not self._is_of_same(kept["fast"], memory):
            raise NeuralGraphError("Expected the state of a NeuralGraphOptimizer of the same module, got another one.")
        super().load_state_dict({key: state_dict[key] for key in ("state", "param_groups")})
        like = self.moments.fast
        fast, slow, square = (
            {name: x.to(like[name], copy=True) for name, x in kept[key].items()} for key in ("fast", "slow", "square")
        )
        self.moments = dataclasses.replace(self.moments, fast=fast, slow=slow, square=square, count=kept["count"])
        tensors = state_dict["coefficients"]
        self.coefficients = None if tensors is None else Coefficients.of([tensor.clone() for tensor in tensors])
        self.memory = None if memory is None else Memory.of([tensor.clone() for tensor in memory])
        self.total_steps = state_dict["total_steps"]
        if self._adamw is not None:
            self._adamw.load_state_dict(state_dict["adamw"])

    def _is_of_same(self, means: Mapping[str, Tensor], memory: Sequence[Tensor] | None) -> bool:
        """Whether what was kept has the shapes of what is kept here."""
        own = self.moments.fast
        if {name: x.shape for name, x in means.items()} != {name: x.shape for name, x in own.items()}:
            return False
        count = sum(self.map.network.parameters[name].numel() for name in self.map.names)
        return memory is None or (isinstance(self.rule, PaperRule) and memory[0].shape[-1] == count)


def _key(name: str) -> str:
    """Under which the moments of a parameter outside the graph are kept; no parameter of a network has a slash."""
    return f"outside/{name}"


def _gradient(parameter: Tensor) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _with_the_rest(module: nn.Module, groups: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The groups, and one of all parameters that are in none.

    Raises:
        UnknownNameError: If the kind of a group is unknown.
    """
    found = [{**group, "params": list(group["params"])} for group in groups]
    for group in found:
        if group.get("kind", "graph") not in KINDS:
            raise UnknownNameError("kind of parameter group", group["kind"], KINDS)
    named = {id(parameter) for group in found for parameter in group["params"]}
    rest = [parameter for parameter in module.parameters() if id(parameter) not in named]
    return [*found, {"params": rest}] if rest else found
