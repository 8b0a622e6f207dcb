"""Headlines: the best by validation, not by test, of those that read what the question allows."""

import pytest

from ngcore.report.headlines import QUESTIONS, headline_table


def row(name, validation, test, *, zoo="mnist-inrs", reads="weights", edit=None, mean=None, std=None):
    metric = "mse" if edit else "accuracy"
    return {
        "name": name,
        "task": "edit" if edit else "classify",
        "zoo": zoo,
        "edit": edit,
        "reads": reads,
        "validation": {metric: validation},
        "test": {metric: test},
        "mean": test if mean is None else mean,
        "std": std,
    }


def test_the_best_on_validation_networks_stands_beside_the_published_figure():
    rows = [row("chosen", 0.9, 0.8), row("lucky", 0.7, 0.99), row("probed", 0.95, 0.94, reads="probes")]
    heads, lines = headline_table(rows)
    assert len(heads) == 5
    assert lines == [
        ["MNIST digits, from weights", "96.6%", "ScaleGMN-B", "80.00%", "chosen"],
        ["MNIST digits, with probes", "98.4%", "ProbeGen-128", "94.00%", "probed"],
    ]


def test_the_figure_of_a_model_that_was_trained_several_times_is_the_mean():
    _, lines = headline_table([row("thrice", 0.9, 0.81, mean=0.803, std=0.0061)])
    assert lines == [["MNIST digits, from weights", "96.6%", "ScaleGMN-B", "80.30% ± 0.61%", "thrice"]]


def test_less_error_is_better_and_what_was_never_measured_elsewhere_says_so():
    rows = [row("near", 0.01, 0.02, edit="dilate"), row("far", 0.03, 0.01, edit="dilate", reads="probes")]
    rows += [row("thin", 0.001, 0.001, edit="erode"), row("colours", 0.5, 0.4, zoo="cifar10-inrs", reads="probes")]
    _, lines = headline_table(rows)
    assert lines == [
        ["CIFAR-10, with probes", "–", "–", "40.00%", "colours"],
        ["MNIST dilated, squared error of one view", "0.0160", "OCE", "0.0200", "near"],
    ]


def test_what_was_not_measured_on_validation_networks_is_no_answer():
    unmeasured = row("unmeasured", 0.9, 0.9) | {"validation": {}}
    assert headline_table([unmeasured, row("other zoo", 0.9, 0.9, zoo="mine")])[1] == []


def predictor(name, zoo, validation, test, *, reads="weights", std=None):
    """A row of a model that predicts accuracy, with figures (all, final), or one number on an older card."""
    final = {"final": {"kendall_tau": validation[1]}} if isinstance(validation, tuple) else {}
    tau = validation[0] if isinstance(validation, tuple) else validation
    return {
        **row(name, 0.0, 0.0, zoo=zoo, reads=reads),
        "task": "predict",
        "validation": {"kendall_tau": tau, **final},
        "mean": test[0],
        "std": None,
        "final": {"mean": test[1], "std": std},
    }


def test_predictions_of_accuracy_are_compared_by_final_checkpoints_where_others_were():
    rows = [
        predictor("early", "cifar10-gs-cnns", (0.95, 0.7), (0.9, 0.6)),
        predictor("late", "cifar10-gs-cnns", (0.8, 0.9), (0.7, 0.91), std=0.004),
        predictor("old card", "cifar10-gs-cnns", 0.99, (0.99, 0.99)),
        predictor("park", "cnn-park", (0.8, 0.5), (0.81, 0.5)),
    ]
    _, lines = headline_table(rows)
    assert [line[1:] for line in lines] == [
        ["0.935", "NG-T", "0.910 ± 0.004", "late"],
        ["0.817", "NG-T", "0.810", "park"],
    ]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.words)
def test_every_published_figure_names_its_method(question):
    assert bool(question.method) == (question.published is not None)
