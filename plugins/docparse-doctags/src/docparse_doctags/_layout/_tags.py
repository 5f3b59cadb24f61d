"""What a tagged PDF says of its own structure (ISO 32000-2, 14.8): paragraphs, headings with levels, tables.

PDFium reads the structure tree and says to which part of it each piece of text belongs; the parser's lines are matched
by where they are. Tags decide where paragraphs end and what they are, where a page has them for most of its text. Where
the authors marked nothing as a heading, as Word users do who only set text in bold, headings are told by their look.
"""

import ctypes
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import attrs
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
from docling.utils.locks import pypdfium2_lock

from docparse_doctags._layout._lines import Line, PageLines, Tag
from docparse_doctags._layout._structure import Element, Structure, structure_of
from docparse_doctags._layout._tagged_tables import tagged_tables

_LEVELS = {"Title": 1, "H": 1, **{f"H{level}": level for level in range(1, 7)}}
_BLOCKS = frozenset(
    {*_LEVELS, "P", "LI", "LBody", "Caption", "Note", "FENote", "Code", "TD", "TH", "TOCI", "BlockQuote"}
)
"""Elements that are paragraphs of their own. Inside them are spans, links and the like."""

_MOST_OBJECTS = 5000
"""A page with more pieces of text is a drawing."""

_TAGGED = 0.8
"""Tags of a page count when at least this share of its letters has some."""

_HEADINGS = 0.35
"""A document of which more letters than this share are headings was tagged by its looks, and badly."""

_BAND = 16.0


@attrs.frozen
class _Piece:
    left: float
    top: float
    right: float
    bottom: float
    tag: Tag


def tagged(pages: Sequence[PageLines], source: Path | BytesIO, password: str | None = None) -> list[PageLines]:
    """Return the pages, their lines with tags, and with the tables that these tell, where the PDF has sane ones.

    Args:
        pages: what the parser read.
        source: the PDF.
        password: to open it with.
    """
    if isinstance(source, BytesIO):
        source.seek(0)
    with pypdfium2_lock:  # PDFium is not thread-safe
        try:
            document = pdfium.PdfDocument(source, password=password)
        except pdfium.PdfiumError:
            return list(pages)
        try:
            if not pdfium_c.FPDFCatalog_IsTagged(document.raw):
                return list(pages)
            found = [_tagged_page(page, *_read(document, page.number)) for page in pages]
        finally:
            document.close()
    return found if _are_sane(found) else list(pages)


def has_headings(pages: Sequence[PageLines]) -> bool:
    """Return whether some line is tagged as a heading."""
    return any(line.tag is not None and line.tag.level for page in pages for line in page.lines)


def _are_sane(pages: Sequence[PageLines]) -> bool:
    lines = [line for page in pages for line in page.lines]
    headings = sum(len(line.text) for line in lines if line.tag is not None and line.tag.level)
    return headings <= _HEADINGS * sum(len(line.text) for line in lines)


def _tagged_page(page: PageLines, structure: Structure, pieces: Sequence[_Piece]) -> PageLines:
    if page.turn.degrees:
        return page
    bands: defaultdict[int, list[_Piece]] = defaultdict(list)
    for piece in pieces:
        for band in range(int(piece.top // _BAND), int(piece.bottom // _BAND) + 1):
            bands[band].append(piece)
    lines = tuple(attrs.evolve(line, tag=_tag_of(line, page, bands)) for line in page.lines)
    letters = sum(len(line.text) for line in lines)
    with_tags = sum(len(line.text) for line in lines if line.tag is not None)
    if with_tags < _TAGGED * letters:
        return page
    page = attrs.evolve(page, lines=lines)
    boxes: defaultdict[int, list[tuple[float, float, float, float]]] = defaultdict(list)
    for piece in pieces:
        boxes[piece.tag.element[1]].append((piece.left, piece.top, piece.right, piece.bottom))
    return attrs.evolve(page, tables=tuple(tagged_tables(page, structure, boxes)))


def _tag_of(line: Line, page: PageLines, bands: Mapping[int, Sequence[_Piece]]) -> Tag | None:
    """Return the tag of the text in the middle of a line, or at its ends where there is a space in the middle."""
    down = (line.top + line.bottom) / 2
    near = [piece for piece in bands.get(int(down // _BAND), ()) if piece.top - 1 <= down <= piece.bottom + 1]
    for share in (0.5, 0.1, 0.9):
        across = line.left + share * line.width
        across = page.width - across if page.mirrored else across
        for piece in near:
            if piece.left - 1 <= across <= piece.right + 1:
                return piece.tag
    return None


def _read(document: pdfium.PdfDocument, number: int) -> tuple[Structure, list[_Piece]]:
    """Return the structure of a page and the pieces of text that it knows."""
    try:
        page = document[number - 1]
    except pdfium.PdfiumError:
        return Structure(), []
    if page.get_rotation():
        return Structure(), []  # PDFium's boxes are those of the page before it is turned
    structure = structure_of(page)
    pieces = list(_pieces(page, _tags(structure, number)))
    page.close()
    return structure, pieces


def _pieces(page: pdfium.PdfPage, tags: Mapping[int, Tag]) -> Iterator[_Piece]:
    height = page.get_height()
    edges = [ctypes.c_float() for _ in range(4)]
    for item in _text_objects(page) if tags else ():
        tag = tags.get(pdfium_c.FPDFPageObj_GetMarkedContentID(item))
        if tag is not None and pdfium_c.FPDFPageObj_GetBounds(item, *edges):
            left, bottom, right, top = (edge.value for edge in edges)
            yield _Piece(left, height - top, right, height - bottom, tag)


def _text_objects(page: pdfium.PdfPage) -> Iterator[Any]:
    for index in range(min(pdfium_c.FPDFPage_CountObjects(page), _MOST_OBJECTS)):
        item = pdfium_c.FPDFPage_GetObject(page, index)
        if pdfium_c.FPDFPageObj_GetType(item) == pdfium_c.FPDF_PAGEOBJ_TEXT:
            yield item


def _tags(structure: Structure, number: int) -> dict[int, Tag]:
    """Return number of a piece of marked content → the paragraph that it is in."""
    claims: defaultdict[int, list[Tag]] = defaultdict(list)
    _claim(structure.root, None, number, claims)
    return _settled(claims)


def _claim(element: Element, above: Tag | None, page: int, claims: defaultdict[int, list[Tag]]) -> None:
    tag = _tag((page, element.number), element.role, above)
    for content in element.contents:
        if tag is not None:
            claims[content].append(tag)
    for child in element.children:
        if child is not None:
            _claim(child, tag, page, claims)


def _settled(claims: Mapping[int, Sequence[Tag]]) -> dict[int, Tag]:
    """Return one paragraph for each piece.

    PDFium tells the numbers of all pieces of a paragraph that goes on from or to another page, though numbers count per
    page. Both pieces and paragraphs come in reading order, more or less, so the claim in the like place is right.
    """
    last = max((tag.element[1] for tags in claims.values() for tag in tags), default=0) or 1
    most = max(claims, default=0) or 1
    return {
        content: min(tags, key=lambda tag: abs(tag.element[1] / last - content / most))
        for content, tags in claims.items()
    }


def _tag(element: tuple[int, int], role: str, above: Tag | None) -> Tag | None:
    """Return the tag of an element; a paragraph in a list item, note or caption is one of those."""
    if role not in _BLOCKS:
        return above
    if role == "P" and above is not None and above.role != "BlockQuote":
        return Tag(element=element, role=above.role, level=above.level)
    return Tag(element=element, role=role, level=_LEVELS.get(role, 0))
