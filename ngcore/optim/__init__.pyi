from .checkpoint import find_rules as find_rules
from .checkpoint import load_rule as load_rule
from .optimizer import NeuralGraphOptimizer as NeuralGraphOptimizer
from .rule import RuleConfig as RuleConfig
from .rule import UpdateRule as UpdateRule
