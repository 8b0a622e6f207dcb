"""Tables of the zoos and the trained models that are here, made from their cards."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from app import cached
from app.components.damaged_zoos import show_damaged_zoos

if TYPE_CHECKING:
    from ngcore.zoo import Zoo

METRICS = {
    "accuracy": "accuracy",
    "kendall_tau": "Kendall's τ",
    "r_squared": "R²",
    "mse": "squared error",
    "mse_unedited": "unedited",
}


def zoo_table() -> None:
    """Show the zoos, a row each."""
    show_damaged_zoos()
    rows = [zoo_row(zoo) for zoo in cached.zoos().values()]
    if rows:
        st.dataframe(rows, hide_index=True, column_config={"networks": st.column_config.NumberColumn(format="%,d")})
    else:
        st.info("No zoo is here yet: `ngcore zoo build mnist-inrs` makes one.", icon=":material/info:")


def zoo_row(zoo: "Zoo") -> dict[str, Any]:
    """What a zoo holds, in one row."""
    metadata = zoo.metadata
    splits = metadata["split"].value_counts()
    architectures = list(zoo.architectures.values())
    quality = ""
    if metadata["accuracy"].notna().any():
        low, high = metadata["accuracy"].quantile([0.05, 0.95])
        quality = f"test accuracy {low:.0%} to {high:.0%}"
    elif metadata["psnr"].notna().any():
        quality = f"median PSNR {metadata['psnr'].median():.1f} dB"
    return {
        "zoo": zoo.name,
        "networks": len(metadata),
        "train / validation / test": " / ".join(f"{splits.get(s, 0):,}" for s in ("train", "validation", "test")),
        "architecture": architectures[0].name if len(architectures) == 1 else f"{len(architectures)} different ones",
        "parameters each": f"{architectures[0].num_parameters:,}",
        "quality": quality,
    }


def checkpoint_table() -> None:
    """Show the trained models, a row each."""
    rows = [checkpoint_row(card) for card in cached.checkpoints()]
    if rows:
        st.dataframe(rows, hide_index=True, column_config={"parameters": st.column_config.NumberColumn(format="%,d")})
    else:
        st.info("No trained model is here yet: `ngcore train` makes one.", icon=":material/info:")


def checkpoint_row(card: Mapping[str, Any]) -> dict[str, Any]:
    """What a trained model does and how well, in one row."""
    split = "test" if "test" in card["metrics"] else next(iter(card["metrics"]), "")
    metrics = card["metrics"].get(split, {})
    shown = [f"{title} {metrics[name]:.4g}" for name, title in METRICS.items() if name in metrics]
    return {
        "model": card["name"],
        "task": card["task"],
        "trained on": card["corpus"]["name"],
        "parameters": card["parameters"],
        "measured": ", ".join(shown),
        "on": f"{metrics.get('n', 0):,} {split} networks" if metrics else "",
    }
