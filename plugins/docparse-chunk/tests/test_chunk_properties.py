"""What holds for every document."""

import re
from itertools import pairwise

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docparse_chunk import Options, _validate
from docparse_chunk._docling import Docling
from docparse_chunk._fit import fitted
from docparse_chunk._page import page
from docparse_chunk._row import rows
from docparse_chunk._structural import structural
from docparse_chunk._units import Limits, joined
from docparse_chunk._walk import read

WORD = re.compile(r"w\d+")
SCRAPS = [
    "duck",
    "constitutional",
    "Ünïcode",
    "鸭子在湖上游泳",
    "بطة",
    "มนุษย์ทั้งหลาย",
    "12.5",
    "x" * 40,
    "e.g.",
    "—",
    "🦆",
]


def form(paper, prose):
    cells = [{"cell_id": 1, "label": "key", "text": prose(3)}, {"cell_id": 2, "label": "value", "text": prose(6)}]
    links = [{"label": "to_value", "source_cell_id": 1, "target_cell_id": 2}]
    paper.add("key_value_items", "key_value_region", graph={"cells": cells, "links": links})


def picture(paper, prose):
    caption = paper.text(prose(5), label="caption", page=3)
    described = {"description": {"text": prose(20)}}
    item = paper.add("pictures", "picture", meta=described, captions=[{"$ref": caption["self_ref"]}])
    paper.text(prose(5), parent=item, page=3)


def rich(paper, prose):
    table = paper.add("tables", "table", data={"table_cells": []})
    group = paper.group("inline", table)
    for _ in range(2):
        paper.text(prose(5), parent=group, page=1, hyperlink="https://example.org/")
    place = {
        "start_row_offset_idx": 0,
        "end_row_offset_idx": 1,
        "start_col_offset_idx": 0,
        "end_col_offset_idx": 1,
        "ref": {"$ref": group["self_ref"]},
    }
    table["data"]["table_cells"] = [place]


@st.composite
def papers(draw, new_paper):
    """Draw a document in which every word like ``w17`` of the body occurs once, and their order."""
    paper = new_paper()
    count = 0

    def prose(most=30):
        nonlocal count
        words = []
        for _ in range(draw(st.integers(1, most))):
            count += 1
            words.append(f"w{count}")
            words.append(draw(st.sampled_from(SCRAPS)) + draw(st.sampled_from(["", "", ",", ".", ":", "\n"])))
        return " ".join(words)

    def table():
        columns = draw(st.integers(1, 6))
        header = [draw(st.sampled_from(SCRAPS)) for _ in range(columns)]
        body = [[prose(4) for _ in range(columns)] for _ in range(draw(st.integers(0, 6)))]
        paper.table([header, *body], caption="Table", page=draw(st.integers(1, 3)))

    makers = {
        "heading": lambda: paper.heading(
            draw(st.sampled_from(SCRAPS)) * draw(st.integers(1, 9)), draw(st.integers(0, 3))
        ),
        "text": lambda: paper.text(prose(60), page=draw(st.one_of(st.none(), st.integers(1, 3)))),
        "paragraph": lambda: paper.text(prose(60), label="paragraph", page=2),
        "items": lambda: paper.items(*[prose(8) for _ in range(draw(st.integers(1, 5)))]),
        "code": lambda: paper.text(prose(), label="code"),
        "table": table,
        "form": lambda: form(paper, prose),
        "picture": lambda: picture(paper, prose),
        "rich": lambda: rich(paper, prose),
        "furniture": lambda: paper.text("never read", label="page_footer", page=1),
    }
    for kind in draw(st.lists(st.sampled_from(sorted(makers)), max_size=14)):
        makers[kind]()
    return paper.data(), [f"w{number}" for number in range(1, count + 1)]


limits = st.builds(
    Limits,
    max_tokens=st.integers(16, 120),
    min_tokens=st.integers(0, 64),
    cross_headings=st.booleans(),
)


@pytest.fixture(scope="session", params=["minilm", "bpe"])
def counter(request):
    return request.getfixturevalue(request.param)


