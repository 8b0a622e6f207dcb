"""Races in a session: one at a time, a slice of time after the other, so that no other session waits for long."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st
import torch

from app.race.setup import BATCH_SIZE, Setup
from ngcore.networks import Network
from ngcore.optim import load_rule
from ngcore.tasks.optimisees import Optimisee
from ngcore.tasks.racing import Entrant, Race
from ngcore.zoo import read_training_sample, sample_images

SLICE_S = 0.35
NUM_CURVE = 40  # measurements of a race
RACE, SWEEP = "race.live", "race.sweep"
"""Where the session keeps the race, and the sweep of rates, which is a race of many."""

OPENED_KEY = "race.opened"
_ONE_AT_A_TIME = threading.Lock()
"""Held by the session whose slice it is."""


@dataclass
class Live:
    """A race that has begun.

    Attributes:
        setup: What it is about.
        race: Where everyone is.
        is_running: Whether it runs without clicks.
    """

    setup: Setup
    race: Race
    is_running: bool = True

    @property
    def is_over(self) -> bool:
        """Whether all steps are made."""
        return self.race.is_over


def current(key: str = RACE) -> Live | None:
    """The race, or the sweep, of this session."""
    return st.session_state.get(key)


def begin(setup: Setup, key: str = RACE) -> None:
    """Begin a race or a sweep, in place of the one before; of a sweep only the end is measured."""
    train, held_out = _data(setup)
    task = Optimisee(
        architecture=setup.architecture,
        images=setup.images,
        side=setup.architecture.input_shapes[0][-1],
        total_steps=setup.steps,
        batch_size=BATCH_SIZE,
    )
    entrants = [
        Entrant(
            method=lane.kind,
            learning_rate=lane.learning_rate,
            schedule=lane.schedule,
            rule=load_rule(lane.rule) if lane.rule else None,
        )
        for lane in setup.lanes
    ]
    with _slice():
        race = Race(
            task,
            entrants,
            train=train,
            held_out=held_out,
            seed=setup.seed,
            measure_every=max(1, setup.steps // NUM_CURVE) if key == RACE else setup.steps,
        )
    stop(key)
    st.session_state[key] = Live(setup, race)


def _data(setup: Setup) -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    """Images to train on, and those to measure on, as the architecture takes them."""
    train, test = read_training_sample(setup.images), sample_images(setup.images)
    return (
        (train.inputs(setup.architecture), train.labels),
        (test.inputs(setup.architecture), test.labels),
    )


def advance(live: Live, *, steps: int | None = None) -> None:
    """Go on: by some steps, or for a slice of time."""
    with _slice():
        if steps is not None:
            live.race.advance(steps)
            return
        end = time.perf_counter() + SLICE_S
        while not live.is_over and time.perf_counter() < end:
            live.race.advance()


def stop(key: str = RACE) -> None:
    """Forget the race or the sweep."""
    for name in (key, *([OPENED_KEY] if key == RACE else [])):
        st.session_state.pop(name, None)


@contextmanager
def _slice() -> Iterator[None]:
    """This session's turn, on one core."""
    with _ONE_AT_A_TIME:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def last_change(live: Live, number: int) -> Network | None:
    """The last update of an entrant's network, as a network; None before the first step."""
    runner = live.race.runners[number]
    if not runner.change:
        return None
    network = runner.network
    changes = {
        name: -runner.change[name] if name in runner.change else torch.zeros_like(tensor)
        for name, tensor in network.parameters.items()
    }
    return network.having(changes)
