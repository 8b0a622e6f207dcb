"""Training recipes end to end: cards, stops and resumes, and figures that come out again."""

import dataclasses
import json

import pytest
import torch
from torch import nn

from ngcore.cli.figures import list_figures
from ngcore.errors import CheckpointError, UnknownNameError, ZooError
from ngcore.models import build_model
from ngcore.tasks import RECIPES, evaluate, folder_of_training, load_checkpoint, run, train_recipe
from ngcore.tasks.corpus import Corpus
from ngcore.tasks.problems import Augmentation, PredictAccuracy, find_problem
from ngcore.tasks.recipes import Recipe
from ngcore.tasks.run import train_on
from ngcore.training import read_weights
from ngcore.zoo import Zoo


@pytest.fixture(autouse=True)
def own_work_folder(tmp_path, monkeypatch):
    """Let every test train from the start."""
    monkeypatch.setenv("NGCORE_WORK", str(tmp_path / "work"))


class FirstParameter(nn.Module):
    """A model whose answer is the first parameter of a network."""

    def forward(self, stacks):
        return torch.cat([stack.flatten()[:, 0] for stack in stacks])


def zoo_of(name, inrs, mixed):
    return (mixed if name in ("tiny-predict", "tiny-statistics") else inrs).folder


@pytest.mark.parametrize("name", ["tiny-classify", "tiny-edit", "tiny-predict", "tiny-statistics"])
def test_evaluation_gives_the_figures_of_the_card_again(recipes, name, inrs, mixed, tmp_path):
    folder = zoo_of(name, inrs, mixed)
    card = train_recipe(name, out=tmp_path / "out", zoo_folder=folder, device="cpu")
    assert card == json.loads((tmp_path / "out" / "card.json").read_text())
    for split in ("validation", "test"):
        measured = evaluate(load_checkpoint(tmp_path / "out", "cpu"), zoo_folder=folder, split=split)
        shown = list_figures(measured)
        for metric, figure in list_figures(card["metrics"][split]).items():
            assert shown[metric] == pytest.approx(figure, abs=1e-6)
        assert (measured["n"], measured["split"]) == (4, split)


def test_a_card_says_where_the_weights_come_from(recipes, inrs, tmp_path):
    card = train_recipe("tiny-classify", out=tmp_path / "named", zoo_folder=inrs.folder, device="cpu", seed=2, limit=3)
    assert (card["name"], card["preset"], card["task"]) == ("named", "ng-gnn-signs", "classify")
    assert card["corpus"]["sha256"] == inrs.hash
    assert card["corpus"]["counts"] == {"train": 3, "validation": 3, "test": 3}
    assert card["model"]["config"]["d_out"] == 3
    assert card["seeds"] == [2]
    assert card["training"]["config"]["seed"] == 2
    assert card["command"] == "ngcore train tiny-classify --seed 2 --limit 3"


def test_a_training_that_ran_out_of_time_twice_ends_with_the_same_bits(recipes, inrs, tmp_path, monkeypatch):
    options = {"zoo_folder": inrs.folder, "device": "cpu"}
    train_recipe("tiny-classify", out=tmp_path / "at-once", **options)
    monkeypatch.setenv("NGCORE_WORK", str(tmp_path / "other-work"))
    assert train_recipe("tiny-classify", out=tmp_path / "resumed", **options, max_seconds=0.0) is None

    def stop(event):
        if event.step >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_recipe("tiny-classify", out=tmp_path / "resumed", **options, progress=stop)
    assert not (tmp_path / "resumed").exists()
    steps = []
    train_recipe("tiny-classify", out=tmp_path / "resumed", **options, progress=lambda event: steps.append(event.step))
    assert steps[0] >= 3, "the training started again"
    at_once, resumed = read_weights(tmp_path / "at-once"), read_weights(tmp_path / "resumed")
    assert at_once.keys() == resumed.keys()
    assert all(torch.equal(at_once[name], resumed[name]) for name in at_once)


def test_seeds_and_limits_train_in_folders_of_their_own(recipes, inrs, tmp_path):
    for options in ({}, {"seed": 1}, {"limit": 2}):
        train_recipe(
            "tiny-classify", out=tmp_path / "out", zoo_folder=inrs.folder, device="cpu", max_seconds=0.0, **options
        )
    names = sorted(path.name for path in (tmp_path / "work" / "runs").iterdir() if path.is_dir())
    assert [name.split("-", 3)[3] for name in names] == ["seed0", "seed0-2", "seed1"]
    assert len({name.split("-")[2] for name in names}) == 1


def test_a_changed_recipe_does_not_go_on_with_the_old_run(recipes, inrs, tmp_path, monkeypatch):
    options = {"zoo_folder": inrs.folder, "device": "cpu", "max_seconds": 0.0, "out": tmp_path / "out"}
    train_recipe("tiny-classify", **options)
    other = dataclasses.replace(RECIPES["tiny-classify"], augmentation=Augmentation(noise=0.5))
    monkeypatch.setitem(RECIPES, "tiny-classify", other)
    train_recipe("tiny-classify", **options)
    assert sum(path.is_dir() for path in (tmp_path / "work" / "runs").iterdir()) == 2


