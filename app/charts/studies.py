"""What studies found, as ECharts options: lines over what was varied, and bars where it has no order."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from app.charts.colours import CATEGORIES
from app.charts.gaps import gap
from app.charts.theme import LIGHT, Theme

Row = Mapping[str, Any]
Point = tuple[float | None, float | None, str]
Lines = Mapping[str, Sequence[Point]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measure:
    """A test figure and how to write it.

    Attributes:
        title: What it is.
        of: Its value for a row; None where it is not defined.
        unit: What follows its numbers.
        digits: Decimals of numbers in words.
        step: Ticks of an axis, at which it begins and ends.
        most: The most that it can be.
    """

    title: str
    of: Callable[[Row], float | None]
    unit: str
    digits: int
    step: float
    most: float

    def write(self, value: float | None) -> str:
        """The value in words."""
        return "not defined" if value is None else f"{value:.{self.digits}f}{self.unit}"


def _percent(row: Row) -> float | None:
    accuracy = gap(row["test"]["accuracy"])
    return None if accuracy is None else round(100 * accuracy, 2)


ACCURACY = Measure(title="test accuracy", of=_percent, unit=" %", digits=1, step=10, most=100)
TAU = Measure(
    title="Kendall's τ, final checkpoints",
    of=lambda row: gap(row["test"].get("final", {}).get("kendall_tau"), 4),
    unit="",
    digits=3,
    step=0.1,
    most=1,
)
SYMBOLS = ("circle", "rect", "triangle", "diamond", "pin")
REFERENCES = ("left as it is", "image edited, refitted", "own render edited, fitted on")
LINES_HEIGHT, BAR_HEIGHT, LINE_HEIGHT, AXIS_HEIGHT = 340, 30, 14, 64  # pixels


def draw_probes_and_data(rows: Sequence[Row], *, measure: Measure = ACCURACY, theme: Theme = LIGHT) -> dict[str, Any]:
    """A figure against the number of training networks, one line per number of probes.

    Args:
        rows: With the setting "probes".
        measure: The figure.
        theme: Colours.
    """
    lines: dict[str, list[Point]] = {}
    for row in rows:
        probes = row["setting"]["probes"]
        point = (row["training_networks"], measure.of(row), f"{row['training_networks']:,} networks")
        lines.setdefault(f"{probes} probes" if probes else "no probes", []).append(point)
    return _draw_lines(lines, x_title="training networks", is_log=True, measure=measure, theme=theme)


def draw_number_of_probes(rows: Sequence[Row], *, measure: Measure = ACCURACY, theme: Theme = LIGHT) -> dict[str, Any]:
    """A figure against the number of probes, one line per model and kind of probes.

    Args:
        rows: With the settings "model", "probes" and "kind"; a model without probes begins all lines of that model.
        measure: The figure.
        theme: Colours.
    """
    lines = {
        name: [(row["setting"]["probes"], measure.of(row), f"{row['setting']['probes']} probes") for row in members]
        for name, members in _by_kind(rows).items()
    }
    return _draw_lines(lines, x_title="probes", is_log=False, measure=measure, theme=theme)


def draw_worth_of_probes(rows: Sequence[Row], *, measure: Measure = ACCURACY, theme: Theme = LIGHT) -> dict[str, Any]:
    """A figure against the time that a network takes in training, on the lines of `draw_number_of_probes`."""
    lines = {
        name: [
            (gap(1000 / row["networks_per_second"], 4), measure.of(row), f"{row['setting']['probes']} probes")
            for row in members
        ]
        for name, members in _by_kind(rows).items()
    }
    return _draw_lines(lines, x_title="ms per network in training", is_log=True, measure=measure, theme=theme)


def draw_settings(rows: Sequence[Row], *, measure: Measure = ACCURACY, theme: Theme = LIGHT) -> dict[str, Any]:
    """A figure of each setting as a bar.

    Args:
        rows: With any settings.
        measure: The figure.
        theme: Colours.
    """
    names = ["\n".join(_name_parts(row["setting"])) for row in rows]
    bars = [
        _bar(i, measure.of(row), measure.write(measure.of(row)), measure.title, theme.accent)
        for i, row in enumerate(rows)
    ]
    option = _draw_bars(names, bars, theme=theme)
    labels = {"formatter": f"{{value}}{measure.unit}"}
    least = min([0.0, *(value for row in rows if (value := measure.of(row)) is not None)])
    low = round(measure.step * math.floor(least / measure.step), 4)
    option["xAxis"] |= {"min": low, "max": measure.most, "name": measure.title, "axisLabel": labels}
    return option


def _name_parts(setting: Mapping[str, Any]) -> list[str]:
    """Values of a setting in words; with the name of their column where there are several."""
    return [f"{value} ({column})" if len(setting) > 1 else str(value) for column, value in setting.items()]


def draw_editing(rows: Sequence[Row], *, theme: Theme = LIGHT) -> dict[str, Any]:
    """The squared error of each method as a bar, below the name of its edit; references stand back.

    Args:
        rows: With the settings "edit" and "method".
        theme: Colours.
    """
    names: list[Any] = []
    bars = []
    for edit in dict.fromkeys(row["setting"]["edit"] for row in rows):
        names.append({"value": edit, "textStyle": {"fontWeight": "bold", "color": theme.text}})
        for row in (row for row in rows if row["setting"]["edit"] == edit):
            method, took = row["setting"]["method"], row["milliseconds_per_network"]
            colour = theme.muted if method in REFERENCES else theme.accent
            note = f"after {took:,.1f} ms per network" if took else ""
            error = gap(row["mse"])
            bars.append(_bar(len(names), error, _in_words(error, "{:.4f}"), note, colour))
            names.append(method)
    option = _draw_bars(names, bars, theme=theme)
    option["xAxis"] |= {"min": 0, "name": "squared error"}
    return option


def figure_height(option: Mapping[str, Any]) -> int:
    """Pixels for a figure: bars are equally thick in all, and grow with the lines of their names."""
    if option["yAxis"]["type"] != "category":
        return LINES_HEIGHT
    names = [name if isinstance(name, str) else name["value"] for name in option["yAxis"]["data"]]
    return AXIS_HEIGHT + sum(BAR_HEIGHT + LINE_HEIGHT * name.count("\n") for name in names)


def _by_kind(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows by model and kind of probes; those without probes are the first of all kinds of their model."""
    kinds: dict[str, list[Row]] = {}
    without: dict[str, list[Row]] = {}
    for row in rows:
        model, kind = row["setting"]["model"], row["setting"]["kind"]
        if row["setting"]["probes"]:
            kinds.setdefault(f"{model}, {kind} probes", list(without.get(model, ()))).append(row)
        else:
            without.setdefault(model, []).append(row)
    return kinds or without


