"""The pages of the app by their names, for the navigation and for links between them."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

FOLDER = Path(__file__).resolve().parents[1] / "pages"
HOME = "home"


@dataclass(frozen=True)
class Entry:
    """One page in the table.

    Attributes:
        title: In the navigation.
        icon: Name of a Material symbol.
        summary: What the page is for, in a sentence.
    """

    title: str
    icon: str
    summary: str


TABLE: dict[str, Entry] = {
    HOME: Entry("Home", "home", "What this is, and where to go."),
    "learn": Entry("Learn", "school", "Three guided lessons: graphs, probes, and editing by weights."),
    "network": Entry("Network graph", "hub", "Look at one network: its neurons, its weights and what it computes."),
    "map": Entry("Map", "scatter_plot", "See thousands of networks at once, neighbours close together."),
    "compare": Entry("Compare", "compare", "See where two networks differ, with their neurons aligned first."),
    "predict": Entry("Predict", "query_stats", "Read from the weights what a network shows, or how accurate it is."),
    "rank": Entry("Rank", "format_list_numbered", "Order several checkpoints by the accuracy that models predict."),
    "draw": Entry("Draw", "draw", "Draw a digit, and watch a network learn to show it."),
    "edit": Entry("Edit", "brush", "Change what a network shows by changing its weights."),
    "blend": Entry("Blend", "conversion_path", "Walk from one picture to another through weight space."),
    "race": Entry("Race", "flag", "Watch optimisers train the same network side by side."),
    "lab": Entry("Lab", "science", "Check what models answer where a network computes the same, in another form."),
    "leaderboard": Entry(
        "Leaderboard", "leaderboard", "Compare all models that read networks, on the same test networks."
    ),
}


def page(name: str) -> st.Page:
    """The page of this name, for `st.navigation`, `st.page_link` and `st.switch_page`."""
    entry = TABLE[name]
    return st.Page(
        FOLDER / f"{name}.py",
        title=entry.title,
        icon=f":material/{entry.icon}:",
        default=name == HOME,
        url_path=None if name == HOME else name,
    )


def pages() -> list[st.Page]:
    """All pages, in the order of the table."""
    return [page(name) for name in TABLE]
