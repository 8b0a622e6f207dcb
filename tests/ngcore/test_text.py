"""Strangers' text on its way to any output: printable characters alone, markup as it is, JSON with the same meaning."""

import json
import unicodedata

import pytest

ESCAPE, CSI, BELL = "\x1b", "\x9b", "\x07"
RIGHT_TO_LEFT, ZERO_WIDTH, ISOLATE, TAG = "\u202e", "\u200b", "\u2066", "\U000e0041"
HOSTILE = f"a{ESCAPE}[31m{CSI}2J{BELL}{RIGHT_TO_LEFT}{ZERO_WIDTH}{ISOLATE}{TAG}\u2028\udc80b"


@pytest.mark.parametrize("clean", ["clean_text", "clean_lines"])
def test_only_printable_characters_are_left(clean):
    from ngcore import text

    assert getattr(text, clean)(HOSTILE) == "a[31m2Jb"


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0)])
def test_no_control_character_of_c0_and_c1_passes(code):
    from ngcore.text import clean_text

    assert clean_text(f"a{chr(code)}b") == "ab"


def test_a_name_is_one_line_and_a_message_keeps_its_lines():
    from ngcore.text import clean_lines, clean_text

    assert clean_text("one\r\ntwo\tthree") == "onetwothree"
    assert clean_lines("one\r\ntwo\tthree") == "one\ntwo three"


def test_markup_and_letters_of_all_scripts_stay():
    from ngcore.text import clean_text

    for text in ("[red]x[/red]", "<b>", "ω₀ = 30", "Ключ", "鍵", "é", "🙂"):
        assert clean_text(text) == text


def test_long_text_is_cut_with_a_sign_of_it():
    from ngcore.text import clean_lines, clean_text

    assert clean_text("a" * 300) == "a" * 199 + "…"
    assert clean_lines("a" * 30, length=10) == "a" * 9 + "…"


@pytest.mark.parametrize("text", [HOSTILE, "ω₀ \U0001f642", 'quote " and \\ back', "\u007f\u0085\ufeff\U000e0001"])
def test_json_text_without_unprintable_characters_means_the_same(text):
    from ngcore.text import escape_unprintable

    shown = escape_unprintable(json.dumps({text: [text]}, indent=2, ensure_ascii=False))
    assert json.loads(shown) == {text: [text]}
    assert not any(unicodedata.category(letter)[0] == "C" for letter in shown.replace("\n", ""))


def test_the_message_of_every_error_is_cleaned():
    from ngcore.errors import AmbiguousNetworkError, NeuralGraphError, UnknownNameError, UploadError

    for error in (NeuralGraphError(HOSTILE), UploadError(HOSTILE), AmbiguousNetworkError(HOSTILE)):
        assert str(error) == "a[31m2Jb"
    assert ESCAPE not in str(UnknownNameError("zoo", "x", [HOSTILE]))
