"""One page: its lines and pictures as elements in reading order."""

from collections.abc import Collection, Iterable, Sequence

import attrs
from docling.datamodel.base_models import PageElement
from docling_core.types.doc import BoundingBox, DocItemLabel

from docparse_doctags._layout._body import Body
from docparse_doctags._layout._columns import regions_of
from docparse_doctags._layout._elements import picture_element, table_element, text_element
from docparse_doctags._layout._furniture import is_header
from docparse_doctags._layout._labels import Surroundings, label_of
from docparse_doctags._layout._lines import Line, PageLines
from docparse_doctags._layout._paragraphs import Block, blocks_of
from docparse_doctags._layout._tables import Tabular, tabulars_of

FURNITURE = (DocItemLabel.PAGE_HEADER, DocItemLabel.PAGE_FOOTER)


@attrs.frozen
class _Part:
    """Something on the page that becomes one element."""

    top: float
    content: Block | Tabular | BoundingBox
    label: DocItemLabel


@attrs.frozen(kw_only=True)
class PageLayout:
    """What is known of a page before its elements are built.

    Attributes:
        page: its lines.
        body: the running text of the document.
        furniture: those lines that are header or footer.
        pictures: boxes, from the top left.
        titles: the page's bookmarks, as ``title_key`` writes them.
    """

    page: PageLines
    body: Body
    furniture: frozenset[Line]
    pictures: Sequence[BoundingBox] = ()
    titles: Collection[str] = ()

    def elements(self) -> list[PageElement]:
        """Return the elements in reading order: headers, columns, footers."""
        lines = [line for line in self.page.lines if line in self.furniture]
        outer = [_Part(line.top, Block(lines=[line]), self._furniture_label(line)) for line in lines]
        parts = [
            *(part for part in outer if part.label is DocItemLabel.PAGE_HEADER),
            *self._content(),
            *(part for part in outer if part.label is DocItemLabel.PAGE_FOOTER),
        ]
        return [self._element(number, part) for number, part in enumerate(parts)]

    def _content(self) -> Iterable[_Part]:
        regions = regions_of([line for line in self.page.lines if line not in self.furniture])
        pictures: list[list[_Part]] = [[] for _ in regions or [[]]]
        for box in self.pictures:
            pictures[_region_of(box, regions)].append(_Part(box.t, box, DocItemLabel.PICTURE))
        for lines, figures in zip(regions or [[]], pictures, strict=True):
            yield from sorted([*self._region(lines), *figures], key=lambda part: part.top)

    def _region(self, lines: Sequence[Line]) -> Iterable[_Part]:
        tabulars = tabulars_of(lines)
        in_rows = {line for tabular in tabulars for line in tabular.lines}
        for tabular in tabulars:
            yield _Part(tabular.lines[0].top, tabular, DocItemLabel.TABLE if tabular.regular else DocItemLabel.TEXT)
        for block in blocks_of([line for line in lines if line not in in_rows]):
            around = Surroundings(body=self.body, page=self.page, titles=self.titles, lonely=_is_lonely(block, lines))
            yield _Part(block.top, block, label_of(block, around))

    def _furniture_label(self, line: Line) -> DocItemLabel:
        return DocItemLabel.PAGE_HEADER if is_header(line, self.page) else DocItemLabel.PAGE_FOOTER

    def _element(self, number: int, part: _Part) -> PageElement:
        match part.content:
            case BoundingBox() as box:
                return picture_element(number, box, self.page)
            case Tabular(regular=True) as table:
                return table_element(number, table, self.page)
            case other:
                return text_element(number, Block(lines=list(other.lines)), part.label, self.page)


def _region_of(box: BoundingBox, regions: Sequence[Sequence[Line]]) -> int:
    """Return the index of the region a picture is in, or of the last one that begins above it."""
    across, down = (box.l + box.r) / 2, (box.t + box.b) / 2
    best = 0
    for index, lines in enumerate(regions):
        top, bottom = min(line.top for line in lines), max(line.bottom for line in lines)
        if min(line.left for line in lines) < across < max(line.right for line in lines):
            if top <= down <= bottom:
                return index
            best = index if top <= down else best
    return best


def _is_lonely(block: Block, lines: Iterable[Line]) -> bool:
    """Return whether no line of the same look stands beside the first one, as in the head of a table."""
    first = block.lines[0]
    return not any(
        line is not first and abs(line.centre - first.centre) < first.size / 2 and line.font.bold == first.font.bold
        for line in lines
    )
