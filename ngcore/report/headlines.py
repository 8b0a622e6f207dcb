"""The best models beside the best published figures, question by question."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

Row = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """A question with figures published elsewhere.

    Attributes:
        words: What is asked.
        zoo: Name of the zoo; the published figures are on networks that were fitted elsewhere.
        reads: Whether models see weights alone, may run the networks on probes, or on real images of known classes.
        metric: Test figure that is compared; "final.kendall_tau" for that of final checkpoints.
        published: The best published figure; None if there is none.
        method: The authors' name for the method.
        edit: The edit, for edit questions.
        task: The task of the models that answer.
    """

    words: str
    zoo: str
    reads: Literal["weights", "probes", "examples", "any"]
    metric: str = "accuracy"
    published: float | None = None
    method: str = ""
    edit: str | None = None
    task: Literal["classify", "edit", "predict"] = "classify"

    def asks(self, row: Row) -> bool:
        """Whether a row of results answers this question."""
        same = (row["task"], row["zoo"], row["edit"]) == (self.task, self.zoo, self.edit)
        return same and self._measured(row) is not None and self.reads in ("any", row["reads"])

    def _measured(self, row: Row) -> float | None:
        """The figure on validation networks, if there is one."""
        figures, _, name = self.metric.rpartition(".")
        found = row["validation"].get(figures, {}) if figures else row["validation"]
        value: float | None = found.get(name)
        return value

    def over_seeds(self, row: Row) -> tuple[float, float | None]:
        """Mean of the test figure over the seeds of a model, and its standard deviation where there are several."""
        figures = row["final"] if self.metric.startswith("final.") else row
        return figures["mean"], figures["std"]

    def best(self, rows: Sequence[Row]) -> Row | None:
        """The answer that is best on validation networks; None if there is none."""
        answers = [row for row in rows if self.asks(row)]
        sign = -1 if self.task == "edit" else 1
        return max(answers, key=lambda row: sign * (self._measured(row) or 0.0), default=None)

    def write(self, value: float, *, digits: int = 1) -> str:
        """A figure as text; shares with `digits` decimals."""
        digits_of = {"edit": 4, "predict": 3}
        return f"{value:.{digits_of[self.task]}f}" if self.task in digits_of else f"{value:.{digits}%}"


QUESTIONS = (
    Question(
        words="MNIST digits, from weights", zoo="mnist-inrs", reads="weights", published=0.966, method="ScaleGMN-B"
    ),
    Question(
        words="MNIST digits, with probes", zoo="mnist-inrs", reads="probes", published=0.984, method="ProbeGen-128"
    ),
    Question(
        words="Fashion-MNIST, from weights",
        zoo="fashion-mnist-inrs",
        reads="weights",
        published=0.832,
        method="ScaleGMN",
    ),
    Question(
        words="Fashion-MNIST, with probes",
        zoo="fashion-mnist-inrs",
        reads="probes",
        published=0.877,
        method="ProbeGen-128",
    ),
    Question(
        words="CIFAR-10, from weights",
        zoo="cifar10-inrs",
        reads="weights",
        published=0.442,
        method="weights only, one fit per image",
    ),
    Question(words="CIFAR-10, with probes", zoo="cifar10-inrs", reads="probes"),
    Question(
        words="MNIST dilated, squared error of one view",
        zoo="mnist-inrs",
        reads="any",
        metric="mse",
        published=0.016,
        method="OCE",
        edit="dilate",
        task="edit",
    ),
    Question(
        words="Accuracy of small CNNs at the end of training, from weights (Kendall's τ)",
        zoo="cifar10-gs-cnns",
        reads="weights",
        metric="final.kendall_tau",
        published=0.935,
        method="NG-T",
        task="predict",
    ),
    Question(
        words="Accuracy of small CNNs at the end of training, with probes (Kendall's τ)",
        zoo="cifar10-gs-cnns",
        reads="probes",
        metric="final.kendall_tau",
        task="predict",
    ),
    Question(
        words="Accuracy of CNNs of any architecture, all along training, from weights (Kendall's τ)",
        zoo="cnn-park",
        reads="weights",
        metric="kendall_tau",
        published=0.817,
        method="NG-T",
        task="predict",
    ),
    Question(
        words="Accuracy of CNNs of any architecture, all along training, with probes (Kendall's τ)",
        zoo="cnn-park",
        reads="probes",
        metric="kendall_tau",
        published=0.940,
        method="HiddenProbe",
        task="predict",
    ),
    Question(
        words="Accuracy of CNNs of any architecture, all along training, tested on 256 real images (Kendall's τ)",
        zoo="cnn-park",
        reads="examples",
        metric="kendall_tau",
        task="predict",
    ),
    Question(
        words="Accuracy of MLPs, CNNs, GRUs, LSTMs and transformers at the end of training, from weights (Kendall's τ)",
        zoo="fashion-families",
        reads="weights",
        metric="final.kendall_tau",
        task="predict",
    ),
    Question(
        words="Accuracy of MLPs, CNNs, GRUs, LSTMs and transformers at the end of training, with probes (Kendall's τ)",
        zoo="fashion-families",
        reads="probes",
        metric="final.kendall_tau",
        task="predict",
    ),
    Question(
        words="The same, tested on 256 real images (Kendall's τ)",
        zoo="fashion-families",
        reads="examples",
        metric="final.kendall_tau",
        task="predict",
    ),
)


def headline_table(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Column heads and cells of a table: one line per question that a model here answers.

    Figures are means over the seeds of a model, with their standard deviation where there are several.
    """
    heads = ["Question", "Published", "By", "Here", "Model (best on validation networks)"]
    lines = []
    for question in QUESTIONS:
        best = question.best(rows)
        if best is not None:
            published = "–" if question.published is None else question.write(question.published)
            mean, std = question.over_seeds(best)
            spread = "" if std is None else f" ± {question.write(std, digits=2)}"
            own = f"{question.write(mean, digits=2)}{spread}"
            lines.append([question.words, published, question.method or "–", own, best["name"]])
    return heads, lines
