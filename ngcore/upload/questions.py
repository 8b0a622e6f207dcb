"""Questions about a network that its file leaves open."""

import dataclasses

from ngcore.errors import AmbiguousNetworkError
from ngcore.upload.hints import Sizes

Suggestion = str | float | Sizes | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """Something that must be said before a network can be built: a field of a form.

    Attributes:
        field: The field of `Hints` that answers it.
        text: Its label.
        suggestion: A sensible answer, None if there is none.
        choices: All answers, empty if any number will do.
        only_if: Activation for which it matters, None if always.
        reason: Why it is asked, or why the answer is suggested.
    """

    field: str
    text: str
    suggestion: Suggestion
    choices: tuple[str, ...] = ()
    only_if: str | None = None
    reason: str = ""


def ask(questions: list[Question]) -> AmbiguousNetworkError:
    """The error that asks all questions at once, each with its suggestion and the reason."""
    always = [question for question in questions if question.only_if is None] or questions
    asked = "; ".join(f"{question.field}{_perhaps(question)}" for question in always)
    message = f"The file does not say all about this network. Please add: {asked}."
    return AmbiguousNetworkError(message, questions=questions)


def _perhaps(question: Question) -> str:
    parts = [] if question.suggestion is None else [f"perhaps {in_words(question.suggestion)}"]
    parts += [question.reason] if question.reason else []
    return f" ({', '.join(parts)})" if parts else ""


def in_words(suggestion: Suggestion) -> str:
    """A suggestion as typed on the command line."""
    if isinstance(suggestion, tuple):
        return ",".join(map(str, suggestion))
    return str(suggestion)
