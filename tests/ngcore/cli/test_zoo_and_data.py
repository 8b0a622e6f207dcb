"""`ngcore zoo` and `ngcore data`: what is built, described, checked, sampled and fetched."""

import numpy as np
import pytest


def test_info_counts_networks_by_split_and_label(run):
    described = run("zoo", "info", "tiny-inrs", "--json").json
    assert described["splits"] == {"train": 4, "validation": 4, "test": 4}
    assert described["accuracy"] is None
    shown = run("zoo", "info", "tiny-inrs").stdout
    assert "12 networks, 1 flagged" in shown
    assert "PSNR (dB)" in shown


def test_list_says_which_zoos_are_here(run, shelf):
    listed = {zoo["name"]: zoo for zoo in run("zoo", "list", "--json").json}
    assert listed["tiny-inrs"]["num_networks"] == 12
    assert listed["tiny-inrs"]["folder"] == str(shelf / "zoos" / "tiny-inrs")


def test_verify_finds_a_damaged_file_and_ends_with_code_1(run, tmp_path):
    from tiny_zoos import write_inrs

    write_inrs(tmp_path / "broken")
    assert run("zoo", "verify", tmp_path / "broken").code == 0
    weights = next((tmp_path / "broken").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-4] + b"ruin")
    outcome = run("zoo", "verify", tmp_path / "broken", "--json")
    assert outcome.code == 1
    assert "the file is damaged" in outcome.json["problems"][0]
    assert "the file is damaged" in run("zoo", "verify", tmp_path / "broken").stdout


def test_a_sample_has_the_first_networks_with_their_images(run, shelf, tmp_path):
    from ngcore.zoo import Zoo

    outcome = run("zoo", "sample", "tiny-inrs", "--test", "2", "--train", "1", "--out", tmp_path / "cut", "--json")
    assert outcome.json["num_networks"] == 3
    sample = Zoo.open(tmp_path / "cut")
    assert sample.metadata["id"].tolist() == ["tiny-inrs/000000", "tiny-inrs/000008", "tiny-inrs/000009"]
    whole = np.load(shelf / "zoos" / "tiny-inrs" / "images.npy")
    assert np.array_equal(np.load(tmp_path / "cut" / "images.npy"), whole[[0, 8, 9]])
    again = run("zoo", "sample", "tiny-inrs", "--test", "2", "--out", tmp_path / "cut")
    assert again.code == 1
    assert "delete it to take another sample" in again.stderr


def test_merged_zoos_are_found_by_their_new_name(run, tmp_path):
    from accuracy_zoos import write_runs

    folders = [write_runs(tmp_path / name, groups=5, seed=seed).folder for seed, name in enumerate(("first", "second"))]
    outcome = run("zoo", "merge", *folders, "--name", "both", "--json")
    assert outcome.json["num_networks"] == 2 * 5 * 4 * 3
    assert run("zoo", "info", "both", "--json").json["num_networks"] == 120
    assert "at least two zoos to merge, got 1" in run("zoo", "merge", folders[0]).stderr


@pytest.fixture
def built(monkeypatch, shelf):
    """What the builds of zoos are called with."""
    import ngcore.zoo
    from ngcore.zoo import Zoo

    calls = []

    def build(name, folder, **options):
        options.pop("progress")(1, 2)
        calls.append((name, str(folder), options))
        return Zoo.open(shelf / "zoos" / "tiny-inrs")

    monkeypatch.setattr(ngcore.zoo, "build_inr_zoo", build)
    monkeypatch.setattr(ngcore.zoo, "build_classifier_zoo", build)
    return calls


def test_inrs_are_built_by_the_published_recipe_unless_another_is_asked_for(run, built, shelf):
    from ngcore.inr import MATCHED_RECIPE, FitConfig
    from ngcore.workers import Workers

    run("zoo", "build", "mnist-inrs", "--count", "20,4,5", "--workers", "2", "--seed", "3")
    run("zoo", "build", "mnist-inrs", "--count", "20", "--recipe", "cheap", "--steps", "7", "--out", "elsewhere")
    run("zoo", "build", "mnist-inrs", "--count", "20", "--recipe", "matched")
    (name, folder, first), (_, elsewhere, second), (_, _, third) = built
    assert (name, folder, elsewhere) == ("mnist-inrs", str(shelf / "zoos" / "mnist-inrs"), "elsewhere")
    workers = Workers(processes=2)
    assert first == {"count": (20, 4, 5), "config": FitConfig(), "seed": 3, "device": "cpu", "workers": workers}
    assert (second["count"], second["config"]) == (20, FitConfig(sampling="cells", steps=7))
    assert third["config"] == MATCHED_RECIPE