def test_a_training_can_start_from_another_checkpoint(recipes, inrs, tmp_path, monkeypatch):
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(tmp_path / "checkpoints"))
    options = {"zoo_folder": inrs.folder, "device": "cpu"}
    first = train_recipe("tiny-classify", out=tmp_path / "checkpoints" / "tiny-classify", **options)
    still = dataclasses.replace(RECIPES["tiny-classify"].config, learning_rate=1e-30, weight_decay=0.0)
    further = dataclasses.replace(RECIPES["tiny-classify"], starts={"": "tiny-classify"}, config=still)
    monkeypatch.setitem(RECIPES, "tiny-further", further)
    second = train_recipe("tiny-further", out=tmp_path / "further", **options)
    assert second["starts"] == [{"name": "tiny-classify", "weights_sha256": first["weights_sha256"]}]
    before, after = (read_weights(tmp_path / name) for name in ("checkpoints/tiny-classify", "further"))
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in before)
    assert "starts" not in first
    repeat = train_recipe("tiny-classify", out=folder_of_training("tiny-classify", seed=1), seed=1, **options)
    third = train_recipe("tiny-further", out=tmp_path / "again", seed=1, **options)
    assert third["starts"] == [{"name": "tiny-classify-seed1", "weights_sha256": repeat["weights_sha256"]}]


def test_a_joined_model_starts_as_the_mean_of_its_parts(recipes, inrs, tmp_path, monkeypatch):
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(tmp_path / "checkpoints"))
    small = {"d_node": 8, "d_hidden": 8}
    probes = {"num_probes": 4, "generates_probes": True}
    config = dataclasses.replace(RECIPES["tiny-classify"].config, steps=1, precision="32-true", ema_decay=0.0)
    still = dataclasses.replace(config, learning_rate=1e-30, weight_decay=0.0)
    starts = {"": "sweep", "outputs.": "probes"}
    for name, recipe in {
        "sweep": Recipe.of("classify", "tiny-inrs", "ng-sweep", config, **small),
        "probes": Recipe.of("classify", "tiny-inrs", "output-probes-64", config, num_probes=4, d_hidden=8),
        "joined": Recipe.of("classify", "tiny-inrs", "ng-sweep", still, starts=starts, **small, **probes),
    }.items():
        monkeypatch.setitem(RECIPES, name, recipe)
        train_recipe(name, out=tmp_path / "checkpoints" / name, zoo_folder=inrs.folder, device="cpu")
    networks = inrs.networks([0, 1, 2])
    with torch.no_grad():
        sweep, probed, joined = (load_checkpoint(name, "cpu").model(networks) for name in ("sweep", "probes", "joined"))
    assert torch.allclose(joined, (sweep + probed) / 2, atol=1e-5) and not torch.allclose(sweep, probed, atol=1e-2)


def test_parts_that_do_not_make_up_the_model_are_refused(recipes, inrs, tmp_path, monkeypatch):
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(tmp_path / "checkpoints"))
    options = {"zoo_folder": inrs.folder, "device": "cpu"}
    train_recipe("tiny-classify", out=tmp_path / "checkpoints" / "tiny-classify", **options)
    other = dataclasses.replace(RECIPES["tiny-classify"], starts={"outputs.": "tiny-classify"})
    monkeypatch.setitem(RECIPES, "tiny-other", other)
    with pytest.raises(CheckpointError, match="tiny-classify holds weights of another model"):
        train_recipe("tiny-other", out=tmp_path / "other", **options)


@pytest.mark.parametrize("name", ["tiny-classify", "tiny-edit", "tiny-predict", "tiny-statistics"])
def test_a_model_is_standardised_by_its_training_networks_alone(recipes, name, inrs, mixed, tmp_path):
    recipe, zoo = RECIPES[name], Zoo.open(zoo_of(name, inrs, mixed))
    corpora = {split: Corpus.load(zoo, split) for split in ("train", "validation", "test")}
    trained = train_on(recipe, corpora, folder=tmp_path / "run", device="cpu").model
    architectures = [stack.architecture for stack in corpora["train"].stacks]
    untrained = build_model(dataclasses.replace(recipe.model, d_out=1), architectures)
    untrained.fit_normalisation(list(corpora["train"].stacks))
    for buffer, expected in zip(trained.buffers(), untrained.buffers(), strict=True):
        assert torch.equal(buffer, expected.half().to(buffer) if expected.is_floating_point() else expected)