checked = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@checked
@given(data=st.data(), limits=limits, chunker=st.sampled_from([structural, page]))
def test_chunks_fit_keep_everything_in_order_and_know_their_sources(new_paper, counter, data, limits, chunker):
    source, words = data.draw(papers(new_paper))
    document = read(msgspec.convert(source, Docling))

    chunks = fitted(chunker(document, counter, limits), counter, limits.max_tokens)
    made = list(rows("made", ((chunk, tokens + counter.specials) for chunk, tokens in chunks), counter.name))

    counts = counter.count([row.contextualized_text for row in made])
    assert [row.n_tokens for row in made] == [count + counter.specials for count in counts]
    assert max(counts, default=0) <= limits.max_tokens

    once = [row.text.removeprefix(chunk.header) for row, (chunk, _) in zip(made, chunks, strict=True)]
    assert [word for text in once for word in WORD.findall(text)] == words
    assert "never read" not in "".join(row.text for row in made)

    places = {
        item["self_ref"]: [place["page_no"] for place in item.get("prov", [])]
        for kind in ("texts", "tables", "pictures", "key_value_items")
        for item in source.get(kind, [])
    }
    for row in made:
        pages = [number for ref in row.doc_items for number in places[ref]]
        assert row.pages == sorted(set(pages))
        assert [box.page for box in row.boxes] == pages
    assert len({row.chunk_id for row in made}) == len(made)


@checked
@given(data=st.data(), limits=limits)
def test_text_is_its_span_of_the_body_text_and_every_unit_is_in_one(new_paper, minilm, data, limits):
    source, _ = data.draw(papers(new_paper))
    document = read(msgspec.convert(source, Docling))

    chunks = [chunk for chunk, _ in fitted(structural(document, minilm, limits), minilm, limits.max_tokens)]

    for chunk in chunks:
        start, end = chunk.units[0].start, chunk.units[-1].end
        if all(unit.kind != "table" for unit in chunk.units):
            assert chunk.text == document.body_text[start:end]
    spans = [(chunk.units[0].start, chunk.units[-1].end) for chunk in chunks]
    assert spans == sorted(spans)
    for section in document.sections:
        for unit in section.units:
            first = unit.start + len(unit.text) - len(unit.text.lstrip())
            if unit.row is None:
                assert any(start <= first < end for start, end in spans)


@checked
@given(
    rows=st.integers(1, 4).flatmap(
        lambda columns: st.lists(
            st.lists(st.integers(1, 30), min_size=columns, max_size=columns), min_size=1, max_size=6
        )
    ),
    max_tokens=st.integers(16, 80),
)
def test_no_cell_is_torn_that_fits_a_chunk(new_paper, minilm, rows, max_tokens):
    cells = [
        [f"w{row}w{column}" + " duck" * size for column, size in enumerate(sizes)] for row, sizes in enumerate(rows)
    ]
    paper = new_paper()
    paper.table([["lake"] * len(rows[0]), *cells])
    limits = Limits(max_tokens=max_tokens)

    made = [chunk.text for chunk, _ in fitted(structural(paper.read(), minilm, limits), minilm, max_tokens)]

    for cell in (cell for row in cells for cell in row):
        if minilm.count([f"lake: {cell}"])[0] <= max_tokens:
            assert any(re.search(rf"{cell}(?! duck)", text) for text in made), cell


@checked
@given(data=st.data(), overlap=st.integers(1, 40))
def test_overlap_repeats_only_what_was_asked(new_paper, minilm, data, overlap):
    source, words = data.draw(papers(new_paper))
    document = read(msgspec.convert(source, Docling))
    limits = Limits(max_tokens=100, overlap_tokens=overlap)

    chunks = [chunk for chunk, _ in fitted(structural(document, minilm, limits), minilm, 100)]

    for one, other in pairwise(chunks):
        told = {(unit.start, unit.end) for unit in one.units}
        again = [unit for unit in other.units if (unit.start, unit.end) in told]
        assert minilm.count([joined(again)])[0] <= overlap
    seen = []
    for found in (WORD.findall(chunk.text) for chunk in chunks):
        repeated = [word for word in found if word in seen]
        assert found[: len(repeated)] == repeated
        seen += found[len(repeated) :]
    assert seen == words


