"""Tables of coverage and firing rates from cards, and nothing where nothing was calibrated."""

from ngcore.report.trust_table import trust_of, trust_text


def card(**more):
    row = {"group": "all", "level": 0.9, "coverage": 0.912, "size": 0.09, "networks": 205, "runs": 41}
    own = {"coverage": [row | {"calibrated_on": 41, "low": 0.68, "high": 1.0}]}
    return {"conformal": own, "out_of_zoo": {"test": {"n": 205, "fires": 0.04}, **more}}


def test_a_calibrated_model_has_a_line_and_its_firing_rates_a_table():
    firing = {"networks": "weights × 0.5", "n": 32, "flagged": 1.0, "by_p_value": 0.75, "by_rules": 0.5}
    row = {"name": "model", "task": "predict", "zoo": "cnns", "trust": trust_of(card(firing=[firing]))}
    text = trust_text([row, {"name": "other"}])
    assert "| model | all | 90% | 91.2% | 68.0% to 100.0% | ± 4.5% | 205 | 41 | 41 | 4.0% |" in text
    assert "How often `model` flags networks as unlike its zoo, cnns:" in text
    assert "| weights × 0.5 | 32 | 100.0% | 75.0% | 50.0% |" in text
    assert "other" not in text


def test_sets_are_sized_in_classes_and_nothing_is_said_of_what_was_not_calibrated():
    row = {"name": "model", "task": "classify", "zoo": "inrs", "trust": trust_of(card())}
    assert "| 0.09 classes |" in trust_text([row])
    assert "How often" not in trust_text([row])
    assert trust_of({}) is None
    assert trust_text([{"name": "other"}]) == ""
