"""How fast the models and the fitting of SIRENs are on this machine, all settings compared in one run."""

from ngcore.benchmark.plan import FULL as FULL
from ngcore.benchmark.plan import QUICK as QUICK
from ngcore.benchmark.plan import FitCase as FitCase
from ngcore.benchmark.plan import ModelCase as ModelCase
from ngcore.benchmark.plan import Plan as Plan
from ngcore.benchmark.published import PUBLISHED as PUBLISHED
from ngcore.benchmark.run import run_benchmark as run_benchmark

__all__ = ["FULL", "PUBLISHED", "QUICK", "FitCase", "ModelCase", "Plan", "run_benchmark"]
