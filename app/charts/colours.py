"""Colours of the figures that are the same on light and on dark ground, safe for colour-blind readers."""

# Ten categories: Okabe and Ito's, their yellow darkened, with purple, brown and pale green; no grey among them.
CATEGORIES = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#d55e00",
    "#cc79a7",
    "#56b4e9",
    "#c9b800",
    "#8336b8",
    "#8c5a3c",
    "#7fd8be",
)
SEQUENTIAL = ("#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#fde725")  # viridis
POSITIVE, NEGATIVE = "#b2400f", "#1b6ca8"
PLACED = "#e0218a"
