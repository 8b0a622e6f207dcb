"""How far answers can be trusted, from cards: coverage of intervals and sets on test, and when the flag fires."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

COVERAGE_COLUMNS = (
    "Model",
    "Networks",
    "Level",
    "Coverage",
    "Expected",
    "Size",
    "n",
    "Runs",
    "Calibrated on",
    "Flagged",
)
FIRING_COLUMNS = ("Networks", "n", "Flagged", "By p-value", "By rules")
INTERVALS = (
    "Size is half the median width of an interval, or the mean number of classes in a set. Coverage is the mean over "
    "runs; if the promise holds, it lies within *Expected* with probability 0.99, whatever runs were drawn. *Flagged* "
    "is how often the out-of-zoo flag fires for test networks of the zoo (5% are promised)."
)


def trust_of(card: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a card says of how far to trust its model; None where it was not calibrated, or not measured on test."""
    coverage = card.get("conformal", {}).get("coverage")
    if not coverage:
        return None
    out_of_zoo = card.get("out_of_zoo", {})
    return {
        "coverage": coverage,
        "fires": out_of_zoo.get("test", {}).get("fires"),
        "firing": out_of_zoo.get("firing", []),
    }


def trust_text(rows: Iterable[Row]) -> str:
    """The tables of all calibrated models in Markdown; empty where there is none."""
    calibrated = [row for row in rows if row.get("trust")]
    if not calibrated:
        return ""
    lines = [cells for row in calibrated for cells in _coverage_lines(row)]
    parts = ["## How far to trust an answer\n", f"{INTERVALS}\n", _table(COVERAGE_COLUMNS, lines, num_words=2)]
    for row in calibrated:
        if firing := row["trust"]["firing"]:
            title = f"How often `{row['name']}` flags networks as unlike its zoo, {row['zoo']}:\n"
            parts += [title, _table(FIRING_COLUMNS, map(_firing_line, firing), num_words=1)]
    return "\n".join(parts)


def _coverage_lines(row: Row) -> list[list[str]]:
    fires = row["trust"]["fires"]
    return [
        [
            row["name"],
            own["group"],
            f"{own['level']:.0%}",
            f"{own['coverage']:.1%}",
            f"{own['low']:.1%} to {own['high']:.1%}",
            f"± {own['size'] / 2:.1%}" if row["task"] == "predict" else f"{own['size']:.2f} classes",
            f"{own['networks']:,}",
            f"{own['runs']:,}",
            f"{own['calibrated_on']:,}",
            f"{fires:.1%}" if number == 0 and fires is not None else "",
        ]
        for number, own in enumerate(row["trust"]["coverage"])
    ]


def _firing_line(row: Mapping[str, Any]) -> list[str]:
    shares = [row["flagged"], row["by_p_value"], row["by_rules"]]
    return [row["networks"], f"{row['n']:,}", *(f"{share:.1%}" for share in shares)]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, num_words: int) -> str:
    rule = ["---" if i < num_words else "--:" for i in range(len(heads))]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (heads, rule, *rows))
