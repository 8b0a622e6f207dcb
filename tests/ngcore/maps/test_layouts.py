"""Layouts of networks in the plane, their cache, their neighbours, and newcomers on a fitted map."""

import inspect

import pytest
import torch

from ngcore.errors import DataError, ShapeMismatchError, UnknownNameError
from ngcore.maps import layouts
from ngcore.maps.layouts import (
    MapParameters,
    fit_map,
    fitted_rows,
    hash_features,
    is_fitted,
    nearest,
    place,
    principal_axes,
)
from ngcore.paths import cache_folder

pytestmark = pytest.mark.xdist_group("umap")  # one process compiles it once


@pytest.fixture
def clusters(generator):
    """Forty points in eight dimensions, in two groups far from each other."""
    points = torch.randn(40, 8, generator=generator)
    points[20:] += 30
    return points


def test_the_first_principal_axis_is_the_direction_of_largest_variance_with_its_largest_entry_positive():
    """Points on the line (t, -2t): the axis is (-1, 2) / √5, and their coordinates are √5 · t up to the mean."""
    t = torch.tensor([-1.0, 0.0, 1.0])
    points = torch.stack([-t, 2 * t], dim=1)
    axis = principal_axes(points)[:, 0]
    torch.testing.assert_close(axis, torch.tensor([-1.0, 2.0]) / 5**0.5)
    coordinates = fit_map(points, method="pca").coordinates
    torch.testing.assert_close(coordinates[:, 0], 5**0.5 * t)


@pytest.mark.parametrize("shape", [(30, 6), (6, 30)], ids=["more networks", "more features"])
def test_principal_components_have_the_variances_that_a_singular_value_decomposition_gives(shape, generator):
    features = torch.randn(shape, generator=generator)
    components = fit_map(features, method="pca").components
    singular = torch.linalg.svdvals(features - features.mean(dim=0))[: components.shape[1]]
    torch.testing.assert_close(components.norm(dim=0)[:5], singular[:5], rtol=1e-4, atol=1e-4)


def test_the_leading_axes_of_large_features_are_those_of_the_exact_decomposition(monkeypatch, generator):
    features = torch.randn(60, 40, generator=generator) * torch.logspace(1, -2, 40)
    exact = principal_axes(features, num_components=3)
    monkeypatch.setattr(layouts, "LARGEST_EXACT_PCA", 10)
    torch.testing.assert_close(principal_axes(features, num_components=3), exact, rtol=1e-3, atol=1e-3)


def test_features_of_one_number_lie_on_a_line():
    assert fit_map(torch.tensor([[1.0], [3.0]]), method="pca").coordinates.tolist() == [[-1.0, 0.0], [1.0, 0.0]]


def test_umap_keeps_groups_apart_and_gives_the_same_map_twice(clusters):
    fit = fit_map(clusters, method="umap", use_cache=False)
    assert fit.coordinates.shape == (40, 2)
    first, second = fit.coordinates[:20].mean(dim=0), fit.coordinates[20:].mean(dim=0)
    assert (first - second).norm() > fit.coordinates[:20].std(dim=0).max()
    again = fit_map(clusters, method="umap", use_cache=False)
    assert torch.equal(fit.coordinates, again.coordinates)
    assert repr(fit) == "MapFit(umap: 40 networks, 8 features)"
    placed = place(fit, clusters[:3])  # by UMAP's own transform, as it was fitted here
    assert (placed - first).norm(dim=1).max() < (placed - second).norm(dim=1).min()


def test_a_fit_is_read_from_the_cache_by_its_content(monkeypatch, clusters):
    assert not is_fitted(clusters)
    fit = fit_map(clusters)
    assert is_fitted(clusters) and not is_fitted(clusters + 1) and not is_fitted(clusters, seed=1)
    monkeypatch.setattr(layouts, "_fit_umap", lambda *_: pytest.fail("fitted again"))
    cached = fit_map(clusters)
    assert torch.equal(cached.coordinates, fit.coordinates)
    assert cached.reducer is None


def test_a_damaged_file_in_the_cache_is_fitted_anew(monkeypatch, clusters):
    monkeypatch.setattr(layouts, "_fit_umap", lambda components, *_: (components[:, :2], None))
    features = clusters * 2
    fit_map(features)
    (path,) = (cache_folder() / "maps").glob("*.npy")
    path.write_bytes(b"\x93NUMPY broken")
    assert len(fit_map(features)) == 40
    assert not list(path.parent.glob("*.tmp"))


def test_known_coordinates_are_taken_without_a_fit(monkeypatch, clusters):
    monkeypatch.setattr(layouts, "_fit_umap", lambda *_: pytest.fail("fitted"))
    known = clusters[:, 3:5]
    assert torch.equal(fit_map(clusters, known=known).coordinates, known)


