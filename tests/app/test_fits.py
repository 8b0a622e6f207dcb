"""Fits that run: what is measured on the way, and how one that was stopped comes to its end."""

import numpy as np
import pytest


@pytest.fixture
def live():
    from app.fits import Live, Target
    from ngcore.inr import FitConfig

    pixels = np.zeros((28, 28), dtype=np.float32)
    pixels[8:20, 8:20] = 1
    return Live(Target(pixels, "square"), "few", FitConfig(steps=80), seed=3)


def test_a_fit_measures_how_the_picture_grows_sharp(live, monkeypatch):
    from app import fits

    monkeypatch.setattr(fits, "SHOW_EVERY_S", -1)
    shown = []
    fits.run(live, lambda live: shown.append((live.step, live.seconds_left)))
    assert [step for step, _ in shown] == list(range(1, 81)) and shown[-1][1] == 0
    assert live.step == 80 and live.seconds > 0 and len(live.network) == 1
    steps, psnr = zip(*live.curve, strict=True)
    assert (steps[0], steps[-1]) == (1, 80) and psnr[-1] > psnr[0] + 2
    assert [step for step, _ in live.frames][-1] == 80
    last = fits.show_of(live.network, live.target)
    assert np.array_equal(live.frames[-1][1], last) and last.shape == (28, 28)
    assert fits._psnr(last, live.target) == pytest.approx(psnr[-1])


def test_a_fit_that_was_kept_does_not_change_any_more(live, monkeypatch):
    from app import fits

    monkeypatch.setattr(fits, "SHOW_EVERY_S", -1)
    stops = []

    def show(live):
        if live.is_over:
            stops.append(live.step)
        live.is_over = live.step >= 5

    fits.run(live, show)
    assert live.step == 5 and set(stops) == {5} and live.curve[-1][0] <= 5


def test_a_picture_in_colour_gets_a_network_of_three_outputs(live):
    from app import fits
    from ngcore.inr import FitConfig

    colour = np.full((32, 32, 3), (1, 0.5, 0), dtype=np.float32)
    live.target, live.config = fits.Target(colour, "orange"), FitConfig(steps=3)
    fits.run(live, lambda _: None)
    assert live.network.architecture.output_shape == (3,)
    assert fits.show_of(live.network, live.target).shape == (32, 32, 3)


def test_the_distance_of_weights_is_a_share_of_the_first_ones_size(live):
    from app import fits
    from ngcore.networks import Network

    fits.run(live, lambda _: None)
    doubled = {name: 2 * tensor for name, tensor in live.network.parameters.items()}
    first = fits.Fit(live, "a", live.target.pixels, 20.0)
    twice = fits.Live(live.target, "few", live.config, 3, network=Network(live.network.architecture, doubled))
    second = fits.Fit(twice, "b", live.target.pixels, 20.0)
    assert fits.distance(first, first) == 0
    assert fits.distance(first, second) == pytest.approx(1) and fits.distance(second, first) == pytest.approx(0.5)
