"""Finding tensors among thousands: by a part of the tree of names, by a search, a page at a time."""

from collections.abc import Iterable, Mapping, Sequence

import streamlit as st

from app.state import KeptWeights
from ngcore.upload.weights import group_names

MAX_PARTS = 1_000
WHOLE = ""


def find_tensors(kept: KeptWeights, key: str, *, per_page: int, names: Sequence[str] | None = None) -> list[str]:
    """Fields that narrow the tensors of a file down, and the names on the chosen page, in the order of the file.

    Args:
        kept: The file.
        key: Start of the keys of the fields.
        per_page: How many tensors a page holds.
        names: Those to find among; None for all.
    """
    names = list(kept.file.tensors) if names is None else list(names)
    key = f"{key}.{kept.file.sha256[:12]}"
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        search = st.text_input("Search by name", key=f"{key}.search", placeholder="conv1, weight, …", width=220)
        counts = part_counts(names)
        part = st.selectbox(
            "Part", [WHOLE, *counts], key=f"{key}.part", format_func=lambda path: part_name(path, counts), width=300
        )
        found = matching(names, search, part or WHOLE)
        num_pages = max(1, -(-len(found) // per_page))
        page = 1
        if num_pages > 1:
            page = int(
                st.number_input(f"Page, of {num_pages:,}", 1, num_pages, key=f"{key}.page{num_pages}", width=150)
            )
    first = (page - 1) * per_page
    shown = found[first : first + per_page]
    if not shown:
        st.caption("No tensor has such a name.")
    else:
        st.caption(f"{first + 1:,} – {first + len(shown):,} of {len(found):,} tensors")
    return shown


def part_counts(names: Iterable[str]) -> dict[str, int]:
    """The parts of the tree of names, each before those within it, and how many tensors each has."""
    groups = [group for group in group_names(names).walk() if group.path]
    depth = 1 + max((group.path.count(".") + group.path.count("/") for group in groups), default=0)
    while len(groups) > MAX_PARTS and depth > 1:
        depth -= 1
        groups = [group for group in groups if group.path.count(".") + group.path.count("/") < depth]
    return {group.path: len(group.all_tensors()) for group in groups[:MAX_PARTS]}


def matching(names: Iterable[str], search: str, part: str) -> list[str]:
    """Names within a part that hold all words of a search, capitals or not."""
    words = search.lower().split()
    return [
        name
        for name in names
        if (not part or name.startswith((f"{part}.", f"{part}/"))) and all(word in name.lower() for word in words)
    ]


def part_name(path: str, counts: Mapping[str, int]) -> str:
    """What a part is called in a list: indented by its depth, with its number of tensors."""
    if path == WHOLE:
        return "The whole file"
    depth = path.count(".") + path.count("/")
    label = path.replace("/", ".").split(".")[-1]
    return f"{chr(0x2003) * depth}{label}  ({counts.get(path, 0):,})"
