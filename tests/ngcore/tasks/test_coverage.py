"""Coverage by family, and the firing rates of the flag, on constructed cases."""

import dataclasses

import numpy as np
import pytest
import torch
from tiny_checkpoints import write_tiny_checkpoint

from ngcore.networks import Activation, Architecture, Linear, Network, Step, mlp, small_cnn
from ngcore.tasks import family_of, load_checkpoint, measure_firing, strangers_of
from ngcore.tasks.coverage import measure_coverage
from ngcore.tasks.reading import Reading, runs_of
from ngcore.tasks.reference import PARTS, Reference
from ngcore.tasks.strangers import OWN
from ngcore.tasks.traits import TRAITS, measure_traits
from ngcore.testing import random_network


def reading_of(answers, truth, runs, families):
    count = len(runs)
    return Reading(
        torch.tensor(answers),
        torch.tensor(truth),
        torch.zeros(count, 2),
        torch.zeros(count, 9),
        np.array(runs),
        np.array(families),
        np.arange(count),
    )


def test_each_family_is_covered_by_its_own_quantile_and_runs_count_alike():
    """MLPs: ± 0.11 covers both checkpoints of run 0, one of run 1's two: (1 + 1/2) / 2. CNNs: ± 0.31 covers all."""
    levels = {"mlp": 0.11, "cnn": 0.31, "all": 0.2}
    card = {
        "conformal": {
            "kind": "interval",
            "spread": {"predicted": [0.5], "residual": [1.0]},
            "quantiles": {key: {"runs": 9, "networks": 9, "levels": {"0.9": q}} for key, q in levels.items()},
        }
    }
    truth = [0.5, 0.6, 0.55, 0.65, 0.79, 0.21]
    reading = reading_of([[0.5]] * 6, truth, [0, 0, 1, 1, 2, 3], ["mlp"] * 4 + ["cnn"] * 2)
    rows = {row.group: row for row in measure_coverage(card, reading)}
    assert (rows["mlp"].coverage, rows["cnn"].coverage, rows["all"].coverage) == (0.75, 1.0, 3.5 / 4)
    assert (rows["mlp"].runs, rows["mlp"].networks, rows["mlp"].size) == (2, 4, pytest.approx(0.22))
    assert rows["all"].to_dict()["calibrated_on"] == 9


def test_sets_of_classes_are_counted_with_the_likeliest_class_always_in():
    """At least 0.4 or the likeliest: {0}, {0, 1}, {1}; the truth is in two of the three."""
    group = {"runs": 99, "networks": 99, "levels": {"0.9": 0.6}}
    card = {"conformal": {"kind": "classes", "temperature": 1.0, "quantiles": {"all": group}}}
    answers = [[0.8, 0.1, 0.1], [0.45, 0.4, 0.15], [0.32, 0.35, 0.33]]
    (row,) = measure_coverage(card, reading_of(answers, [0, 1, 2], [0, 1, 2], ["inr"] * 3))
    assert (row.coverage, row.size, row.high) == (pytest.approx(2 / 3), pytest.approx(4 / 3), 1.0)


def test_families_are_read_off_the_layers():
    from dag_architectures import DAGS

    families = {name: family_of(architecture) for name, architecture in DAGS.items()}
    assert families["vision transformer"] == families["transformer"] == "transformer"
    assert (families["lstm"], families["gru"], families["rnn_relu"]) == ("lstm", "gru", "rnn")
    assert families["unet"] == family_of(small_cnn()) == "cnn"
    assert (family_of(mlp((2, 3, 1))), family_of(mlp((4, 3, 2)))) == ("inr", "mlp")


def test_traits_are_those_on_paper():
    """2-3-1 of 13 parameters, all weights 2: W₁ 2 · √2, W₂ 2 · √3; biases 0.1."""
    network = random_network(mlp((2, 3, 1)), 2).map(lambda tensor: torch.full_like(tensor, 2.0))
    network = network.having(
        {**network.parameters, "0.bias": torch.full((2, 3), 0.1), "2.bias": torch.full((2, 1), 0.1)}
    )
    found = dict(zip(TRAITS, (10 ** measure_traits(network))[1].tolist(), strict=True))
    assert found["layers"] == pytest.approx(1)  # hidden ones
    assert (found["widest"], found["parameters"]) == (pytest.approx(3), pytest.approx(13))
    assert found["smallest weights"] == pytest.approx(2 * 2**0.5)
    assert found["largest weights"] == found["last weights"] == pytest.approx(2 * 3**0.5)
    assert found["biases"] == pytest.approx(0.1)


def test_wider_networks_with_the_usual_initialisation_have_weights_of_one_size():
    from torch import nn

    sizes = []
    for width in (16, 256):
        own = mlp((8, width, width, 4))
        module = nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 4))
        network = Network(own, {name: tensor.detach()[None] for name, tensor in module.state_dict().items()})
        sizes.append(measure_traits(network)[0, list(TRAITS).index("mean weights")])
    assert abs(sizes[0] - sizes[1]) < 0.05


