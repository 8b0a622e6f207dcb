"""Trained rules of optimisers: where they lie, and reading them."""

from pathlib import Path
from typing import Any

from ngcore.errors import CheckpointError, UnknownNameError
from ngcore.optim.paper_form import PaperConfig, PaperRule
from ngcore.optim.rule import RuleConfig, UpdateRule
from ngcore.paths import ASSETS, work_folder
from ngcore.training.checkpoint import CARD_FILE, load_weights, read_card

FOLDER = "optimisers"
TASK = "optimise"

AnyRule = UpdateRule | PaperRule
AnyRuleConfig = RuleConfig | PaperConfig


def find_rules() -> dict[str, Path]:
    """Folders of trained rules by name: those in the work folder, then those that ship."""
    roots = (ASSETS / FOLDER, work_folder() / FOLDER)
    return {card.parent.name: card.parent for root in roots for card in sorted(root.glob(f"*/{CARD_FILE}"))}


def make_rule(config: AnyRuleConfig) -> AnyRule:
    """An untrained rule."""
    return PaperRule(config) if isinstance(config, PaperConfig) else UpdateRule(config)


def load_rule(name: str | Path) -> AnyRule:
    """A trained rule, in evaluation mode.

    Args:
        name: One of `find_rules()`, or a folder.

    Raises:
        UnknownNameError: If there is none of this name.
        CheckpointError: If it is damaged, or a model that answers another question.
    """
    known = find_rules()
    folder = Path(name) if (Path(name) / CARD_FILE).is_file() else known.get(str(name))
    if folder is None:
        raise UnknownNameError("trained optimiser", str(name), known)
    card: dict[str, Any] = read_card(folder)
    if card["task"] != TASK:
        raise CheckpointError(
            f"Expected the rule of an optimiser in {folder}, got a model whose task is {card['task']!r}."
        )
    fields = card["model"]
    rule = make_rule(PaperConfig(**fields) if "d_answer" in fields else RuleConfig(**fields))
    load_weights(rule, folder)
    return rule.eval()
