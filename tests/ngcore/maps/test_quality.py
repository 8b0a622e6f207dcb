"""How far a map may be trusted, and which networks are lonely."""

import math

import numpy as np
import pytest
import torch

from ngcore.maps.layouts import MapParameters, fit_map
from ngcore.maps.quality import MapQuality, judge_map, outlier_scores, share_of_variance, stability


@pytest.fixture
def clusters(generator):
    """Two far clusters of 30 networks with 6 features each, and their labels."""
    noise = 0.1 * torch.randn(60, 6, generator=generator)
    return noise + 5.0 * torch.arange(2).repeat_interleave(30)[:, None], np.repeat([0, 1], 30)


def test_a_map_that_keeps_neighbourhoods_is_trustworthy_and_one_that_shuffles_them_is_not(clusters, generator):
    features, labels = clusters
    flat = fit_map(features[:, :2], method="pca")
    assert judge_map(flat).trustworthiness == pytest.approx(1.0)
    order = torch.randperm(60, generator=generator)
    shuffled = fit_map(features, known=fit_map(features, method="pca").coordinates[order])
    quality = judge_map(shuffled, labels, with_stability=False)
    assert quality.trustworthiness < 0.8
    assert quality.knn_features == 1.0 and quality.knn_map < 0.8 and quality.chance == 0.5


def test_without_labels_there_are_no_figures_of_labels(clusters):
    quality = judge_map(fit_map(clusters[0], method="pca"), np.full(60, -1))
    assert math.isnan(quality.knn_map) and math.isnan(quality.chance) and not math.isnan(quality.variance)


def test_the_axes_of_pca_hold_all_variance_of_two_features_and_less_of_noise(generator):
    assert share_of_variance(fit_map(torch.randn(50, 2, generator=generator), method="pca")) == pytest.approx(1.0)
    share = share_of_variance(fit_map(torch.randn(500, 10, generator=generator), method="pca"))
    assert 0.2 < share < 0.35


def test_stability_compares_two_layouts_by_their_neighbourhoods(monkeypatch, clusters):
    from ngcore.maps import layouts

    monkeypatch.setattr(layouts, "_fit_umap", lambda components, seed, parameters: (components[:, :2].clone(), None))
    assert stability(fit_map(clusters[0], method="umap", use_cache=False)) == 1.0

    def shuffle(components, seed, parameters):
        return components[torch.randperm(len(components), generator=torch.Generator().manual_seed(seed)), :2], None

    monkeypatch.setattr(layouts, "_fit_umap", shuffle)
    fit = fit_map(clusters[0] + 1, method="umap", use_cache=False, parameters=MapParameters(num_neighbours=5))
    assert stability(fit) < 0.5


def test_figures_are_stored_as_numbers_and_come_back():
    quality = MapQuality(num_networks=12, trustworthiness=0.5, stability=0.25)
    again = MapQuality.from_array(quality.to_array())
    assert (again.num_networks, again.trustworthiness, again.stability) == (12, 0.5, 0.25)
    assert math.isnan(again.variance)


def test_the_lonely_network_has_the_largest_outlier_score(clusters):
    features = torch.cat([clusters[0], torch.full((1, 6), 2.5)])
    scores = outlier_scores(features)
    assert scores.argmax() == 60 and scores[60] > 2 and np.median(scores) == pytest.approx(1, abs=0.2)
    assert np.isnan(outlier_scores(features[:2])).all()
