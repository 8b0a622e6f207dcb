"""A chain of edits as plain data: steps to add, remove, move and change, and a history to go back and forth in."""

import dataclasses
import re
from dataclasses import dataclass, field

from ngcore.inr import IMAGE_EDITS, find_image_edit

MAX_STEPS = 12
MAX_STRENGTH = 2.0
STEP = re.compile(r"([a-z]{1,20})\*(\d{1,3}(?:\.\d{1,6})?)(?:@([\w+.-]{1,80}))?", re.ASCII)
MAX_CHANGES = 200
FULL_STRENGTH = 1.0
START = "Start"


@dataclass(frozen=True)
class Step:
    """One edit.

    Attributes:
        edit: Key of `ngcore.inr.IMAGE_EDITS`.
        strength: 0 changes nothing, 1 is the full edit, more continues in the same direction.
        model: Name of the checkpoint that does it; None takes the formula, or the best model where there is none.
        id: Tells the steps of one chain apart, whatever their order; says nothing about what they do.
    """

    edit: str
    strength: float = FULL_STRENGTH
    model: str | None = None
    id: int = field(default=0, compare=False)

    @property
    def title(self) -> str:
        """What to call the edit."""
        return find_image_edit(self.edit).title


Chain = tuple[Step, ...]


def added(chain: Chain, edit: str) -> Chain:
    """The chain with one more edit at its end, at full strength; as it is when it is full."""
    if len(chain) >= MAX_STEPS:
        return chain
    return (*chain, Step(edit, id=1 + max((step.id for step in chain), default=0)))


def removed(chain: Chain, step_id: int) -> Chain:
    """The chain without a step."""
    return tuple(step for step in chain if step.id != step_id)


def moved(chain: Chain, step_id: int, by: int) -> Chain:
    """The chain with a step moved by this many places, at most to either end."""
    steps = list(chain)
    place = next((i for i, step in enumerate(steps) if step.id == step_id), None)
    if place is None:
        return chain
    steps.insert(min(max(place + by, 0), len(steps) - 1), steps.pop(place))
    return tuple(steps)


def changed(chain: Chain, step_id: int, *, strength: float | None = None, model: str | None = None) -> Chain:
    """The chain with another strength or model for a step; None leaves what there is."""
    return tuple(
        dataclasses.replace(
            step,
            strength=step.strength if strength is None else strength,
            model=step.model if model is None else model,
        )
        if step.id == step_id
        else step
        for step in chain
    )


def repeated(chain: Chain, step_id: int) -> Chain:
    """The chain with a step at full strength twice in a row, in place of once; as it is when it is full."""
    if len(chain) >= MAX_STEPS:
        return chain
    found: list[Step] = []
    for step in chain:
        if step.id != step_id:
            found.append(step)
            continue
        full = dataclasses.replace(step, strength=FULL_STRENGTH)
        found += [full, dataclasses.replace(full, id=1 + max(own.id for own in chain))]
    return tuple(found)


def describe(chain: Chain) -> list[str]:
    """A line of words for each step."""
    return [
        f"{number}. {step.edit}, strength {step.strength:g}" + (f", by {step.model}" if step.model else "")
        for number, step in enumerate(chain, start=1)
    ]


def chain_text(chain: Chain) -> str:
    """The chain in an address; inverse of `parse_chain`.

    Example:
        >>> chain_text((Step("rotate", 0.5), Step("dilate", model="mnist-dilate-ng-sweep")))
        'rotate*0.5~dilate*1@mnist-dilate-ng-sweep'
    """
    makers = (f"@{step.model.replace(' ', '+')}" if step.model else "" for step in chain)
    return "~".join(f"{step.edit}*{step.strength:g}{maker}" for step, maker in zip(chain, makers, strict=True))


def parse_chain(text: str) -> Chain | None:
    """The chain that a text of an address means; None if it means none. Whether its models exist is not asked."""
    parts = text.split("~") if text else []
    found = [STEP.fullmatch(part) for part in parts]
    if len(parts) > MAX_STEPS or not all(found):
        return None
    steps = []
    for number, match in enumerate(found, start=1):
        edit, strength, model = match.groups()  # type: ignore[union-attr]
        if edit not in IMAGE_EDITS or not float(strength) <= MAX_STRENGTH:
            return None
        steps.append(Step(edit, float(strength), model.replace("+", " ") if model else None, id=number))
    return tuple(steps)


def state_names(chain: Chain) -> list[str]:
    """What to call the network at the start and after each step."""
    return [START, *(f"{number}. {step.title}" for number, step in enumerate(chain, start=1))]


@dataclass(frozen=True)
class History:
    """A chain with what it was before and what was taken back.

    Attributes:
        now: The chain.
        past: What it was before, the newest last.
        future: What was taken back, the next to come again last.
    """

    now: Chain = ()
    past: tuple[Chain, ...] = ()
    future: tuple[Chain, ...] = ()

    def to(self, chain: Chain) -> "History":
        """After a change; what was taken back before is forgotten then. Changing nothing leaves no trace."""
        if chain == self.now:
            return self
        return History(chain, (*self.past, self.now)[-MAX_CHANGES:])

    def undone(self) -> "History":
        """With the last change taken back."""
        if not self.past:
            return self
        return History(self.past[-1], self.past[:-1], (*self.future, self.now))

    def redone(self) -> "History":
        """With the change that was taken back last made again."""
        if not self.future:
            return self
        return History(self.future[-1], (*self.past, self.now), self.future[:-1])
