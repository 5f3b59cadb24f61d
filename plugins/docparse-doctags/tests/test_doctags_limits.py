"""Documents that are small on disk and would take hours or gigabytes are refused at once, with the reason."""

import openpyxl
import pytest

from docparse_runner import Category, StageError


@pytest.fixture
def refused(convert):
    """Convert a file that must be refused, and return the sentence."""

    def run(path, **options) -> str:
        with pytest.raises(StageError) as failure:
            convert(path, **options)
        assert failure.value.category is Category.INPUT
        return failure.value.message

    return run


def test_a_page_of_20_000_nested_elements_is_refused(refused, tmp_path):
    (tmp_path / "deep.html").write_text("<div>" * 20_000 + "x" + "</div>" * 20_000)

    assert refused(tmp_path / "deep.html").startswith("elements of the page are nested 20,000 deep")


def test_elements_that_need_no_end_do_not_count_as_nested(convert, tmp_path):
    (tmp_path / "flat.html").write_text("<html><body><ul>" + "<li>High water<br>" * 600 + "</ul></body></html>")

    assert str(convert(tmp_path / "flat.html").outcome.status) == "success"


def test_quotations_that_nest_without_end_are_refused(refused, tmp_path):
    (tmp_path / "deep.md").write_text("> " * 40 + "x")

    assert refused(tmp_path / "deep.md") == "quotations in the text are nested more than 20 deep"


def test_a_cell_in_the_last_corner_of_a_sheet_is_refused(refused, tmp_path):
    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD1048576"] = "first", "last"
    book.save(tmp_path / "far.xlsx")

    message = refused(tmp_path / "far.xlsx")

    assert "spans 1,048,576 rows and 16,384 columns" in message


@pytest.mark.parametrize("name", ["many.csv", "many.xlsx"])
def test_more_cells_than_the_limit_are_refused_with_the_remedy(name, refused, tmp_path):
    book = openpyxl.Workbook()
    for row in range(100):
        book.active.append([row, row, row])
    book.save(tmp_path / "many.xlsx")
    (tmp_path / "many.csv").write_text("1,2,3\n" * 100)

    message = refused(tmp_path / name, max_cells=99)

    assert "more than the limit --max-cells 99" in message
    assert "--retry-quarantined" in message


def test_a_text_over_its_limit_is_refused_with_the_remedy(refused, make):
    assert "more than the limit --max-text-mb 0.0001" in refused(make("tides.html"), max_text_mb=0.0001)
