"""Has the browser load, while it is idle, the parts of Streamlit's client that the other pages will ask for."""

from functools import cache
from pathlib import Path

import streamlit as st

NEEDED = (
    "Selectbox",
    "TextInput",
    "ButtonGroup",
    "EChartsChart",
    "ImageList",
    "Metric",
    "Slider",
    "Checkbox",
    "NumberInput",
    "DataFrame",
    "DownloadButton",
    "FileUploader",
    "PlotlyChart",
    "BidiComponent",
)

SCRIPT = """<script>
const idle = window.requestIdleCallback ?? ((task) => setTimeout(task, 200));
const load = (names) => names.length && import(new URL(names[0], document.baseURI))
    .catch(() => null).then(() => idle(() => load(names.slice(1))));
setTimeout(() => idle(() => load(%s)), 300);
</script>"""


def load_chunks_when_idle() -> None:
    """Once a session: what is loaded before it is needed makes the first visit to a page as fast as later ones."""
    if st.session_state.get("chunks") is None:
        st.session_state["chunks"] = True
        st.html(SCRIPT % _addresses(), unsafe_allow_javascript=True)


@cache
def _addresses() -> list[str]:
    """Addresses of the chunks in the order of `NEEDED`; a chunk that this Streamlit names otherwise is left out."""
    folder = Path(st.__file__).parent / "static" / "static" / "js"
    return [f"static/js/{path.name}" for name in NEEDED for path in sorted(folder.glob(f"{name}.*.js"))]
