"""What a race is about: images, network, entrants and length, as the page asks and as an address says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, get_args

import streamlit as st

from app import cached
from app.address import Parameter
from app.state import Selection
from ngcore.errors import NeuralGraphError
from ngcore.networks import Architecture, cost_of
from ngcore.optim import find_rules
from ngcore.tasks.optimisees import conv_net, perceptron
from ngcore.tasks.racing import METHODS, RATES, Method, Schedule
from ngcore.zoo import fitting_image_sets, training_samples
from ngcore.zoo.family_draws import vision_transformer
from ngcore.zoo.images import IMAGE_SHAPES

Shape = tuple[int, int, int]

NETWORKS: dict[str, tuple[str, Callable[[Shape], Architecture]]] = {
    "conv-8": ("Conv net, 8 channels", lambda shape: conv_net(8, input_shape=shape)),
    "conv-16": ("Conv net, 16 channels", lambda shape: conv_net(16, input_shape=shape)),
    "mlp": ("MLP, 2 × 32, layer norm", lambda shape: perceptron(32, 2, shape)),
    "transformer": (
        "Transformer, 2 blocks",
        lambda shape: vision_transformer(
            shape, patch=shape[1] // 4, width=32, heads=2, depth=2, norm="layer_norm", function="gelu"
        ),
    ),
}
SELECTED = "selected"
TITLES = {"fashion-mnist": "Fashion-MNIST", "cifar10": "CIFAR-10", "mnist": "MNIST"}
STEPS = (100, 200, 300, 500, 1_000)
MIN_ENTRANTS, MAX_ENTRANTS = 2, 4
MAX_SEED, MAX_RATE, MIN_RATE = 9_999, 10.0, 1e-5
MAX_COST = 5_000_000  # multiply-adds of one image: above that a step takes seconds
BATCH_SIZE = 64
SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)
LEARNED: Method = "graph"
HAND_MADE: tuple[Method, ...] = tuple(method for method in METHODS if method != LEARNED)


class Lane(NamedTuple):
    """One entrant as it is asked for; its method is one of `methods()`."""

    method: str
    learning_rate: float
    schedule: Schedule

    @property
    def name(self) -> str:
        """What to call it: "AdamW 0.005, cosine"."""
        factor = "× " if is_relative(self.method) else ""
        return f"{title_of(self.method)} {factor}{self.learning_rate:g}, {self.schedule}"

    @property
    def kind(self) -> Method:
        """Of the optimiser: what a trained rule is asked by, or the method itself."""
        return next((kind for kind in HAND_MADE if kind == self.method), LEARNED)

    @property
    def rule(self) -> str | None:
        """Name of the trained rule; None of what is made by hand."""
        return self.method if self.kind == LEARNED else None


DEFAULT_LANES = (
    Lane("adamw", RATES["adamw"], "cosine"),
    Lane("muon", RATES["muon"], "cosine"),
    Lane("optimiser-ng-gnn", RATES[LEARNED], "cosine"),
)


@dataclass(frozen=True)
class Setup:
    """All that decides how a race goes.

    Attributes:
        images: Name of the image set.
        architecture: Of the networks.
        steps: Length of the race.
        seed: Of initial weights and minibatches.
        lanes: The entrants.
    """

    images: str
    architecture: Architecture
    steps: int
    seed: int
    lanes: tuple[Lane, ...]


def parse_lanes(text: str) -> tuple[Lane, ...] | None:
    """Entrants from the text of an address, "adamw:0.005:cosine,muon:1:constant"; None if it means none."""
    lanes = []
    for part in text.split(","):
        method, _, rest = part.partition(":")
        rate, _, schedule = rest.partition(":")
        try:
            number = float(rate)
        except ValueError:
            return None
        if method not in methods() or schedule not in SCHEDULES or not MIN_RATE <= number <= MAX_RATE:
            return None
        lanes.append(Lane(method, number, schedule))
    return tuple(lanes) if MIN_ENTRANTS <= len(lanes) <= MAX_ENTRANTS else None


def write_lanes(lanes: tuple[Lane, ...]) -> str:
    """The text of entrants; inverse of `parse_lanes`."""
    return ",".join(f"{lane.method}:{lane.learning_rate:g}:{lane.schedule}" for lane in lanes)


LANES = Parameter("race", parse_lanes, write_lanes)


def methods() -> tuple[str, ...]:
    """Optimisers that can take part: those made by hand, and every trained rule by its name."""
    return (*HAND_MADE, *find_rules())


def title_of(method: str) -> str:
    """What to call an optimiser: "AdamW", or "learned: ng-gnn"."""
    known = (METHODS[kind] for kind in HAND_MADE if kind == method)
    return next(known, f"learned: {method.removeprefix('optimiser-')}")


def is_relative(method: str) -> bool:
    """Whether a rate is a factor of step sizes that the optimiser has itself."""
    return method not in ("sgd", "adamw")


def first_rate(method: str) -> float:
    """The rate to begin with."""
    return next((RATES[kind] for kind in HAND_MADE if kind == method), RATES[LEARNED])


def ask_setup(selection: Selection | None) -> Setup | None:
    """The widgets of a race; None while something is missing, after saying what."""
    names = training_samples()
    if not names:
        st.info("No training images are installed; they ship with the source tree.", icon=":material/info:")
        return None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        images = st.selectbox(
            "Images", names, format_func=lambda name: TITLES[name], key="race_images", bind="query-params", width=170
        )
        choices = [*NETWORKS, *([SELECTED] if _fits(selection, images) else [])]
        network = st.selectbox(
            "Network",
            choices,
            index=0,
            format_func=lambda name: "As the selected network" if name == SELECTED else NETWORKS[name][0],
            key="race_network",
            bind="query-params",
            width=230,
        )
        steps = st.selectbox("Steps", STEPS, index=1, key="race_steps", bind="query-params", width=110)
        seed = st.number_input("Seed", 0, MAX_SEED, 0, key="race_seed", bind="query-params", width=120)
    lanes = _ask_lanes()
    shape = _shape(images)
    if network == SELECTED:
        assert selection is not None  # else it is no choice
        architecture = cached.network(selection).architecture
    else:
        architecture = NETWORKS[network][1](shape)
    st.caption(
        f"{architecture.num_parameters:,} parameters · {BATCH_SIZE} images per step · all start from the same weights "
        "and see the same images in the same order"
    )
    return Setup(images, architecture, int(steps), int(seed), lanes)


def _shape(images: str) -> Shape:
    height, width, *rgb = IMAGE_SHAPES[images]
    return (rgb[0] if rgb else 1, height, width)


def _fits(selection: Selection | None, images: str) -> bool:
    """Whether the selected network could be trained on these images, in reasonable time."""
    if selection is None or not cached.exists(selection):
        return False
    try:
        architecture = cached.network(selection).architecture
        return images in fitting_image_sets(architecture) and cost_of(architecture).multiply_adds <= MAX_COST
    except NeuralGraphError:
        return False


def _ask_lanes() -> tuple[Lane, ...]:
    """Two to four entrants side by side."""
    before = LANES.get() or tuple(lane for lane in DEFAULT_LANES if lane.method in methods())
    lanes = []
    columns = st.columns(MAX_ENTRANTS)
    for number, column in enumerate(columns[: len(before)]):
        with column, st.container(border=True):
            lanes.append(_ask_lane(number, before[number]))
    if len(before) < MAX_ENTRANTS:
        with columns[len(before)]:
            st.button("Add an optimiser", icon=":material/add:", key="race.add", on_click=_add, args=(before,))
    if len(before) > MIN_ENTRANTS:
        with columns[len(before) - 1]:
            st.button("Remove", icon=":material/remove:", key="race.remove", on_click=_remove, args=(before,))
    found = tuple(lanes)
    if found != before:
        LANES.set(found)
    return found


def _ask_lane(number: int, before: Lane) -> Lane:
    key = f"race.lane.{number}"
    choices = list(methods())
    method = st.selectbox(
        f"Optimiser {number + 1}",
        choices,
        choices.index(before.method),
        format_func=title_of,
        key=f"{key}.method",
    )
    has_factor = is_relative(method)
    rate = st.number_input(
        "Rate (factor)" if has_factor else "Learning rate",
        MIN_RATE,
        MAX_RATE,
        before.learning_rate if method == before.method else first_rate(method),
        format="%.5g",
        key=f"{key}.rate.{method}",
        help="A factor of the step sizes that the optimiser has itself." if has_factor else None,
    )
    schedule = st.segmented_control(
        "Schedule", SCHEDULES, default=before.schedule, required=True, key=f"{key}.schedule"
    )
    return Lane(method, float(rate), schedule)


def _add(lanes: tuple[Lane, ...]) -> None:
    here = {lane.method for lane in lanes}
    missing = next((method for method in methods() if method not in here), "sgd")
    LANES.set((*lanes, Lane(missing, first_rate(missing), "cosine")))


def _remove(lanes: tuple[Lane, ...]) -> None:
    LANES.set(lanes[:-1])
