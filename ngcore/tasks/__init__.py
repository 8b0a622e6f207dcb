"""The questions that models answer about networks, and the trainings behind the answers."""

from ngcore.tasks.answers import change_of_inrs as change_of_inrs
from ngcore.tasks.answers import classify_inrs as classify_inrs
from ngcore.tasks.answers import edit_inrs as edit_inrs
from ngcore.tasks.answers import embed_networks as embed_networks
from ngcore.tasks.answers import predict_accuracy as predict_accuracy
from ngcore.tasks.checkpoints import Checkpoint as Checkpoint
from ngcore.tasks.checkpoints import can_read as can_read
from ngcore.tasks.checkpoints import find_checkpoints as find_checkpoints
from ngcore.tasks.checkpoints import folder_of_training as folder_of_training
from ngcore.tasks.checkpoints import list_checkpoints as list_checkpoints
from ngcore.tasks.checkpoints import load_checkpoint as load_checkpoint
from ngcore.tasks.problems import PROBLEMS as PROBLEMS
from ngcore.tasks.problems import edit_of as edit_of
from ngcore.tasks.problems import find_problem as find_problem
from ngcore.tasks.recipes import RECIPES as RECIPES
from ngcore.tasks.recipes import Recipe as Recipe
from ngcore.tasks.recipes import find_recipe as find_recipe
from ngcore.tasks.run import evaluate as evaluate
from ngcore.tasks.run import train_recipe as train_recipe

__all__ = [
    "PROBLEMS",
    "RECIPES",
    "Checkpoint",
    "Recipe",
    "can_read",
    "change_of_inrs",
    "classify_inrs",
    "edit_inrs",
    "edit_of",
    "embed_networks",
    "evaluate",
    "find_checkpoints",
    "find_problem",
    "find_recipe",
    "folder_of_training",
    "list_checkpoints",
    "load_checkpoint",
    "predict_accuracy",
    "train_recipe",
]
