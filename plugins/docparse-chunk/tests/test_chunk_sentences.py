# ruff: noqa: RUF001 - punctuation of other scripts is what is tested
import time

import pytest

from docparse_chunk._sentences import sentence_spans


def sentences(text):
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One here. Two here! Three? Four", ["One here.", "Two here!", "Three?", "Four"]),
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
        (
            "See Fig. 3 and Dr. Smith et al. 2010 of J. Doe. The end.",
            ["See Fig. 3 and Dr. Smith et al. 2010 of J. Doe.", "The end."],
        ),
        ("Costs rose, e.g. Bread by 3.5 percent. Then fell.", ["Costs rose, e.g. Bread by 3.5 percent.", "Then fell."]),
        ("It was 2010. The year was good.", ["It was 2010.", "The year was good."]),
        ("1. Introduction to ducks", ["1. Introduction to ducks"]),
        (
            "Ducks dive.[25] Geese graze. [ 9 ] [ 10 ] Swans rest.",
            ["Ducks dive.[25]", "Geese graze. [ 9 ] [ 10 ]", "Swans rest."],
        ),
        ("and so on... but not here. Yes", ["and so on... but not here.", "Yes"]),
        ("First\n\nSecond", ["First", "Second"]),
        ("line one\nline two", ["line one\nline two"]),
        ("鸭子游泳。鹅吃草！好吗？是", ["鸭子游泳。", "鹅吃草！", "好吗？", "是"]),
        ("彼は「止まれ。」と言った。終", ["彼は「止まれ。」", "と言った。", "終"]),
        ("هل تسبح البطة؟ نعم. تسبح", ["هل تسبح البطة؟", "نعم.", "تسبح"]),
        ("बतख तैरती है। हंस चरता है।", ["बतख तैरती है।", "हंस चरता है।"]),
        ("", []),
        ("  \n ", []),
        ("...", ["..."]),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text, expected):
    assert sentences(text) == expected


@pytest.mark.parametrize("text", ["." * 200_000, ". " * 100_000, "a.[ " * 50_000, ".\n" * 100_000, "؟" * 200_000])
def test_the_time_is_linear_in_the_length_whatever_the_text(text):
    start = time.process_time()

    sentence_spans(text)

    assert time.process_time() - start < 2
