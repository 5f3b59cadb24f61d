"""The native layout: displayed formulas are items of their own."""

import pytest
from reportlab.pdfgen.canvas import Canvas

TEXT = [
    "The height of the tide follows the moon and the sun, and the",
    "coast adds what it likes, so that for each hour there is",
]
AFTER = ["where the amplitudes are those of the harbour and change from", "year to year by as much as a hand."]


@pytest.fixture
def page(tmp_path):
    """Draw a few lines of text around pieces of a formula, and return the PDF's path."""

    def build(*pieces, left=150):
        path = tmp_path / "formula.pdf"
        canvas = Canvas(str(path), invariant=1)
        canvas.setFont("Times-Roman", 11)
        for row, line in enumerate(TEXT):
            canvas.drawString(72, 700 - 13 * row, line)
        for across, up, text, font, size in pieces:
            canvas.setFont(font, size)
            canvas.drawString(left + across, 655 + up, text)
        canvas.setFont("Times-Roman", 11)
        for row, line in enumerate(AFTER):
            canvas.drawString(72, 615 - 13 * row, line)
        canvas.save()
        return path

    return build


def _formulas(result):
    return [text for text, label in result.labels.items() if label == "formula"]


def test_a_formula_away_from_the_margin_is_one_item_between_paragraphs(convert, page):
    result = convert(page((0, 0, "h(t) = a cos wt + b sin wt", "Times-Italic", 11)))

    assert _formulas(result) == ["h(t) = a cos wt + b sin wt"]
    assert result.texts == [" ".join(TEXT), "h(t) = a cos wt + b sin wt", " ".join(AFTER)]


def test_fractions_limits_and_the_number_belong_to_the_formula(convert, page):
    pieces = [
        (40, 9, "a + b", "Times-Italic", 11),
        (0, 0, "h =", "Times-Italic", 11),
        (45, -8, "2c", "Times-Italic", 11),
        (300, 0, "(12)", "Times-Roman", 11),
    ]

    [item] = [item for item in convert(page(*pieces)).document["texts"] if item["label"] == "formula"]

    assert set(item["text"].split()) == {"h", "=", "a", "+", "b", "2c", "(12)"}
    assert item["prov"][0]["bbox"]["r"] > 400


def test_a_sentence_with_an_equation_in_it_is_text(convert, page):
    sentence = "Here the level is h = 3 + 4 at noon on most days of the year."

    assert _formulas(convert(page((0, 0, sentence, "Times-Roman", 11)))) == []


def test_an_equation_at_the_margin_is_text(convert, page):
    assert _formulas(convert(page((0, 0, "h = 3 + 4", "Times-Roman", 11), left=72))) == []


def test_a_label_beside_an_equation_makes_it_text(convert, page):
    pieces = [(0, 0, "Mean level of the sea", "Times-Roman", 11), (150, 0, "h = 3 + 4", "Times-Roman", 11)]

    assert _formulas(convert(page(*pieces))) == []
