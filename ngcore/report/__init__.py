"""Figures from cards: results, headlines, studies, seeds."""
