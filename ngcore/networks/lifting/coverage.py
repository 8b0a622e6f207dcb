"""What of a foreign network a `Network` holds, and what it does not, with reasons."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Skipped:
    """An operation without counterpart, whose result has become an input of the network.

    Attributes:
        path: The module that calls it; empty at the top.
        operation: Its name.
        reason: Why it could not be read.
        num_parameters: Parameters that are left out with it.
        stands_in: Which input of the network stands for what it makes, None where nothing that is left reads it.
    """

    path: str
    operation: str
    reason: str
    num_parameters: int
    stands_in: int | None

    def __str__(self) -> str:
        """One line: "encoder.attn: unfold (it has no counterpart here)"."""
        where = f"{self.path}: {self.operation}" if self.path else self.operation
        lost = f"; {self.num_parameters} parameters left out" if self.num_parameters else ""
        given = "" if self.stands_in is None else f"; its result is input {self.stands_in}"
        return f"{where} ({self.reason}{lost}{given})"


@dataclasses.dataclass(frozen=True)
class Coverage:
    """How much of a foreign network was read.

    Example:
        >>> print(network.origin.coverage)
        1234 of 1298 parameters are in the graph.
        Left out:
          encoder.layers.3.attn: unfold (it has no counterpart here; 64 parameters left out; its result is input 1)

    Attributes:
        num_parameters: Learned numbers of the original.
        num_covered: Those that the network holds.
        skipped: What was left out.
        unused: Names of parameters that no output depends on.
        notes: What was read in another form: folded weight norms, batches of one size, and the like.
    """

    num_parameters: int
    num_covered: int
    skipped: tuple[Skipped, ...] = ()
    unused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether the network computes what the original does."""
        return not self.skipped

    def table(self) -> list[dict[str, str | int]]:
        """A row for everything that was left out, with the columns path, operation, reason, parameters and input."""
        return [
            {
                "path": skipped.path,
                "operation": skipped.operation,
                "reason": skipped.reason,
                "parameters": skipped.num_parameters,
                "input": "" if skipped.stands_in is None else skipped.stands_in,
            }
            for skipped in self.skipped
        ]

    def to_dict(self) -> dict[str, Any] | None:
        """The report in plain JSON types, with `table` as "skipped"; None where there is nothing to say."""
        if not (self.skipped or self.unused or self.notes):
            return None
        numbers = {"num_parameters": self.num_parameters, "num_covered": self.num_covered}
        return {**numbers, "skipped": self.table(), "unused": list(self.unused), "notes": list(self.notes)}

    def __str__(self) -> str:
        """The report as text."""
        lines = [f"{self.num_covered} of {self.num_parameters} parameters are in the graph."]
        for title, entries in (("Left out", self.skipped), ("Read by no output", self.unused), ("Notes", self.notes)):
            if entries:
                lines += [f"{title}:", *(f"  {entry}" for entry in entries)]
        return "\n".join(lines)