def test_the_weights_are_those_that_were_best_on_validation(recipes, inrs, tmp_path):
    corpora = {split: Corpus.load(inrs, split) for split in ("train", "validation", "test")}
    config = dataclasses.replace(RECIPES["tiny-classify"].config, precision="32-true")
    trained = train_on(
        dataclasses.replace(RECIPES["tiny-classify"], config=config), corpora, folder=tmp_path / "run", device="cpu"
    )
    chosen_by = trained.result.metrics["cross_entropy"]
    assert chosen_by == pytest.approx(trained.metrics["validation"]["cross_entropy"], rel=1e-3)
    assert chosen_by != pytest.approx(trained.metrics["test"]["cross_entropy"], rel=1e-3)


def test_in_a_mixed_batch_every_network_is_held_against_its_own_target(recipes, mixed):
    """Targets are the first parameters of the networks, which is what the model answers."""

    class Difference(PredictAccuracy):
        def loss(self, model, stacks, targets, generator):
            return (model(stacks) - targets).abs().sum()

    corpus = Corpus.load(mixed, "train")
    firsts = torch.cat([mixed.networks([row]).flatten()[:, 0] for row in corpus.rows])
    recipe = dataclasses.replace(RECIPES["tiny-predict"], augmentation=Augmentation())
    loss = run._batch_loss(recipe, Difference(), corpus, firsts, torch.device("cpu"), seed=0)
    for index in ([0, 1, 2, 3], [3, 0, 2, 1], [2, 2, 0]):
        assert loss(FirstParameter(), torch.tensor(index), torch.Generator()) == 0
    assert len(firsts.unique()) == 4


def test_an_evaluation_can_be_limited_and_says_how_many_networks_it_saw(recipes, inrs, tmp_path):
    train_recipe("tiny-edit", out=tmp_path / "out", zoo_folder=inrs.folder, device="cpu")
    measured = evaluate(str(tmp_path / "out"), zoo_folder=inrs.folder, split="train", limit=2, device="cpu")
    assert (measured["n"], measured["zoo"], measured["zoo_sha256"]) == (2, "tiny-inrs", inrs.hash)


def test_an_unknown_recipe_split_or_an_empty_zoo_is_refused(recipes, inrs, tmp_path):
    with pytest.raises(UnknownNameError, match="Unknown recipe 'other'; choose from: "):
        train_recipe("other", out=tmp_path)
    with pytest.raises(ZooError, match=r"Expected a finished zoo in .*, got none\."):
        train_recipe("tiny-edit", out=tmp_path, zoo_folder=tmp_path)
    train_recipe("tiny-edit", out=tmp_path / "out", zoo_folder=inrs.folder, device="cpu")
    with pytest.raises(UnknownNameError, match="Unknown split 'all'; choose from: test, train, validation"):
        evaluate(str(tmp_path / "out"), zoo_folder=inrs.folder, split="all", device="cpu")


def test_checkpoints_are_written_in_half_precision_and_read_in_single(recipes, inrs, tmp_path):
    train_recipe("tiny-classify", out=tmp_path / "out", zoo_folder=inrs.folder, device="cpu")
    written, model = read_weights(tmp_path / "out"), load_checkpoint(tmp_path / "out", "cpu").model
    assert {tensor.dtype for tensor in written.values() if tensor.is_floating_point()} == {torch.float16}
    for name, tensor in model.state_dict().items():
        assert tensor.dtype == (torch.float32 if tensor.is_floating_point() else written[name].dtype)
        assert torch.equal(tensor, written[name].to(tensor.dtype))


def test_a_taught_model_learns_labels_and_the_teachers_answers_about_the_same_networks(
    recipes, inrs, tmp_path, monkeypatch
):
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(tmp_path / "checkpoints"))
    options = {"zoo_folder": inrs.folder, "device": "cpu"}
    first = train_recipe("tiny-classify", out=tmp_path / "checkpoints" / "tiny-classify", **options)
    taught = dataclasses.replace(RECIPES["tiny-classify"], augmentation=Augmentation(), teacher="tiny-classify")
    monkeypatch.setitem(RECIPES, "tiny-taught", taught)
    card = train_recipe("tiny-taught", out=tmp_path / "taught", **options)
    assert card["teacher"] == {"name": "tiny-classify", "weights_sha256": first["weights_sha256"]}

    corpus, problem, cpu = Corpus.load(inrs, "train"), find_problem("classify"), torch.device("cpu")
    labels = problem.targets(corpus)
    student, teacher = (load_checkpoint(tmp_path / name, cpu).model for name in ("taught", "checkpoints/tiny-classify"))
    index = torch.tensor([2, 0, 3])
    with torch.no_grad():
        loss = run._batch_loss(taught, problem, corpus, labels, cpu, seed=0)(student, index, torch.Generator())
        networks = corpus.stacks[0][corpus.row[index]]
        log_likely, said = student(networks).log_softmax(1), teacher(networks).softmax(1)
    of_labels = -log_likely.gather(1, labels[index, None]).mean()
    of_answers = -(said * log_likely).sum(1).mean()
    assert loss.item() == pytest.approx(float(0.3 * of_labels + 0.7 * of_answers), rel=1e-4)