@checked
@given(data=st.data(), cross_headings=st.booleans(), min_tokens=st.integers(0, 200))
def test_no_heading_is_lost_and_none_stands_over_what_is_not_its_own(
    new_paper, minilm, data, cross_headings, min_tokens
):
    paper = new_paper()
    names = []
    for number in range(data.draw(st.integers(0, 25))):
        if data.draw(st.booleans()):
            names.append(f"h{number}")
            paper.heading(names[-1], data.draw(st.integers(0, 3)))
        else:
            paper.text(f"w{number} duck " * data.draw(st.sampled_from([1, 20, 200])), label="paragraph")
    document = paper.read()
    paths = {
        word: section.path
        for section in document.sections
        for unit in section.units
        for word in WORD.findall(unit.text)
    }
    limits = Limits(max_tokens=254, min_tokens=min_tokens, cross_headings=cross_headings)

    chunks = list(structural(document, minilm, limits))

    told = {word for chunk in chunks for word in re.findall(r"h\d+", chunk.contextualized_text)}
    assert told == set(names)
    for chunk in chunks:
        words = WORD.findall(chunk.text)
        if words and (not cross_headings or WORD.match(chunk.text)):
            assert paths[words[0]][: len(chunk.headings)] == chunk.headings
        if not cross_headings:
            assert {paths[word][: len(chunk.headings)] for word in words} <= {chunk.headings}


@checked
@given(data=st.data(), limits=limits.filter(lambda limits: not limits.cross_headings))
def test_a_chunk_smaller_than_was_asked_could_not_be_joined_with_the_next_one(new_paper, minilm, data, limits):
    source, _ = data.draw(papers(new_paper))
    document = read(msgspec.convert(source, Docling))

    made = fitted(structural(document, minilm, limits), minilm, limits.max_tokens)

    section_of = {unit.start: number for number, section in enumerate(document.sections) for unit in section.units}
    numbers = [{section_of.get(unit.start) for unit in chunk.units} for chunk, _ in made]
    for (one, tokens), (other, more), here, there in zip(made, made[1:], numbers, numbers[1:], strict=False):
        in_one_section = len(here | there) == 1 and None not in here
        could_be_joined = tokens + more <= limits.max_tokens // 2 and not (one.header or other.header)
        assert not (in_one_section and could_be_joined and one.headings == other.headings), (one.text, other.text)


@checked
@given(sizes=st.lists(st.integers(10, 120), min_size=1, max_size=12), data=st.data())
def test_an_edited_sentence_changes_chunks_of_its_own_section_only(new_paper, minilm, sizes, data):
    edited = data.draw(st.integers(0, len(sizes) - 1))
    limits = Limits(max_tokens=64, min_tokens=8)
    made = []
    for word in ("swims", "swims and dives"):
        paper = new_paper()
        for number, size in enumerate(sizes):
            paper.heading(f"Section {number}")
            verb = word if number == edited else "swims"
            paper.text(" ".join(f"Duck {number} of {place} {verb}." for place in range(size)))
        chunks = fitted(structural(paper.read(), minilm, limits), minilm, limits.max_tokens)
        made.append({row.chunk_id: row.headings for row in rows("made", chunks, minilm.name)})

    before, after = made

    assert {tuple(before[chunk_id]) for chunk_id in before.keys() - after.keys()} == {(f"Section {edited}",)}


@checked
@given(data=st.data(), chunker=st.sampled_from([structural, page]))
def test_the_same_document_gives_the_same_rows_and_nothing_is_wrong_with_them(new_paper, minilm, data, chunker):
    source, _ = data.draw(papers(new_paper))
    limits = Limits(max_tokens=data.draw(st.integers(16, 254)))

    once, again = (
        list(rows("made", fitted(chunker(read(msgspec.convert(source, Docling)), minilm, limits), minilm, 254), "t"))
        for _ in range(2)
    )

    assert once == again
    assert list(_validate._order(once)) == []
    document = read(msgspec.convert(source, Docling))
    assert list(_validate._coverage(once, document, Options())) == []
