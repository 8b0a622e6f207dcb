"""A split in memory: items stay what they are in the zoo, whatever their architectures."""

import pytest
import torch

from ngcore.errors import ZooError
from ngcore.tasks.corpus import Corpus


def test_a_batch_gives_back_every_network_at_its_place(mixed):
    corpus = Corpus.load(mixed, "test")
    index = torch.tensor([3, 0, 2, 3])
    found = {}
    for network, places in corpus.batch(index, "cpu"):
        assert len(network) == len(places)
        for i, place in enumerate(places.tolist()):
            found[place] = network[i]
    assert sorted(found) == [0, 1, 2, 3]
    for place, item in enumerate(index.tolist()):
        assert found[place].equals(mixed.networks([corpus.rows[item]]))


def test_columns_are_in_the_order_of_the_items(mixed):
    corpus = Corpus.load(mixed, "validation")
    assert corpus.column("accuracy").tolist() == pytest.approx([0.2, 0.25, 0.3, 0.35])


def test_chunks_go_through_all_items_once(inrs):
    corpus = Corpus.load(inrs, "train")
    assert [chunk.tolist() for chunk in corpus.chunks(3)] == [[0, 1, 2], [3]]


def test_a_limit_takes_the_first_networks_of_the_split(inrs):
    corpus = Corpus.load(inrs, "test", limit=2)
    assert corpus.rows.tolist() == [8, 9]
    assert corpus.describe() == {"name": "tiny-inrs", "sha256": inrs.hash, "split": "test", "n": 2}


def test_a_split_without_networks_is_refused_with_its_folder(inrs):
    with pytest.raises(ZooError) as error:
        Corpus.load(inrs, "test", limit=0)
    assert str(error.value) == f"Expected networks in the test split of tiny-inrs ({inrs.folder}), got none."


def test_a_zoo_is_known_by_its_hash_and_not_by_its_name(inrs, tmp_path):
    from ngcore.tasks import difference_of_corpora
    from ngcore.zoo import write_sample

    card = {"name": "m", "corpus": {"name": inrs.name, "sha256": inrs.hash, "recipe": inrs.card["recipe"]}}
    sample = write_sample(inrs, tmp_path / "sample", {"test": 2})
    assert difference_of_corpora(card, inrs) is None
    assert difference_of_corpora(card, sample) is None
    grown = {**card, "corpus": {**card["corpus"], "sha256": "0" * 64}}
    assert "was built by the recipe that m saw, with other networks" in difference_of_corpora(grown, inrs)
    other = difference_of_corpora({**card, "corpus": {**grown["corpus"], "recipe": {}}}, inrs)
    assert f"({inrs.hash[:8]}) is not the {inrs.name} (00000000) that m was trained on" in other
