"""Verification: every kind of damage is found, and the file is named."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from ngcore.files import sha256_of_file
from ngcore.zoo import Zoo
from ngcore.zoo.card import hash_of
from ngcore.zoo.verification import find_problems


def reseal(zoo):
    """Write the hashes of the files as they are now into the card, as a careless tool would."""
    files = {name: sha256_of_file(zoo.folder / name) for name in zoo.card["files"]}
    card = {**zoo.card, "files": files, "hash": hash_of(files)}
    (zoo.folder / "card.json").write_text(json.dumps(card))
    return Zoo.open(zoo.folder)


def first_tensors(zoo):
    """Path and tensors of the zoo's first architecture."""
    path = zoo.tensor_path(min(zoo.architectures))
    return path, load_file(path)


def test_a_flipped_bit_is_found_in_its_file(tiny_zoo):
    path = tiny_zoo.tensor_path(min(tiny_zoo.architectures))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    (problem,) = find_problems(tiny_zoo)
    assert problem.startswith(f"{path.name}: expected sha256")
    assert problem.endswith("the file is damaged.")


def test_a_missing_file_is_named(tiny_zoo):
    (tiny_zoo.folder / "metadata.parquet").unlink()
    assert find_problems(tiny_zoo) == ["metadata.parquet: expected a file, got none."]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda tensor: tensor * torch.nan, "expected finite numbers in '0.weight', got NaN or infinity."),
        (lambda tensor: tensor[1:], "expected '0.weight' of shape "),
        (lambda tensor: tensor.flatten(1), "expected '0.weight' of shape "),
    ],
)
def test_tensors_that_are_not_what_the_card_says_are_found_behind_right_hashes(tiny_zoo, change, problem):
    path, tensors = first_tensors(tiny_zoo)
    save_file({**tensors, "0.weight": change(tensors["0.weight"]).contiguous()}, path)
    (found,) = find_problems(reseal(tiny_zoo))
    assert found.startswith(f"{path.name}: {problem}")


def test_missing_tensors_are_found(tiny_zoo):
    path, tensors = first_tensors(tiny_zoo)
    del tensors["0.bias"]
    save_file(tensors, path)
    (found,) = find_problems(reseal(tiny_zoo))
    assert found.startswith(f"{path.name}: expected the tensors ['0.bias', ")


def test_metadata_that_contradicts_the_card_is_found(tiny_zoo):
    table = tiny_zoo.metadata
    table.loc[13, ["id", "row"]] = ["tiny/000", 7]
    table.iloc[:14].to_parquet(tiny_zoo.folder / "metadata.parquet")
    problems = find_problems(reseal(tiny_zoo))
    assert problems == [
        "metadata.parquet: expected an id of its own for every network, got one twice.",
        f"metadata.parquet: expected the rows 0 … 3 of {table['architecture'][13]} once each, got others.",
    ]
