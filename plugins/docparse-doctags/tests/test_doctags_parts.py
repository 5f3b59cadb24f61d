"""A long PDF is converted in parts, one after the other; what comes out is one document."""

import json
import re

import pytest
from reportlab.pdfgen.canvas import Canvas

from docparse_doctags._ranges import parts_of


@pytest.fixture
def report(tmp_path):
    """Return a PDF of pages that each stand for themselves: a heading, a paragraph, a running footer."""
    canvas = Canvas(str(tmp_path / "report.pdf"), invariant=True)
    for number in range(1, 10):
        canvas.setFont("Helvetica-Bold", 18)
        canvas.drawString(72, 760, f"Station {number}")
        canvas.setFont("Helvetica", 10)
        canvas.drawString(72, 700, f"The gauge at station {number} has recorded the tide since {1900 + number}.")
        canvas.drawString(280, 30, f"Page {number}")
        canvas.showPage()
    canvas.save()
    return tmp_path / "report.pdf"


def _content(result):
    """Return the document and its DocTags, without what is known of the source."""
    document = result.document
    document["furniture"].pop("meta")
    return document, result.doctags


def test_the_parts_cover_the_wanted_pages_once():
    assert list(parts_of((1, 10**9), 9, 4)) == [(1, 4), (5, 8), (9, 9)]
    assert list(parts_of((3, 6), 9, 2)) == [(3, 4), (5, 6)]
    assert list(parts_of((1, 10**9), 0, 4)) == []


@pytest.mark.parametrize("at_once", [3, 4])
def test_parts_give_what_one_pass_gives(at_once, convert, report):
    whole = convert(report)

    result = convert(report, pages_at_once=at_once)

    assert _content(result) == _content(whole)
    assert result.outcome.metrics == whole.outcome.metrics


def test_parts_of_a_range_keep_the_numbers_of_the_pages(convert, report):
    whole = convert(report, pages="4-9")

    result = convert(report, pages="4-9", pages_at_once=2)

    assert _content(result) == _content(whole)
    assert list(result.document["pages"]) == ["4", "5", "6", "7", "8", "9"]


@pytest.fixture
def damaged(report):
    """Return a function that makes the content of some pages of the report unreadable."""

    def damage(*numbers):
        data = report.read_bytes()
        contents = re.findall(rb"/Contents (\d+) 0 R", data)
        for number in numbers:
            data = data.replace(b"\n%s 0 obj" % contents[number - 1], b"\n%s 0 xxx" % contents[number - 1])
        report.write_bytes(data)
        return report

    return damage


def test_a_page_that_cannot_be_read_leaves_the_numbers_of_the_others(convert, damaged):
    path = damaged(5)
    whole = convert(path)

    result = convert(path, pages_at_once=2)

    assert list(whole.document["pages"]) == ["1", "2", "3", "4", "6", "7", "8", "9"]
    assert _content(result) == _content(whole)
    assert str(result.outcome.status) == str(whole.outcome.status) == "partial"


def test_a_part_of_which_nothing_can_be_read_costs_that_part(convert, damaged):
    result = convert(damaged(4, 5, 6), pages_at_once=3)

    assert list(result.document["pages"]) == ["1", "2", "3", "7", "8", "9"]
    assert str(result.outcome.status) == "partial"
    assert result.outcome.reason.startswith("pages 4-6: nothing in the document can be read")


def test_the_first_part_may_be_the_one_that_cannot_be_read(convert, damaged):
    result = convert(damaged(1, 2), pages_at_once=2)

    assert list(result.document["pages"]) == ["3", "4", "5", "6", "7", "8", "9"]
    assert result.document["origin"]["filename"] == "report.pdf"


def test_a_pdf_asks_for_five_seconds_a_page(open_worker, report, tmp_path, convert):
    asked = []
    worker = open_worker(tmp_path / "root", allow=asked.append)

    pages = convert(report, worker=worker).outcome.metrics["page_count"]

    assert asked == [5 * pages]


def test_progress_is_told_after_each_part(open_worker, report, tmp_path, convert):
    told = []
    worker = open_worker(tmp_path / "root", pages_at_once=4, progress=lambda done, total: told.append((done, total)))

    convert(report, worker=worker)

    assert told == [(4, 9), (8, 9), (9, 9)]


def test_a_paragraph_over_the_end_of_a_part_is_the_known_difference(convert, tmp_path):
    canvas = Canvas(str(tmp_path / "long.pdf"), invariant=True)
    canvas.setFont("Helvetica", 10)
    for page in range(2):
        for line in range(40):
            end = "." if (page, line) == (1, 39) else ""
            canvas.drawString(
                72,
                760 - 14 * line,
                f"and the tide of hour {page * 40 + line} was measured at the old gauge in the harbour{end}",
            )
        canvas.showPage()
        canvas.setFont("Helvetica", 10)
    canvas.save()

    whole, parts = convert(tmp_path / "long.pdf"), convert(tmp_path / "long.pdf", pages_at_once=1)

    assert (len(whole.texts), len(parts.texts)) == (1, 2)
    assert whole.texts[0].split() == " ".join(parts.texts).split()
    assert json.loads(whole.json)["texts"][0]["prov"][1]["page_no"] == 2