def _in_words(value: float | None, form: str) -> str:
    return "not defined" if value is None else form.format(value)


def _draw_lines(lines: Lines, *, x_title: str, is_log: bool, measure: Measure, theme: Theme) -> dict[str, Any]:
    """A figure against what was varied: points (x, y, what the point is), a line each name."""
    values = [y for points in lines.values() for _, y, _ in points if y is not None] or [0.0]
    axis = {"nameLocation": "middle", "nameTextStyle": {"color": theme.text}, "axisLabel": {"color": theme.text}}
    series = [
        {
            "type": "line",
            "name": name,
            "data": [list(point) for point in sorted(points, key=_x_of)],
            "symbol": SYMBOLS[i % len(SYMBOLS)],
            "symbolSize": 10,
            "itemStyle": {"color": CATEGORIES[i % len(CATEGORIES)]},
            "lineStyle": {"color": CATEGORIES[i % len(CATEGORIES)], "width": 2},
            "tooltip": {
                "formatter": "<b>{a}</b><br>{@[2]}<br>{@[0]} "
                + x_title
                + "<br>"
                + f"{measure.title} {{@[1]}}{measure.unit}"
            },
        }
        for i, (name, points) in enumerate(lines.items())
    ]
    return {
        "animation": False,
        "grid": {"left": 22, "right": 30, "top": 52, "bottom": 22, "containLabel": True},
        "legend": {"top": 0, "left": 0, "textStyle": {"color": theme.text}},
        "tooltip": {"trigger": "item", "confine": True},
        "xAxis": {**axis, "type": "log" if is_log else "value", "name": x_title, "nameGap": 28},
        "yAxis": {
            **axis,
            "type": "value",
            "name": measure.title,
            "nameGap": 46 if measure.unit else 36,  # numbers without a unit are narrower
            "min": round(measure.step * math.floor(min(values) / measure.step), 4),
            "max": round(min(measure.most, measure.step * (math.floor(max(values) / measure.step) + 1)), 4),
            "axisLabel": {"formatter": f"{{value}}{measure.unit}", "color": theme.text},
        },
        "series": series,
    }


def _x_of(point: Point) -> float:
    return math.inf if point[0] is None else point[0]


def _bar(place: int, value: float | None, text: str, note: str, colour: str) -> dict[str, Any]:
    """A bar beside the name at a place, with its value in words and what else there is to say."""
    return {"value": [value, place, text, note], "itemStyle": {"color": colour}}


def _draw_bars(names: Sequence[Any], bars: Sequence[dict[str, Any]], *, theme: Theme) -> dict[str, Any]:
    """Bars beside their names, the first above; a name without a bar is a heading."""
    labels = {"color": theme.text, "lineHeight": LINE_HEIGHT}
    return {
        "animation": False,
        "grid": {"left": 8, "right": 64, "top": 4, "bottom": 22, "containLabel": True},
        "tooltip": {"trigger": "item", "confine": True, "formatter": "<b>{@[2]}</b> {@[3]}"},
        "xAxis": {"type": "value", "nameLocation": "middle", "nameGap": 26, "nameTextStyle": {"color": theme.text}},
        "yAxis": {"type": "category", "data": list(names), "inverse": True, "axisLabel": labels},
        "series": [
            {
                "type": "bar",
                "data": list(bars),
                "encode": {"x": 0, "y": 1},
                "barMaxWidth": 18,
                "label": {"show": True, "position": "right", "formatter": "{@[2]}", "color": theme.text},
            }
        ],
    }
