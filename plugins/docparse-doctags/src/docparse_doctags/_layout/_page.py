"""One page: its lines, tables and pictures as elements in reading order."""

from collections.abc import Collection, Iterable, Sequence

import attrs
from docling.datamodel.base_models import PageElement
from docling_core.types.doc import BoundingBox, DocItemLabel

from docparse_doctags._layout._body import Body
from docparse_doctags._layout._boxes import boxes_of
from docparse_doctags._layout._columns import regions_of
from docparse_doctags._layout._elements import picture_element, table_element, text_element
from docparse_doctags._layout._fonts import Font
from docparse_doctags._layout._formulas import formulas_of
from docparse_doctags._layout._furniture import is_header
from docparse_doctags._layout._labels import Surroundings, label_of
from docparse_doctags._layout._lines import Line, PageLines
from docparse_doctags._layout._paragraphs import Block, blocks_of, counted_items
from docparse_doctags._layout._table import Table
from docparse_doctags._layout._tables import table_in, tabulars_of
from docparse_doctags._layout._words import Words

FURNITURE = (DocItemLabel.PAGE_HEADER, DocItemLabel.PAGE_FOOTER)


@attrs.frozen
class Figure:
    """A picture and the lines of text in it."""

    box: BoundingBox
    lines: tuple[Line, ...] = ()


@attrs.frozen
class Part:
    """Something on the page that becomes one element."""

    top: float
    content: Block | Table | Figure
    label: DocItemLabel


@attrs.frozen(kw_only=True)
class PageLayout:
    """What is known of a page before its elements are built.

    Attributes:
        page: its lines.
        body: the running text of the document.
        furniture: those lines that are header or footer.
        words: its words.
        tables: those told by their rules.
        pictures: boxes, from the top left.
        titles: the page's bookmarks, as ``title_key`` writes them.
        tagged: whether tags say what the headings of the document are.
    """

    page: PageLines
    body: Body
    furniture: frozenset[Line]
    words: Words
    tables: Sequence[Table] = ()
    pictures: Sequence[BoundingBox] = ()
    titles: Collection[str] = ()
    tagged: bool = False

    def parts(self) -> list[Part]:
        """Return what is on the page in reading order: headers, columns, footers."""
        lines = [line for line in self.page.lines if line in self.furniture]
        outer = [Part(line.top, Block(lines=[line]), self._furniture_label(line)) for line in lines]
        return [
            *(part for part in outer if part.label is DocItemLabel.PAGE_HEADER),
            *self._content(),
            *(part for part in outer if part.label is DocItemLabel.PAGE_FOOTER),
        ]

    def _content(self) -> Iterable[Part]:
        lines = [line for line in self.page.lines if line not in self.furniture]
        lines = [line for line in lines if not any(self._is_in(line, table.box) for table in self.tables)]
        figures = [self._figure(box, lines) for box in self.pictures]
        drawn = {line for figure in figures for line in figure.lines}
        floats = {
            **{self._place(table.box): Part(table.box[1], table, DocItemLabel.TABLE) for table in self.tables},
            **{self._place(_edges(part.box)): Part(part.box.t, part, DocItemLabel.PICTURE) for part in figures},
        }
        lines = sorted(
            [*(line for line in lines if line not in drawn), *floats], key=lambda line: (line.top, line.left)
        )
        for region in (box for column in regions_of(lines) for box in boxes_of(column)):
            placed = [floats[line] for line in region if line in floats]
            text = self._region([line for line in region if line not in floats])
            yield from sorted([*text, *placed], key=lambda part: part.top)

    def _figure(self, box: BoundingBox, lines: Iterable[Line]) -> Figure:
        return Figure(box, tuple(line for line in lines if self._is_in(line, _edges(box))))

    def _is_in(self, line: Line, box: tuple[float, float, float, float]) -> bool:
        return self.page.is_inside(line, *box)

    def _place(self, box: tuple[float, float, float, float]) -> Line:
        """Return a line without text where a table or picture is, so that columns are told around it."""
        left, top, right, bottom = box
        if self.page.mirrored:
            left, right = self.page.width - right, self.page.width - left
        return Line(text="", left=left, top=top, right=right, bottom=bottom, size=bottom - top, font=Font())

    def _region(self, lines: Sequence[Line]) -> Iterable[Part]:
        formulas = formulas_of(lines)
        for formula in formulas:
            yield Part(min(line.top for line in formula), Block(lines=formula), DocItemLabel.FORMULA)
        drawn = {line for formula in formulas for line in formula}
        lines = [line for line in lines if line not in drawn]
        tabulars = tabulars_of(lines)
        in_rows = {line for tabular in tabulars for line in tabular.lines}
        for tabular in tabulars:
            table = table_in(tabular, self.words, self.page)
            if table is None:
                yield Part(tabular.lines[0].top, Block(lines=tabular.lines), DocItemLabel.TEXT)
            else:
                yield Part(table.box[1], table, DocItemLabel.TABLE)
        blocks = blocks_of([line for line in lines if line not in in_rows])
        counted = counted_items(blocks)
        for block in blocks:
            around = Surroundings(
                body=self.body,
                page=self.page,
                titles=self.titles,
                tagged=self.tagged,
                lonely=_is_lonely(block, lines),
                counted=block in counted,
            )
            yield Part(block.top, block, label_of(block, around))

    def _furniture_label(self, line: Line) -> DocItemLabel:
        return DocItemLabel.PAGE_HEADER if is_header(line, self.page) else DocItemLabel.PAGE_FOOTER


def element_of(number: int, part: Part, page: PageLines) -> PageElement:
    """Return the element that a part becomes; `number` is unique on its page."""
    match part.content:
        case Figure(box=box, lines=lines):
            return picture_element(number, box, lines, page)
        case Table() as table:
            return table_element(number, table, page)
        case block:
            return text_element(number, block, part.label, page)


def _edges(box: BoundingBox) -> tuple[float, float, float, float]:
    return box.l, box.t, box.r, box.b


def _is_lonely(block: Block, lines: Iterable[Line]) -> bool:
    """Return whether no line of the same look stands beside the first one, as in the head of a table."""
    first = block.lines[0]
    return not any(
        line is not first and abs(line.centre - first.centre) < first.size / 2 and line.font.bold == first.font.bold
        for line in lines
    )
