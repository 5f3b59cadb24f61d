"""Building a document: sections and units in reading order, and where each stands in the body text."""

from collections.abc import Sequence

import attrs

from docparse_chunk._docling import Item
from docparse_chunk._lines import Line, is_list_item, join, line_of, without_hyphen
from docparse_chunk._markup import styles_of
from docparse_chunk._pictures import PICTURES, picture
from docparse_chunk._split import refined
from docparse_chunk._tables import TableText
from docparse_chunk._text import Parts, introduces
from docparse_chunk._units import HEADING, Box, Row, Section, Source, Unit

PARAGRAPH = "\n\n"
NEW_LINE = "\n"


@attrs.define(kw_only=True)
class _Open:
    """A section being filled."""

    path: tuple[str, ...]
    heads: list[Unit] = attrs.field(factory=list)
    units: list[Unit] = attrs.field(factory=list)
    apart: bool = False


@attrs.define(kw_only=True)
class _Paragraph:
    """A text that lines may still be added to."""

    parts: Parts
    last: Line
    before: str


class Builder:
    """Takes headings, texts and tables in reading order."""

    def __init__(self) -> None:
        self._sections = [_Open(path=())]
        self._levels: dict[int, str] = {}
        self._sources: dict[str, Source] = {}
        self._length = 0
        self._paragraph: _Paragraph | None = None

    @property
    def levels(self) -> dict[int, str]:
        """Return the headings in force by level, outermost first."""
        return dict(self._levels)

    def sections(self) -> tuple[Section, ...]:
        """Return what was built."""
        self._close()
        return tuple(
            Section(path=section.path, heads=tuple(section.heads), units=tuple(section.units), apart=section.apart)
            for section in self._sections
            if section.heads or section.units
        )

    def apart(self) -> None:
        """Let a chunk begin here, under the headings in force; one that has just been written stays with what comes."""
        self._close()
        if not self._sections[-1].units:
            self._sections[-1].apart = True
        else:
            self._sections.append(_Open(path=tuple(self._levels.values()), apart=True))

    def heading(self, item: Item, text: str, level: int) -> None:
        """Begin a section; a heading right below another one shares its section."""
        self._close()
        self._levels = {above: title for above, title in self._levels.items() if above < level} | {level: text}
        path = tuple(self._levels.values())
        section = self._sections[-1]
        if section.units or section.path != path[:-1] or not section.heads:
            section = _Open(path=path)
            self._sections.append(section)
        section.path = path
        section.heads.append(self._unit([("", text, item)], kind=HEADING, leads=True))

    def restore(self, levels: dict[int, str]) -> None:
        """Go on under the headings that were in force earlier."""
        if levels != self._levels:
            self._close()
            self._levels = levels
            self._sections.append(_Open(path=tuple(levels.values())))

    def line(self, item: Item, text: str) -> None:
        """Add a text that may be one line of a longer paragraph."""
        line = line_of(item, text)
        if self._paragraph is not None:
            joint = join(self._paragraph.last, line)
            if joint is not None:
                self._continue(joint[0], text, item)
                self._paragraph.last = joint[1]
                return
            is_list = line.extent is not None and is_list_item(text) and is_list_item(self._paragraph.parts[0][1])
            before = NEW_LINE if is_list else PARAGRAPH
            self._close()
        else:
            before = PARAGRAPH
        self._paragraph = _Paragraph(parts=[("", text, item)], last=line, before=before)

    def _continue(self, joint: str, text: str, item: Item) -> None:
        """Add a line to the paragraph; a hyphen that only the end of the line needed goes."""
        assert self._paragraph is not None  # noqa: S101 - the caller looked
        before, last, above = self._paragraph.parts[-1]
        if joint == NEW_LINE and (word := without_hyphen(last, text)) is not None:
            self._paragraph.parts[-1] = (before, word, above)
            joint = ""
        self._paragraph.parts.append((joint, text, item))

    def text(
        self,
        parts: Parts,
        *,
        kind: str = "text",
        before: str = PARAGRAPH,
        leads: bool = False,
        caption: str = "",
        about: Item | None = None,
    ) -> None:
        """Add a text of one or more parts.

        Args:
            parts: what it consists of, at least one part.
            kind: see ``Unit``.
            before: what stands before it.
            leads: whether it introduces what follows.
            caption: of the table or figure that it belongs to.
            about: the picture that it tells of, which is a source of it too.
        """
        self._close()
        unit = self._unit(parts, kind=kind, before=before, leads=leads, caption=caption)
        self._add(self._with_sources(unit, [about] if about is not None else []))

    def table(self, item: Item, table: TableText, caption: str = "") -> None:
        """Add a table, its header first; what its rich cells hold are sources too."""
        self._close()
        header = [("", table.header.text, item)]
        unit = self._unit(header, kind="table", leads=bool(table.rows), caption=caption)
        self._add(self._with_sources(unit, table.header_items))
        for text, row, items in table.rows:
            unit = self._unit([("", text, item)], kind="table", before=NEW_LINE, caption=caption, row=row)
            self._add(self._with_sources(attrs.evolve(unit, opens=False), items))

    def _with_sources(self, unit: Unit, items: Sequence[Item]) -> Unit:
        if not items:
            return unit
        first = unit.sources[0][0]
        more = [(first, self._source(item)) for item in items]
        return attrs.evolve(unit, sources=(unit.sources[0], *more, *unit.sources[1:]))

    def last_kind(self) -> str:
        """Return the kind of the text before, in the same section; or empty."""
        if self._paragraph is not None:
            return "text"
        units = self._sections[-1].units
        return units[-1].kind if units else ""

    def _close(self) -> None:
        """End the paragraph that lines were added to."""
        if self._paragraph is not None:
            paragraph, self._paragraph = self._paragraph, None
            leads = introduces(paragraph.parts)
            self._add(self._unit(paragraph.parts, kind="text", before=paragraph.before, leads=leads))

    def _add(self, unit: Unit) -> None:
        self._sections[-1].units += refined(unit)

    def _unit(
        self,
        parts: Parts,
        *,
        kind: str,
        before: str = PARAGRAPH,
        leads: bool = False,
        caption: str = "",
        row: Row | None = None,
    ) -> Unit:
        text, sources = self._joined(parts)
        start = self._length + len(before) if self._length else 0
        self._length = start + len(text)
        return Unit(
            text=text,
            before=before,
            kind=kind,
            start=start,
            end=self._length,
            sources=sources,
            leads=leads,
            caption=caption,
            row=row,
        )

    def _joined(self, parts: Parts) -> tuple[str, tuple[tuple[int, Source], ...]]:
        if len(parts) == 1:
            _, text, item = parts[0]
            return text, ((0, self._source(item)),)
        pieces: list[str] = []
        sources: list[tuple[int, Source]] = []
        length = 0
        for before, text, item in parts:
            pieces += (before, text)
            sources.append((length + len(before), self._source(item)))
            length += len(before) + len(text)
        return "".join(pieces), tuple(sources)

    def _source(self, item: Item) -> Source:
        source = self._sources.get(item.self_ref)
        if source is None:
            source = self._sources[item.self_ref] = _source(item)
        return source


def _source(item: Item) -> Source:
    boxes = tuple([Box(p.page_no, p.bbox.l, p.bbox.t, p.bbox.r, p.bbox.b, p.bbox.coord_origin) for p in item.prov])
    if item.label in PICTURES:
        return Source(item.self_ref, boxes, picture=picture(item))
    styles = styles_of(item)
    if not (styles or item.hyperlink):
        return Source(item.self_ref, boxes)
    return Source(item.self_ref, boxes, text=" ".join(item.text.split()), url=item.hyperlink or "", styles=styles)
