from .plan import FULL as FULL
from .plan import QUICK as QUICK
from .plan import FitCase as FitCase
from .plan import ModelCase as ModelCase
from .plan import Plan as Plan
from .published import PUBLISHED as PUBLISHED
from .run import run_benchmark as run_benchmark
