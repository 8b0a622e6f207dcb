"""Where the picture that a network is fitted to comes from: the user's hand, a file, or a zoo."""

import random

import numpy as np
import streamlit as st

from app import cached, state
from app.charts.image_grid import data_address
from app.components.render_panel import enlarged
from app.draw.canvas import draw_canvas
from app.drawing import as_mnist, image_from_file
from app.errors import plain
from app.fits import Target
from ngcore.zoo import Zoo
from ngcore.zoo.originals import has_originals_at_hand, original_images

DRAW, FILE, ZOO = "Draw", "Image file", "Image of a zoo"
GREY, COLOUR = "grey, 28 × 28", "colour, 32 × 32"
SOURCE_KEY, CENTRE_KEY, ZOO_KEY, ROW_KEY = "draw.source", "draw.centre", "draw.zoo", "draw.row"
FILE_KEY, DEPTH_KEY, INVERT_KEY, CENTRE_FILE_KEY = "draw.file", "draw.depth", "draw.invert", "draw.centre_file"
PICTURE_WIDTH = 168
MAX_TITLE = 60
CENTRE_HELP = (
    "MNIST's digits are 20 pixels high or wide, with their centre of mass in the middle. Models that were trained on "
    "them know no others."
)


def picture_source() -> Target | None:
    """Let the user draw, upload or pick a picture.

    Returns:
        None while there is none.

    Raises:
        DataError: If what comes from the browser is no picture.
        ZooError: If the zoo is damaged.
    """
    zoos = _zoos_with_images()
    source = st.segmented_control(
        "Picture",
        [DRAW, FILE, *([ZOO] if zoos else [])],
        default=DRAW,
        required=True,
        key=SOURCE_KEY,
        persist_state="session",
    )
    if source == FILE:
        return _from_file()
    if source == ZOO and zoos:
        return _from_zoo(zoos)
    return _drawn()


def show_target(target: Target) -> None:
    """Show the picture at the size at which it is fitted."""
    height, width = target.pixels.shape[:2]
    st.image(
        data_address(enlarged(target.pixels, 2 * PICTURE_WIDTH)),
        width=PICTURE_WIDTH,
        caption=f"Target: {height} × {width}",
        alt="The picture that the network is fitted to",
    )


def _drawn() -> Target | None:
    drawing = draw_canvas()
    centred = st.toggle(
        "Centre and scale like MNIST", value=True, key=CENTRE_KEY, persist_state="session", help=CENTRE_HELP
    )
    if drawing is None:
        return None
    return Target(as_mnist(drawing) if centred else drawing, "drawing")


def _from_file() -> Target | None:
    file = st.file_uploader("PNG or JPEG", type=["png", "jpg", "jpeg"], key=FILE_KEY)
    depth = st.segmented_control(
        "Read as", [GREY, COLOUR], default=GREY, required=True, key=DEPTH_KEY, persist_state="session"
    )
    invert = st.toggle(
        "Swap dark and bright", key=INVERT_KEY, persist_state="session", help="For dark ink on bright paper."
    )
    is_colour = depth == COLOUR
    centre = st.toggle(
        "Centre and scale like MNIST",
        key=CENTRE_FILE_KEY,
        persist_state="session",
        disabled=is_colour,
        help=CENTRE_HELP,
    )
    if file is None:
        return None
    pixels = image_from_file(file.getvalue(), colour=is_colour, invert=invert, centre=centre and not is_colour)
    return Target(pixels, file.name[:MAX_TITLE])


def _zoos_with_images() -> dict[str, Zoo]:
    """The zoos that bring along the images that their networks were fitted to."""
    return {
        name: zoo for name, zoo in cached.zoos().items() if zoo.card.get("kind") == "inr" and has_originals_at_hand(zoo)
    }


def _from_zoo(zoos: dict[str, Zoo]) -> Target:
    selection = state.selected()
    first = selection.zoo if selection and selection.zoo in zoos else next(iter(zoos))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Zoo", list(zoos), index=list(zoos).index(first), key=ZOO_KEY, width=190, persist_state="session"
        )
        zoo = zoos[name]
        last = len(zoo) - 1
        key = f"{ROW_KEY}.{name}"
        if key not in st.session_state:
            is_here = selection is not None and selection.zoo == name and cached.exists(selection)
            st.session_state[key] = zoo.position(selection.id) if selection and is_here else 0
        row = st.number_input("Image", 0, last, step=1, key=key, width=130, persist_state="session")
        st.button(
            "",
            icon=":material/casino:",
            key="draw.random_row",
            help="A random image",
            on_click=_random_row,
            args=(key, last),
        )
    row = int(np.clip(row, 0, last))
    pixels = original_images(zoo, [row])[0].astype(np.float32) / 255
    target = Target(pixels, str(zoo.metadata["id"].iloc[row]), zoo.name, str(zoo.metadata["id"].iloc[row]))
    label = cached.label_name(target.original) if target.original else None
    st.caption(f"{plain(target.title)}" + (f", label {plain(label)}" if label else ""))
    return target


def _random_row(key: str, last: int) -> None:
    st.session_state[key] = random.randint(0, last)
