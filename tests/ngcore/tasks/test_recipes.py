"""The recipes: complete, of known presets and zoos, and refused by a name that is none."""

import pytest

from ngcore.errors import UnknownNameError
from ngcore.models import PRESETS, preset
from ngcore.tasks import PROBLEMS, RECIPES, find_recipe
from ngcore.tasks.recipes import Recipe
from ngcore.training import TrainConfig
from ngcore.zoo import CLASSIFIER_ZOOS, INR_ZOOS


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_of_a_known_task_zoo_and_preset_with_a_head_that_fits(name):
    recipe = find_recipe(name)
    assert recipe.task in PROBLEMS
    assert recipe.preset in PRESETS
    assert recipe.zoo in (CLASSIFIER_ZOOS if recipe.task == "predict" else INR_ZOOS)
    assert (recipe.model.head == "parameters") == (recipe.task == "edit")


def test_a_recipe_is_a_preset_with_changes():
    recipe = Recipe.of("classify", "mnist-inrs", "ng-gnn", TrainConfig(steps=1), d_node=16)
    assert recipe.model == preset("ng-gnn", d_node=16)
    assert (recipe.augmentation.noise, recipe.augmentation.weight_dropout) == (0.0, 0.0)


def test_an_unknown_recipe_is_refused_with_all_choices():
    with pytest.raises(UnknownNameError) as error:
        find_recipe("mnist")
    assert str(error.value) == f"Unknown recipe 'mnist'; choose from: {', '.join(sorted(RECIPES))}."
