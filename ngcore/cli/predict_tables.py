"""The tables of `ngcore predict`: answers by network and model, what they rest on, and networks in order."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console

from ngcore.cli.output import say, table_of

NUM_LAYERS = 5

Entry = dict[str, Any]


def rank(entries: Sequence[Entry]) -> None:
    """Number the networks by predicted accuracy, the best first, each as its first model has it; none for one alone."""
    found = [entry for entry in entries if best_answer(entry) is not None]
    if len(found) < 2:
        return
    for place, entry in enumerate(sorted(found, key=lambda entry: -best_answer(entry)["accuracy"]), start=1):  # type: ignore[index]
        entry["rank"] = place


def best_answer(entry: Entry) -> dict[str, Any] | None:
    """The accuracy that the best model predicts, of those that answered; None if none did."""
    return next((answer for answer in entry["answers"] if "accuracy" in answer), None)


def show(console: Console, entries: Sequence[Entry]) -> None:
    """Print everything."""
    for entry in entries:
        _say_about(entry)
    rows = [_row(entry, answer) for entry in entries for answer in entry["answers"]]
    console.print(table_of(("Network", "Model", "Prediction", "Interval", "Worth", "Truth"), rows))
    if any("what_if" in answer for entry in entries for answer in entry["answers"]):
        console.print(
            table_of(("Network", "What if", "Accuracy by", ">As it is", ">Damaged"), list(_what_if_rows(entries)))
        )
    if any("why" in answer for entry in entries for answer in entry["answers"]):
        console.print(
            table_of(("Network", "Model", "Share of each layer, the largest first"), list(_why_rows(entries)))
        )
    ranked = sorted((entry for entry in entries if entry["rank"] is not None), key=lambda entry: entry["rank"])
    if ranked:
        columns = (">Rank", "Network", ">Predicted", "Interval", "Like its zoo", ">Truth", "Model")
        console.print(table_of(columns, [_ranked_row(entry) for entry in ranked]))


def _say_about(entry: Entry) -> None:
    """Notes and warnings, on stderr."""
    name = entry["network"]
    warnings = [*entry["warnings"], *(text for answer in entry["answers"] for text in answer["warnings"])]
    for text in dict.fromkeys((*entry["notes"], *warnings)):
        say(f"{name}: {text}")
    if agreement := entry["agreement"]:
        say(f"{name}: {agreement['models']} of {agreement['of']} models predict {agreement['class']}.")


def _row(entry: Entry, answer: dict[str, Any]) -> tuple[object, ...]:
    return entry["network"], answer["model"], _in_words(answer), _interval(answer), _worth(answer), _truth(entry)


def _in_words(answer: dict[str, Any]) -> str:
    if "error" in answer:
        return f"none: {answer['error']}"
    if "accuracy" in answer:
        return f"accuracy {answer['accuracy']:.1%}"
    ranked = sorted(answer["probabilities"].items(), key=lambda item: -item[1])[:3]
    return ", ".join(f"{name} {probability:.1%}" for name, probability in ranked)


def _interval(answer: dict[str, Any]) -> str | None:
    """The interval of an accuracy, or the set of classes."""
    if interval := answer.get("interval"):
        return f"{interval['low']:.1%} – {interval['high']:.1%}"
    if likely := answer.get("class_set"):
        return f"one of {', '.join(likely['classes'])}"
    return None


def _worth(answer: dict[str, Any]) -> str | None:
    from ngcore.tasks import describe_images

    count = answer.get("images_worth")
    return None if count is None else describe_images(count).removeprefix("about ")


def _truth(entry: Entry) -> str | None:
    if entry["true_accuracy"] is not None:
        return f"accuracy {entry['true_accuracy']:.1%}"
    if entry["measured"] is not None:
        return f"accuracy {entry['measured']['accuracy']:.1%} on {entry['measured']['num_images']:,} images"
    return None if entry["true_label"] is None else f"class {entry['true_label']}"


def _what_if_rows(entries: Sequence[Entry]) -> Iterator[tuple[object, ...]]:
    for entry in entries:
        if entry["what_if"] is None:
            continue
        change = f"layer {entry['what_if']['layer']}: {entry['what_if']['how']} {entry['what_if']['strength']:g}"
        if entry["measured"] and entry["what_if"]["measured"]:
            pair = entry["measured"]["accuracy"], entry["what_if"]["measured"]["accuracy"]
            yield entry["network"], change, "measured", *(f"{value:.1%}" for value in pair)
        for answer in entry["answers"]:
            if "what_if" in answer:
                pair = answer["accuracy"], answer["what_if"]["accuracy"]
                yield entry["network"], change, answer["model"], *(f"{value:.1%}" for value in pair)


def _why_rows(entries: Sequence[Entry]) -> Iterator[tuple[object, ...]]:
    for entry in entries:
        for answer in entry["answers"]:
            if "why" not in answer:
                continue
            strongest = sorted(answer["why"]["layers"].items(), key=lambda item: -abs(item[1]))[:NUM_LAYERS]
            factor, unit = (100, " points") if "accuracy" in answer else (1, " log-odds")
            shares = ", ".join(f"{name} {factor * share:+.2f}{unit}" for name, share in strongest)
            yield entry["network"], answer["model"], shares


def _ranked_row(entry: Entry) -> tuple[object, ...]:
    answer = best_answer(entry)
    assert answer is not None
    familiarity = answer["familiarity"]
    alike = None if familiarity is None else "no" if familiarity["is_flagged"] else "yes"
    if familiarity and familiarity["p_value"] is not None:
        alike = f"{alike} (p = {familiarity['p_value']:.3f})"
    truth = entry["true_accuracy"] if entry["true_accuracy"] is not None else (entry["measured"] or {}).get("accuracy")
    return (
        entry["rank"],
        entry["network"],
        f"{answer['accuracy']:.1%}",
        _interval(answer),
        alike,
        None if truth is None else f"{truth:.1%}",
        answer["model"],
    )
