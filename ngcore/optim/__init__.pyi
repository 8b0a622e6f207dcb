from .checkpoint import find_rules as find_rules
from .checkpoint import load_rule as load_rule
from .optimizer import NeuralGraphOptimizer as NeuralGraphOptimizer
from .paper_form import PAPER_PRESETS as PAPER_PRESETS
from .paper_form import PaperConfig as PaperConfig
from .paper_form import PaperRule as PaperRule
from .rule import RuleConfig as RuleConfig
from .rule import UpdateRule as UpdateRule