def test_a_network_without_biases_or_hidden_layers_has_traits():
    step = Step(Linear(2, 3, bias=False), (0,), "0")
    lone = Architecture(((2,),), (step, Step(Activation("relu"), (1,))), (2,))
    assert measure_traits(random_network(lone)).isfinite().all()


def test_a_reference_sees_far_embeddings_and_odd_traits_and_little_else():
    """Embeddings and traits of a round cloud; one network far away in each respect; 5 % of new ones are flagged."""
    generator = torch.Generator().manual_seed(0)

    def draw(count):
        return torch.randn(count, 6, generator=generator) + 3, torch.randn(count, 9, generator=generator)

    reference = Reference.fit(draw(400), draw(300), np.arange(300))
    usual = reference.p_values(*draw(1000))["all"]
    assert 0.02 < (usual < 0.05).mean() < 0.09
    embeddings, traits = draw(2)
    embeddings[0] *= -1
    traits[1] += 9
    found = reference.p_values(embeddings, traits)
    assert found["all"].tolist() == [1 / 301, 1 / 301]
    assert (found["angle of the embedding"][0], found["traits"][1]) == (1 / 301, 1 / 301)
    assert found["traits"][0] > 0.01
    assert set(found) == {"all", *PARTS}
    assert len(reference.unusual_traits(traits[1])) > 5
    assert reference.unusual_traits(reference.trait_mean) == []


def test_a_reference_read_back_is_the_same(tmp_path):
    generator = torch.Generator().manual_seed(0)
    cloud = torch.randn(60, 6, generator=generator), torch.randn(60, 9, generator=generator)
    reference = Reference.fit(cloud, cloud, np.repeat(np.arange(20), 3))
    again = Reference.load(tmp_path, reference.save(tmp_path))
    assert again.num_runs == 20
    for field in dataclasses.fields(reference):
        torch.testing.assert_close(
            getattr(again, field.name).double(), getattr(reference, field.name).double(), rtol=1e-6, atol=1e-6
        )


@pytest.fixture(scope="module")
def inrs_of_many(tmp_path_factory):
    """Thirty SIRENs in each split, with 6 × 6 images as their originals."""
    from ngcore.inr.siren import initial_siren
    from ngcore.networks import siren
    from ngcore.zoo import SPLITS, ZooWriter

    folder = tmp_path_factory.mktemp("zoos") / "many"
    rows = [{"id": f"many/{i:03d}", "split": SPLITS[i % 3], "label": i % 2, "image": i} for i in range(90)]
    writer = ZooWriter(folder, name="many", recipe={"kind": "inr", "seed": 0})
    writer.write_part("all", [(initial_siren(siren((2, 8, 8, 1)), 0, 90, seed=0), rows)])
    zoo = writer.finish(["all"], {"kind": "inr", "class_names": ("a", "b")})
    np.save(folder / "images.npy", np.random.default_rng(0).integers(0, 256, (90, 6, 6), dtype=np.uint8))
    return zoo


def test_firing_rates_say_which_networks_a_model_takes_for_its_own(inrs_of_many, tmp_path, monkeypatch):
    from ngcore.inr import FitConfig
    from ngcore.tasks import calibrate_checkpoint, strangers

    monkeypatch.setattr(strangers, "MATCHED_RECIPE", FitConfig(steps=4))
    write_tiny_checkpoint(tmp_path / "model", inrs_of_many, task="classify", d_out=2)
    calibrate_checkpoint(tmp_path / "model", zoo_folder=inrs_of_many.folder, device="cpu", replace=True)
    kinds = strangers_of(inrs_of_many, count=4)
    assert len(kinds) > 12
    assert {sum(map(len, stacks)) for name, stacks in kinds.items() if name != OWN} == {4}
    rows = {
        row.networks: row for row in measure_firing(load_checkpoint(tmp_path / "model", "cpu"), kinds, inrs_of_many)
    }
    assert rows[OWN].n == 30
    assert rows[OWN].by_p_value < 0.3
    for name in ("weights × 0.5", "same function, 4 × as wide", "fitted at width 64", "fitted with ω₀ 15"):
        assert rows[name].flagged == 1.0, name
    assert rows["weights × 0.5"].to_dict()["by_part"]["traits"] == 1.0


def test_runs_of_several_zoos_are_told_apart(inrs_of_many, monkeypatch):
    from ngcore.tasks.corpus import Corpus

    corpus = Corpus.load(inrs_of_many, "test")
    table = inrs_of_many.metadata.assign(run=0, zoo=["a", "b"] * 45)
    monkeypatch.setitem(inrs_of_many.__dict__, "metadata", table)
    assert runs_of(inrs_of_many, corpus.rows).tolist() == [i % 2 for i in corpus.rows]
