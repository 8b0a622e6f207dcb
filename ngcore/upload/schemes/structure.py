"""What comes of recognising a naming scheme: a network of which the tensors are known and not yet read."""

import dataclasses

from ngcore.networks import Architecture
from ngcore.upload.questions import Question, ask
from ngcore.upload.schemes.origin import Origin


@dataclasses.dataclass(frozen=True, eq=False)
class Structure:
    """A network of which the tensors are known and not yet read.

    Attributes:
        scheme: What it is, such as "a ResNet".
        architecture: Its structure, with the suggested answers where something is open.
        origin: Which tensors its parameters are.
        notes: What was taken for granted, in plain words.
        questions: What is open.
    """

    scheme: str
    architecture: Architecture
    origin: Origin
    notes: tuple[str, ...]
    questions: tuple[Question, ...] = ()

    def settled(self) -> "Structure":
        """This, if nothing is open.

        Raises:
            AmbiguousNetworkError: With all questions.
        """
        if self.questions:
            raise ask(list(self.questions))
        return self


@dataclasses.dataclass(frozen=True)
class Recognition:
    """What came of looking for a naming scheme.

    Attributes:
        structure: The network; None where no scheme has a place for every tensor.
        near_misses: Which schemes it looks like, and what does not fit.
        is_chain: Whether it may still be a plain chain of layers.
    """

    structure: Structure | None
    near_misses: tuple[str, ...] = ()
    is_chain: bool = True