def test_cnns_are_built_by_runs(run, built):
    from ngcore.workers import Workers

    cluster = ["--scheduler", "tcp://10.0.0.1:8786"]
    run("zoo", "build", "cifar10-gs-cnns", "--count", "24", "--passes", "4", "--seed", "5", *cluster)
    options = built[0][2]
    assert (options["runs"], options["config"].passes, options["config"].seed) == (24, 4.0, 5)
    assert options["workers"] == Workers(scheduler="tcp://10.0.0.1:8786")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mnist-inrs", "--count", "many"], "Expected --count as one number or as train,validation,test, got 'many'."),
        (["cifar10-gs-cnns", "--count", "1,2,3"], "Expected one number of runs as --count of cifar10-gs-cnns, got"),
        (["cifar10-gs-cnns", "--recipe", "cheap"], "Expected no --recipe for cifar10-gs-cnns: it is for INRs;"),
        (["cifar10-gs-cnns", "--steps", "7"], "Expected no --steps for cifar10-gs-cnns: it is for INRs; use --passes."),
        (["mnist-inrs", "--passes", "7"], "Expected no --passes for mnist-inrs: it is for CNNs; use --steps."),
        (
            ["mnist"],
            "Unknown zoo to build 'mnist'; choose from: cifar10-gs-cnns, cifar10-inrs, cnn-park, fashion-families,",
        ),
    ],
)
def test_a_build_that_makes_no_sense_is_refused(run, built, arguments, message):
    outcome = run("zoo", "build", *arguments)
    assert (outcome.code, built) == (1, [])
    assert outcome.stderr.startswith(f"Error: {message}")


def test_a_contact_sheet_that_exists_is_kept_unless_it_may_be_replaced(run, tmp_path):
    sheet = tmp_path / "sheet.png"
    sheet.write_bytes(b"mine")
    refused = run("zoo", "info", "tiny-inrs", "--sheet", sheet)
    assert (refused.code, sheet.read_bytes()) == (1, b"mine")
    assert "add --replace or choose another --sheet" in refused.stderr
    assert run("zoo", "info", "tiny-inrs", "--sheet", sheet, "--replace").code == 0
    assert sheet.read_bytes().startswith(b"\x89PNG")


def test_a_half_built_zoo_is_said_to_be_unfinished_with_the_command_that_continues_it(run, tmp_path, monkeypatch):
    monkeypatch.setenv("NGCORE_ZOOS", str(tmp_path))
    (tmp_path / "half" / ".parts").mkdir(parents=True)
    named = run("zoo", "info", "half")
    assert named.code == 1
    assert "was not finished; run ngcore zoo build half again" in named.stderr
    assert named.stderr.removeprefix("Error: ") in run("zoo", "list").stderr
    as_folder = run("zoo", "info", tmp_path / "half").stderr
    assert f"was not finished; run the same ngcore zoo build --out {tmp_path / 'half'} again" in as_folder


def test_fetched_images_are_described(run, tmp_path, monkeypatch):
    images = np.zeros((3, 28, 28), np.uint8)
    np.savez(tmp_path / "mnist.npz", x_train=images, y_train=np.arange(3), x_test=images[:2], y_test=np.arange(2))
    monkeypatch.setenv("NGCORE_DATA", str(tmp_path))
    (described,) = run("data", "fetch", "mnist", "--json").json
    assert described.pop("sha256")
    assert described == {
        "name": "mnist",
        "num_train": 3,
        "num_test": 2,
        "shape": "28×28",
        "num_classes": 10,
        "note": "",
    }
    outcome = run("data", "fetch", "imagenet")
    assert outcome.stderr == "Error: Unknown image set 'imagenet'; choose from: cifar10, fashion-mnist, mnist.\n"


def test_one_bad_name_of_several_is_named_and_the_others_are_fetched(run, tmp_path, monkeypatch):
    images = np.zeros((3, 28, 28), np.uint8)
    np.savez(tmp_path / "mnist.npz", x_train=images, y_train=np.arange(3), x_test=images[:2], y_test=np.arange(2))
    monkeypatch.setenv("NGCORE_DATA", str(tmp_path))
    outcome = run("data", "fetch", "imagenet", "mnist", "--json")
    assert outcome.code == 1
    assert [entry["name"] for entry in outcome.json] == ["mnist"]
    assert outcome.stderr.startswith("Error: Unknown image set 'imagenet'; ")


def test_a_folder_becomes_a_zoo_that_all_commands_find_by_its_name(run, shelf, tmp_path):
    from ngcore.upload import export_network
    from ngcore.zoo import Zoo

    zoo = Zoo.open(shelf / "zoos" / "tiny-inrs")
    for i in range(3):
        export_network(zoo.networks([i]), tmp_path / f"net-{i}.safetensors")
    (tmp_path / "bad.npz").write_bytes(b"nothing")
    (tmp_path / "labels.csv").write_text("file,label,accuracy\nnet-0.safetensors,one,0.5\nnet-1.safetensors,two,\n")
    outcome = run("zoo", "import", tmp_path, "--name", "mine", "--labels", tmp_path / "labels.csv", "--json")
    assert (outcome.json["num_networks"], outcome.json["num_files"]) == (3, 4)
    assert list(outcome.json["refused"]) == ["bad.npz"] and "bad.npz" in outcome.stderr
    assert run("zoo", "info", "mine", "--json").json["num_networks"] == 3
    assert "Expected a .csv or .parquet file" in run("zoo", "import", tmp_path, "--labels", tmp_path / "bad.npz").stderr
