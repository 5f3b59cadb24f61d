"""A tagged PDF: its structure tree names headings, paragraphs, lists and tables in reading order.

reportlab draws the page and knows no tags. So each paragraph brackets what it draws as marked content and notes the
number it used; pypdf then adds the tree that refers to these numbers (ISO 32000-1, 14.7 and 14.8).
"""

import io
from itertools import count
from typing import Any

import attrs
from _source.markup import Block, Text
from _source.pdf import Look, column_widths, described, grid, rich, signs
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, BooleanObject, DictionaryObject, IndirectObject, NameObject, NumberObject
from pypdf.generic import TextStringObject as Words
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import cm
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer

_MARGIN = 2.5 * cm

_Path = tuple[tuple[str, int], ...]
"""Structure types from the root down to a leaf, each with a number that tells it from its equals."""


@attrs.frozen(kw_only=True)
class _Mark:
    """Where one piece of content was drawn.

    Attributes:
        path: its place in the structure tree.
        page: page index, from 0.
        number: marked-content number on that page.
    """

    path: _Path
    page: int
    number: int


class _Tagged(Paragraph):
    """A paragraph that draws itself as marked content and says so."""

    def __init__(self, text: str, style: Any, path: _Path, marks: list[_Mark], *, sign: str | None = None) -> None:
        super().__init__(text, style, bulletText=sign)
        self.path, self.marks = path, marks

    def split(self, _width: float, _height: float) -> list[Flowable]:
        """Stay whole: a half would not know its place in the tree."""
        return []

    def drawOn(self, canvas: Any, x: float, y: float, _sW: float = 0) -> None:  # noqa: N802, N803 - reportlab's names
        """Draw between the operators that begin and end marked content."""
        page = canvas.getPageNumber() - 1
        number = sum(mark.page == page for mark in self.marks)
        self.marks.append(_Mark(path=self.path, page=page, number=number))
        canvas._code.append(f"/{self.path[-1][0]} <</MCID {number}>> BDC")  # noqa: SLF001 - no public operator
        super().drawOn(canvas, x, y, _sW)
        canvas._code.append("EMC")  # noqa: SLF001 - as above


def build_tagged(text: Text) -> bytes:
    """Render a text as a tagged PDF in one column."""
    marks: list[_Mark] = []
    drawn = io.BytesIO()
    margins = dict.fromkeys(("leftMargin", "rightMargin", "topMargin", "bottomMargin"), _MARGIN)
    document = SimpleDocTemplate(drawn, pagesize=A4, invariant=1, **described(text), **margins)
    document.build(_flow(text.blocks, marks))
    return _with_tree(drawn, marks)


def _flow(blocks: tuple[Block, ...], marks: list[_Mark]) -> list[Flowable]:
    look = Look(regular="Helvetica", bold="Helvetica-Bold", size=11, width=A4[0] - 2 * _MARGIN)
    serial = count()
    flow: list[Flowable] = []
    for block in blocks:
        if block.kind == "heading":
            leaf = (f"H{block.level}", next(serial))
            flow.append(_Tagged(rich(block.text), look.heading(block.level), (leaf,), marks))
        elif block.kind == "text":
            flow.append(_Tagged(rich(block.text), look.style(), (("P", next(serial)),), marks))
        elif block.kind == "table":
            flow += [_table(block, look, ("Table", next(serial)), marks), Spacer(0, look.size)]
        else:
            flow += _list(block, look, ("L", next(serial)), marks)
    return flow


def _list(block: Block, look: Look, parent: tuple[str, int], marks: list[_Mark]) -> list[Flowable]:
    return [
        _Tagged(rich(entry), look.item(), (parent, ("LI", number), ("LBody", 0)), marks, sign=sign)
        for number, (sign, entry) in enumerate(signs(block))
    ]


def _table(block: Block, look: Look, parent: tuple[str, int], marks: list[_Mark]) -> Flowable:
    head, body = (look.style(fontName=font, spaceAfter=0) for font in (look.bold, look.regular))
    cells: list[list[Flowable]] = []
    for number, row in enumerate(block.rows):
        style, tag = (head, "TH") if number == 0 else (body, "TD")
        path = (parent, ("TR", number))
        cells.append([_Tagged(rich(cell), style, (*path, (tag, column)), marks) for column, cell in enumerate(row)])
    return grid(cells, column_widths(block.rows, look), ruled=True)


def _with_tree(drawn: io.BytesIO, marks: list[_Mark]) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(drawn))
    root = _element("StructTreeRoot", kind="Type")
    nodes: dict[_Path, IndirectObject] = {(): writer._add_object(root)}  # noqa: SLF001 - pypdf's way to add any object
    parents: list[ArrayObject] = [ArrayObject() for _ in writer.pages]
    for mark in marks:
        leaf = _node(writer, nodes, mark.path)
        element: Any = leaf.get_object()
        element[NameObject("/Pg")] = writer.pages[mark.page].indirect_reference
        element["/K"].append(NumberObject(mark.number))
        parents[mark.page].append(leaf)
    _attach(writer, nodes[()], parents)
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def _node(writer: PdfWriter, nodes: dict[_Path, IndirectObject], path: _Path) -> IndirectObject:
    """Return the element at a path, and make it and its ancestors where they are missing."""
    if path not in nodes:
        parent = _node(writer, nodes, path[:-1])
        element = _element(path[-1][0])
        element[NameObject("/P")] = parent
        nodes[path] = writer._add_object(element)  # noqa: SLF001 - as above
        above: Any = parent.get_object()
        above["/K"].append(nodes[path])
    return nodes[path]


def _element(name: str, kind: str = "S") -> DictionaryObject:
    return DictionaryObject({NameObject(f"/{kind}"): NameObject(f"/{name}"), NameObject("/K"): ArrayObject()})


def _attach(writer: PdfWriter, root: IndirectObject, parents: list[ArrayObject]) -> None:
    """Hang the tree into the catalog, with the map from each page's marks back to their elements."""
    numbers = ArrayObject()
    for index, page in enumerate(writer.pages):
        page[NameObject("/StructParents")] = NumberObject(index)
        numbers += [NumberObject(index), writer._add_object(parents[index])]  # noqa: SLF001 - as above
    tree: Any = root.get_object()
    tree[NameObject("/ParentTree")] = DictionaryObject({NameObject("/Nums"): numbers})
    catalog = writer.root_object
    catalog[NameObject("/StructTreeRoot")] = root
    catalog[NameObject("/MarkInfo")] = DictionaryObject({NameObject("/Marked"): BooleanObject(value=True)})
    catalog[NameObject("/Lang")] = Words("en")