def test_tsne_keeps_clusters_apart_and_its_fits_are_cached_apart_from_those_of_umap(clusters):
    parameters = MapParameters(perplexity=5.0)
    fit = fit_map(clusters, method="tsne", parameters=parameters)
    assert fit.coordinates.shape == (40, 2)
    first, second = fit.coordinates[:20].mean(dim=0), fit.coordinates[20:].mean(dim=0)
    assert (fit.coordinates[:20] - first).norm(dim=1).max() < (fit.coordinates[:20] - second).norm(dim=1).min()
    assert is_fitted(clusters, method="tsne", parameters=parameters)
    assert not is_fitted(clusters, method="tsne") and not is_fitted(clusters, parameters=parameters)


def test_a_map_of_many_networks_is_fitted_to_a_sample_and_the_others_are_placed_among_it(monkeypatch, clusters):
    seen = []

    def fit(components, seed, parameters):
        seen.append(len(components))
        return components[:, : parameters.dimensions].clone(), "a reducer of the sample"

    monkeypatch.setattr(layouts, "_fit_umap", fit)
    made = fit_map(clusters, parameters=MapParameters(max_fitted=20), use_cache=False)
    assert seen == [20] and made.reducer is None
    rows = fitted_rows(40, MapParameters(max_fitted=20))
    assert (rows[0], rows[-1], len(rows)) == (0, 39, 20)
    assert torch.equal(made.coordinates[rows], made.components[rows, :2])
    first, second = made.coordinates[:20].mean(dim=0), made.coordinates[20:].mean(dim=0)
    assert (made.coordinates[:20] - first).norm(dim=1).max() < (made.coordinates[:20] - second).norm(dim=1).min()


def test_pca_in_three_dimensions_has_the_leading_components(clusters):
    fit = fit_map(clusters, method="pca", parameters=MapParameters(dimensions=3))
    assert torch.equal(fit.coordinates, fit.components[:, :3])
    torch.testing.assert_close(place(fit, clusters[:2]), fit.coordinates[:2])


def test_placing_on_a_pca_map_is_exact(clusters):
    fit = fit_map(clusters, method="pca")
    torch.testing.assert_close(place(fit, clusters[5:9]), fit.coordinates[5:9])


def test_placing_on_a_known_umap_is_a_mean_of_near_networks_and_finds_a_fitted_one_again(clusters):
    fit = fit_map(clusters, known=torch.arange(80.0).reshape(40, 2))
    torch.testing.assert_close(place(fit, clusters[7:8]), fit.coordinates[7:8], rtol=1e-3, atol=1e-3)
    newcomer = place(fit, clusters[25:26] + 0.01)
    assert 40 <= newcomer[0, 0] <= 80


def test_networks_of_the_largest_numbers_are_placed_somewhere_finite(clusters):
    fit = fit_map(clusters, known=torch.arange(80.0).reshape(40, 2))
    features = torch.stack([torch.full_like(clusters[0], 3e38), -torch.full_like(clusters[0], 3e38)])
    assert place(fit, features).isfinite().all()


def test_the_nearest_networks_are_found_in_order():
    features = torch.tensor([[0.0, 0.0], [3.0, 4.0], [1.0, 0.0], [0.0, -2.0]])
    indices, distances = nearest(features, features[:1], 3, metric="euclidean")
    assert indices.tolist() == [[0, 2, 3]]
    assert distances.tolist() == [[0.0, 1.0, 2.0]]


def test_the_cosine_between_mean_free_features_ignores_their_lengths():
    features = torch.tensor([[1.0, 0.0], [-2.0, 0.0], [0.0, 3.0], [1.0, -3.0]])  # mean 0
    indices, distances = nearest(features, torch.tensor([[10.0, 0.0]]), 10)
    assert indices.tolist() == [[0, 3, 2, 1]]
    torch.testing.assert_close(distances[0, [0, 2, 3]], torch.tensor([0.0, 1.0, 2.0]))


def test_equal_features_have_equal_hashes_and_other_shapes_others():
    features = torch.arange(6.0)
    assert hash_features(features.reshape(2, 3)) == hash_features(features.reshape(2, 3).double())
    assert hash_features(features.reshape(2, 3)) != hash_features(features.reshape(3, 2))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: fit_map(x[:9]), DataError, "Expected at least 10 networks for a umap map, got 9."),
        (
            lambda x: fit_map(torch.where(x == x[3, 2], torch.nan, x), method="pca"),
            DataError,
            "Expected finite features, got NaN or infinity for network 3 of 40.",
        ),
        (
            lambda x: place(fit_map(x, method="pca"), x[:, :4]),
            ShapeMismatchError,
            "Expected 8 features per network, got 4.",
        ),
        (lambda x: nearest(x, x[:1, :4]), ShapeMismatchError, "Expected 8 features per query, got 4."),
    ],
)
def test_what_cannot_be_mapped_is_refused_with_the_reason(call, error, message, clusters):
    with pytest.raises(error) as caught:
        call(clusters)
    assert str(caught.value) == message


def test_an_unknown_method_is_refused_with_the_choices(clusters):
    with pytest.raises(UnknownNameError, match=r"^Unknown map method 'mds'; choose from: pca, tsne, umap\.$"):
        inspect.unwrap(fit_map)(clusters, method="mds")  # without the check of types that tests add
