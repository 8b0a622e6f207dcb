"""What user code puts around a ready-made core: a table of tokens or a Linear before it, a Linear after it."""

import dataclasses

from ngcore.networks import PositionPool, Slice
from ngcore.upload.names import TABLES, pieces
from ngcore.upload.schemes.asking import ask_length
from ngcore.upload.schemes.layers import add_positions, embedding, linear
from ngcore.upload.schemes.plan import MisfitError, Plan

POSITIONS = frozenset({"pos", "pe", "position", "positions", "positional"})


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """Modules around a core, by their names.

    Attributes:
        table: The table of tokens.
        entry: The Linear before the core.
        positions: The tensor of positions.
        head: The Linear after the core.
    """

    table: str | None = None
    entry: str | None = None
    positions: str | None = None
    head: str | None = None


def surroundings(plan: Plan, core: str, *, taken: int, made: int) -> Surroundings:
    """Find them among the tensors whose names do not start with `core`.

    Args:
        plan: The plan.
        core: Prefix of the names of the core, such as "lstm."; where it is empty there is nothing else.
        taken: Features that the core reads.
        made: Features that it makes.

    Raises:
        MisfitError: If a tensor is none of them.
    """
    found: dict[str, str] = {}
    is_before = True
    for name, shape in plan.shapes.items():
        if not core or name.startswith(core):
            is_before = False
            continue
        module, _, role = name.rpartition(".")
        if pieces(name) & POSITIONS and len(shape) in (2, 3) and shape[-1] == taken:
            part, module = "positions", name
        elif role != "weight" or len(shape) != 2:
            continue
        elif pieces(module) & TABLES and shape[1] == taken and not plan.has(f"{module}.bias"):
            part = "table"
        elif shape[0] == taken and is_before:
            part = "entry"
        elif shape[1] == made:
            part = "head"
        else:
            raise MisfitError(f"{name!r} of shape {shape} has no place before or after it")
        if part in found:
            raise MisfitError(f"both {found[part]!r} and {module!r} could be its {part}")
        found[part] = module
    return Surroundings(**found)


def enter(plan: Plan, around: Surroundings, taken: int, *, most: int | None = None) -> int:
    """The input of a sequence, up to the core: (taken, length)."""
    length = ask_length(plan, most)
    if around.table:
        (x,) = plan.read((plan.shape(f"{around.table}.weight", rank=2)[0], length))
        x = embedding(plan, x, around.table)
        plan.note("The table of tokens is read as it is, without a factor.")
    elif around.entry:
        (x,) = plan.read((plan.shape(f"{around.entry}.weight", rank=2)[1], length))
        x = linear(plan, x, around.entry)
    else:
        (x,) = plan.read((taken, length))
    return add_positions(plan, x, around.positions) if around.positions else x


def ask_readout(plan: Plan, usual: str, choices: tuple[str, ...]) -> str:
    """What a head reads of a sequence."""
    reason = "weights do not show which of the tokens or steps the last layer reads"
    return plan.ask("readout", "The last layer reads", usual, reason=reason, choices=choices)


def read_out(plan: Plan, x: int, choice: str) -> int:
    """(channels, length) → what a head reads of it."""
    if choice in ("first", "last"):
        place = 0 if choice == "first" else plan.values[x][1] - 1
        return plan.step(Slice(place, place + 1, axis=1, keepdim=False), x)
    if choice in ("mean", "max"):
        return plan.step(PositionPool(choice, (1,)), x)  # type: ignore[arg-type]
    return x
