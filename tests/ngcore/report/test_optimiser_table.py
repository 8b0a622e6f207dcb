"""The table of the study of optimisers, worked by hand."""

from ngcore.report.optimiser_plan import published_rows
from ngcore.report.optimiser_table import costs_table, optimisers_table, steps_to


def test_the_table_says_how_soon_each_reaches_the_loss_of_tuned_ones():
    def row(name, curve, accuracy, tuned_on="fashion-mnist"):
        return {
            "setting": {"task": "fashion-mnist", "steps": 40, "optimiser": name, "tuned on": tuned_on},
            "test": {"accuracy": accuracy, "spread": 0.01},
            "train_loss": curve[-1],
            "curve": curve,
            "stride": 10,
            "seconds": 80.0,
            "processor_seconds": 8.0,
            "diverged": 0,
            "seeds": 5,
        }

    rows = [
        row("AdamW, cosine, 0.01", [2.0, 1.0, 0.8, 0.5], 0.8),
        row("Muon, cosine, × 1", [1.5, 0.5, 0.4, 0.3], 0.9),
        row("Muon, cosine, × 1", [1.5, 0.5, 0.3, 0.1], 0.89, tuned_on="–"),
        row("mine", [1.0, 0.4, 0.2, 0.2], 0.95),
        row("none", [None, None, None, None], 0.1),
        *published_rows()[:1],
    ]
    heads, cells = optimisers_table(rows)
    assert all(len(line) == len(heads) for line in cells)
    by_name = {(line[2], line[3]): line[4:8] for line in cells}
    assert by_name["mine", "fashion-mnist"] == ["95.0% ± 1.0", "0.200", "20 (4 s, 2.0 ×)", "30 (6 s, 1.3 ×)"]
    assert by_name["AdamW, cosine, 0.01", "fashion-mnist"][2:] == ["40 (8 s, 1.0 ×)", "–"]
    assert by_name["none", "fashion-mnist"] == ["10.0% ± 1.0", "–", "–", "–"]
    assert [line[2] for line in cells][:2] == ["mine", "Muon, cosine, × 1"]
    assert steps_to(rows[0], 0.1) is None


def test_costs_are_told_beside_adam_and_by_parameter():
    cost = {"optimiser": "Muon", "milliseconds": 12.34, "own_milliseconds": 3.0, "ratio": 1.25}
    heads, (row,) = costs_table([cost | {"state_bytes": 12_000, "parameters": 1_000}])
    assert row == ["Muon", "12.3", "3.0", "1.25", "12", "3.0"] and len(heads) == len(row)
