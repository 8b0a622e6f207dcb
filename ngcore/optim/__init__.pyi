from .optimizer import NeuralGraphOptimizer as NeuralGraphOptimizer
from .rule import RuleConfig as RuleConfig
from .rule import UpdateRule as UpdateRule
