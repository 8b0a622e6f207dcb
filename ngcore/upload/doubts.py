"""Kinds of layers that look alike in a state dict: norms, transposed convolutions, tables."""

from collections.abc import Sequence

from ngcore.errors import UnsupportedNetworkError
from ngcore.upload.hints import CHOICES, Hints
from ngcore.upload.modules import BATCH_STATISTICS, Module
from ngcore.upload.names import GROWING, NORMS, PLAIN, pieces
from ngcore.upload.questions import Question

READABLE = {"norm": "layer_norm", "convolution": "conv2d", "table": "linear"}


def kind_questions(modules: Sequence[Module], hints: Hints) -> tuple[list[Question], list[str]]:
    """What to ask about kinds of layers, and notes on how the others were recognised.

    Raises:
        UnsupportedNetworkError: If the answer was a kind that is not supported.
    """
    questions, notes = [], []
    for field, found, reason in (
        ("norm", _norms(modules), "norms without statistics may be of several kinds"),
        (
            "convolution",
            _squares(modules),
            "plain and transposed convolutions of as many channels in as out look alike",
        ),
        ("table", _tables(modules), "a square weight without bias at the start may be a table"),
    ):
        answer = getattr(hints, field)
        if not found:
            continue
        if answer is None:
            reason = f"{reason}: {', '.join(found[:3])}{', …' if len(found) > 3 else ''}"
            text = {"norm": "Norm", "convolution": "Convolution", "table": "First weight"}[field]
            choices = CHOICES[field]
            questions.append(
                Question(field=field, text=text, suggestion=READABLE[field], choices=choices, reason=reason)
            )
        elif answer != READABLE[field]:
            why = BATCH_STATISTICS if answer == "batch_norm" else ""
            raise UnsupportedNetworkError(
                f"The network holds a layer of the kind {answer.replace('_', ' ')}{why}; that is not supported."
            )
        else:
            notes.append(f"{', '.join(found[:5])}: taken as {answer.replace('_', ' ')}, as stated.")
    return questions, notes


def _norms(modules: Sequence[Module]) -> list[str]:
    named = NORMS["layer_norm"]
    return [m.prefix for m in modules if m.kind == "layer_norm" and not pieces(m.prefix.rpartition(".")[2]) & named]


def _squares(modules: Sequence[Module]) -> list[str]:
    """Convolutions that may be transposed ones: square, and neither their names nor the rest of the network denies it.

    An even kernel or a map at the end speaks for transposed ones, whatever the names.
    """
    squares = [m for m in modules if m.kind == "conv2d" and m.shape[0] == m.shape[1] and max(m.shape[2:]) > 1]
    ends_in_map = all(module.kind != "linear" for module in modules)
    is_likely = ends_in_map or any(side % 2 == 0 for m in squares for side in m.shape[2:])
    return [m.prefix for m in squares if is_likely or not _is_plain(m.prefix)]


def _is_plain(prefix: str) -> bool:
    """Whether a name is that of a plain convolution."""
    words = pieces(prefix)
    return bool(words & PLAIN) and not words & GROWING


def _tables(modules: Sequence[Module]) -> list[str]:
    first, others = modules[0], modules[1:]
    is_odd = first.kind == "linear" and "bias" not in first.names and any("bias" in m.names for m in others)
    return [first.prefix] if is_odd and first.shape[0] == first.shape[1] else []
