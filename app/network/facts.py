"""The facts of a network in one line, and all of its metadata on demand."""

from collections import Counter

import streamlit as st

from app import cached, state
from app.errors import plain
from app.state import Selection
from ngcore.networks import Architecture, Shape

HIDDEN = ("row",)


def network_facts(selection: Selection) -> None:
    """Say what the selected network is."""
    architecture = cached.network(selection).architecture
    row = cached.row(selection)
    label = cached.label_name(selection)
    name = architecture.name if architecture.chain else architecture.name.removesuffix(" none")
    facts = [f"**{plain(name)}**", f"{architecture.num_parameters:,} parameters"]
    if architecture.chain is None:
        facts += [plain(text) for text in shapes_in_words(architecture)]
    if label is not None:
        facts.append(f"label {plain(label)}")
    if "accuracy" in row:
        facts.append(f"test accuracy {row['accuracy']:.1%}")
    if "psnr" in row:
        facts.append(f"fits its image to {row['psnr']:.1f} dB")
    if "split" in row:
        facts.append(f"{row['split']} split")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(" · ".join(facts), width="content")
        with st.popover("Details", type="tertiary", icon=":material/info:"):
            _details(selection, row)


def shapes_in_words(architecture: Architecture) -> list[str]:
    """Inputs, outputs and tied weights of a network that is no chain."""
    inputs = [
        f"tokens {_sides(shape[1:]) or 'one'} of {shape[0]:,}" if number in architecture.token_values else _sides(shape)
        for number, shape in enumerate(architecture.input_shapes)
    ]
    outputs = [_sides(architecture.shapes[value]) for value in architecture.outputs]
    ties = tied_layers(architecture)
    return [
        f"input {' and '.join(inputs)}",
        f"output {' and '.join(outputs)}",
        *([f"tied weights: {', '.join(ties)}"] if ties else []),
    ]


def tied_layers(architecture: Architecture) -> list[str]:
    """Names of the steps whose parameters another step shares."""
    names = [step.name for step in architecture.steps if step.layer.parameter_shapes()]
    return [name for name, count in Counter(names).items() if count > 1]


def _sides(shape: Shape) -> str:
    return " × ".join(map(str, shape))


def _details(selection: Selection, row: dict[str, object]) -> None:
    if selection.is_upload:
        own = state.kept()[selection.id]
        file = f", {own.size:,} bytes\nsha256 {own.sha256[:32]}…" if own.size else ""
        st.text(f"{own.title}\n{own.format}{file}")
        for note in own.notes:
            st.text(f"• {note}")
        if own.tensors:
            st.dataframe([vars(tensor) for tensor in own.tensors], hide_index=True)
        return
    items = {name: value for name, value in row.items() if name not in HIDDEN}
    shown = [f"{value:.5g}" if isinstance(value, float) else str(value) for value in items.values()]
    st.dataframe({"": list(items), "value": shown}, hide_index=True, width=320)
