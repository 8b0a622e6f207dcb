"""Progress: the time left, and lines where there is no terminal."""

import pytest
from rich.console import Console


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    from ngcore.cli import progress

    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def written():
    """A console that is no terminal, and a function that reads it."""
    import io

    stream = io.StringIO()
    return Console(file=stream, width=200), stream.getvalue


def test_a_log_gets_a_line_every_half_minute_with_the_time_left_of_what_was_not_there_before(clock, written):
    """30 of 100 were there already; 7 more took 35 s; the 63 left take 315 s."""
    from ngcore.cli.progress import ProgressBar

    bar = ProgressBar("Building", written[0], None)
    bar(30, 100)
    clock[0] += 20
    bar(34, 100)
    assert written[1]() == ""
    clock[0] += 15
    bar(37, 100, note="loss 0.5")
    assert written[1]() == "Building: 37 of 100 · 5 min left · loss 0.5\n"


def test_a_time_left_that_is_known_is_not_estimated(clock, written):
    from ngcore.cli.progress import ProgressBar

    bar = ProgressBar("Training", written[0], None)
    clock[0] += 31
    bar(1, 1000, seconds_left=7300.0)
    assert written[1]() == "Training: 1 of 1,000 · 2 h 2 min left\n"


def test_a_bar_for_a_terminal_shows_counts_and_disappears(monkeypatch):
    import io

    from ngcore.cli import progress

    stream = io.StringIO()
    terminal = Console(file=stream, force_terminal=True, width=120)
    monkeypatch.setattr(progress, "make_console", lambda **options: terminal)
    with progress.progress_bar("Asking [all]") as bar:
        bar(1, 4, note="[first]")
        bar(2, 4)
    assert "Asking [all]" in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[2K")  # the line is erased


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (90.0, "2 min"), (3599.0, "1 h 0 min"), (5400.0, "1 h 30 min")]
)
def test_durations_read_well(seconds, text):
    from ngcore.cli.progress import describe_seconds

    assert describe_seconds(seconds) == text
