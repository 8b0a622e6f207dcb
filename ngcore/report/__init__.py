"""Figures from cards: results, headlines, studies, seeds."""

from ngcore.report.results import with_results as with_results
from ngcore.report.seeds import join_seeds as join_seeds
from ngcore.report.seeds import over_seeds as over_seeds
from ngcore.report.studies import STUDIES as STUDIES
from ngcore.report.studies import list_studies as list_studies
from ngcore.report.studies import run_study as run_study

__all__ = [
    "STUDIES",
    "join_seeds",
    "list_studies",
    "over_seeds",
    "run_study",
    "with_results",
]
