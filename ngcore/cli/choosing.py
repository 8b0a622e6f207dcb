"""Which trained models a command runs on a network, unless the user names them."""

from pathlib import Path
from typing import Any

from ngcore.cli.inputs import InputNetwork
from ngcore.errors import NeuralGraphError, UnknownNameError
from ngcore.paths import ASSETS


def cards_by_name(*tasks: str) -> dict[str, dict[str, Any]]:
    """The cards of the checkpoints for these tasks, under the names that `load_checkpoint` knows."""
    from ngcore.tasks import survey_checkpoints

    cards = survey_checkpoints().cards
    return {name: card for task in tasks for name, card in cards.items() if card["task"] == task}


def choose_cards(given: InputNetwork, cards: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Those of the cards whose models were trained on the network's zoo, or can read such inputs and outputs."""
    return {name: card for name, card in cards.items() if _fits(card, given)}


def choose_editor(given: InputNetwork, edit: str) -> str:
    """The checkpoint for an edit that fits a network and left the smallest error on validation networks.

    Raises:
        NeuralGraphError: If none fits.
    """
    from ngcore.tasks import edit_of

    cards = {name: card for name, card in cards_by_name("edit").items() if edit_of(card) == edit}
    fitting = choose_cards(given, cards)
    if not fitting:
        known = ", ".join(sorted({edit_of(card) for card in cards_by_name("edit").values()})) or "none"
        raise NeuralGraphError(
            f"Expected a network and an edit that a trained model supports, got {given.source} "
            f"({given.network.architecture.name}) and {edit}; models are available for: {known}. "
            "Edit without a model with --fit-on, or name a checkpoint with --model."
        )
    return min(fitting, key=lambda name: fitting[name]["metrics"].get("validation", {}).get("mse", float("inf")))


def named_cards(names: list[str], *tasks: str) -> dict[str, dict[str, Any]]:
    """The cards of checkpoints by their names.

    Raises:
        UnknownNameError: If none of this name does these tasks; the message lists those that do.
    """
    from ngcore.tasks.checkpoints import refuse_left_out

    known = cards_by_name(*tasks)
    for name in names:
        if name not in known:
            refuse_left_out(name)
            raise UnknownNameError(f"checkpoint to {' or '.join(tasks)} with", name, known)
    return {name: known[name] for name in names}


def shipped_zoo(name: str) -> Path:
    """The folder of the zoo that ships under a name, even where a larger one is available; else as `find_zoo`."""
    from ngcore.zoo import find_zoo

    shipped = ASSETS / "zoos" / name
    return shipped if (shipped / "card.json").is_file() else find_zoo(name)


def _fits(card: dict[str, Any], given: InputNetwork) -> bool:
    from ngcore.tasks import can_read

    is_of_zoo = given.zoo is None or card["corpus"]["name"] == given.zoo.name
    return bool(is_of_zoo and can_read(card, given.network.architecture))
