"""From a DoclingDocument's tree to a ``Document``: reading order, headings, and what is left out.

Each item is visited once. Page headers and footers and the layers that were not asked for are left out; captions and
footnotes stand with their table or figure wherever they are in the tree.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import attrs

from docparse_chunk._build import NEW_LINE, PARAGRAPH, Builder
from docparse_chunk._docling import Cell, Docling, Item, Ref, Table
from docparse_chunk._markup import markdown
from docparse_chunk._pictures import PICTURES, chart, descriptions
from docparse_chunk._tables import TableText, table_text
from docparse_chunk._text import Parts, below, graph_lines, inline_parts, introduces, item_text, list_marker
from docparse_chunk._units import Document, Section

_LEFT_OUT = frozenset({"page_header", "page_footer", "marker"})

_DEEPEST = 100
"""docling's last level of headings."""


@attrs.frozen(kw_only=True)
class Reading:
    """How documents are read.

    Attributes:
        layers: the content layers to read.
        markup: whether links and emphasis are written as Markdown.
        markers: what begins a paragraph at which a chunk must begin.
    """

    layers: frozenset[str] = frozenset({"body"})
    markup: bool = False
    markers: tuple[str, ...] = ()


_PLAIN = Reading()


def read(document: Docling, reading: Reading = _PLAIN, path: Path | None = None) -> Document:
    """Return the document's text in reading order.

    Args:
        document: what ``load`` returned.
        reading: which of its text, and how.
        path: the file that it was loaded from.

    Raises:
        StageError: of category ``input``: the document refers to an item that it does not have.
    """
    sections = _Walk(document, reading).sections()
    sizes = {int(number): page.size for number, page in document.pages.items() if number.isdecimal()}
    pages = {number: (size.width, size.height) for number, size in sizes.items() if size is not None}
    return Document(sections=sections, path=path, pages=pages)


@attrs.frozen(kw_only=True)
class _Visit:
    """An item to visit, or the end of a scope.

    Attributes:
        item: the item; None at the end of a scope.
        depth: how many lists it is in.
        ordinal: its place among its siblings, from 1.
        levels: the headings to go on under, at the end of a scope.
    """

    item: Item | None = None
    depth: int = 0
    ordinal: int = 1
    levels: Mapping[int, str] = MappingProxyType({})


class _Walk:
    def __init__(self, document: Docling, reading: Reading) -> None:
        self._document = document
        self._layers = reading.layers
        self._reading = reading
        self._build = Builder()
        self._stack: list[_Visit] = []
        self._seen = set(self._claimed())

    def sections(self) -> tuple[Section, ...]:
        self._push(self._document.body.children)
        while self._stack:
            visit = self._stack.pop()
            if visit.item is None:
                self._build.restore(dict(visit.levels))
            elif visit.item.self_ref not in self._seen:
                self._seen.add(visit.item.self_ref)
                self._visit(visit, visit.item)
        return self._build.sections()

    def _claimed(self) -> Iterator[str]:
        """Yield what is written with the table, figure or code that refers to it, not where it is in the tree."""
        for kind in ("tables", "pictures", "texts"):
            items: list[Item] = getattr(self._document, kind)
            for item in items:
                if (item.captions or item.footnotes or item.data) and item.content_layer in self._layers:
                    yield from (ref.ref for ref in (*item.captions, *item.footnotes))
                    yield from (cell.ref.ref for cell in _cells(item) if cell.ref is not None)

    def _visit(self, visit: _Visit, item: Item) -> None:
        if item.label in _LEFT_OUT:
            return
        if item.content_layer not in self._layers:
            self._push(item.children, visit.depth)
        elif item.data is not None:
            self._table(visit, item)
        elif item.graph is not None:
            self._graph(visit, item)
        else:
            self._handlers.get(item.label, _Walk._text)(self, visit, item)

    def _push(self, children: Iterable[Ref], depth: int = 0) -> None:
        items = [self._document.item(child.ref) for child in children]
        visits = [_Visit(item=item, depth=depth, ordinal=number) for number, item in enumerate(items, 1)]
        self._stack += reversed(visits)

    def _parts(self, item: Item) -> tuple[Parts, list[Ref]]:
        """Return an item's text and the children still to visit: an inline group below an empty text is that text."""
        text = item_text(item)
        if text:
            return [("", markdown(text, item) if self._reading.markup else text, item)], item.children
        if item.children:
            first = self._document.item(item.children[0].ref)
            if first.label == "inline":
                return self._inline_parts(first), item.children[1:]
        return [], item.children

    def _inline_parts(self, item: Item) -> Parts:
        return inline_parts(self._document, item, markup=self._reading.markup)

    def _text(self, visit: _Visit, item: Item) -> None:
        parts, children = self._parts(item)
        if parts and parts[0][2].text.lstrip().startswith(self._reading.markers):
            self._build.apart()
        if len(parts) == 1 and item.label == "text":
            self._build.line(item, parts[0][1])
        elif parts:
            self._build.text(parts, kind=_KINDS.get(item.label, "text"), leads=introduces(parts))
        self._push(children, visit.depth)

    def _inline(self, _visit: _Visit, item: Item) -> None:
        parts = self._inline_parts(item)
        if parts:
            kind = "key_value" if item.label == "field_item" else "text"
            self._build.text(parts, kind=kind, leads=introduces(parts))

    def _heading(self, visit: _Visit, item: Item) -> None:
        parts, children = self._parts(item)
        text = " ".join("".join(before + text for before, text, _ in parts).split())
        if text:
            self._build.heading(item, text, 0 if item.label == "title" else min(item.level, _DEEPEST))
        self._push(children, visit.depth)

    def _list(self, visit: _Visit, item: Item) -> None:
        self._push(item.children, visit.depth + 1)

    def _list_item(self, visit: _Visit, item: Item) -> None:
        parts, children = self._parts(item)
        if parts:
            _, text, first = parts[0]
            parts[0] = ("", list_marker(item, visit.ordinal, visit.depth) + text, first)
            self._build.text(parts, kind="list_item", before=self._line_or_paragraph("list_item"))
        self._push(children, visit.depth)

    def _checkbox(self, visit: _Visit, item: Item) -> None:
        mark = "[x]" if item.label == "checkbox_selected" else "[ ]"
        text = item_text(item)
        if text:
            self._build.text(
                [("", f"{mark} {text}", item)], kind="list_item", before=self._line_or_paragraph("list_item")
            )
        self._push(item.children, visit.depth)

    def _line_or_paragraph(self, kind: str) -> str:
        return NEW_LINE if self._build.last_kind() == kind else PARAGRAPH

    def _code(self, _visit: _Visit, item: Item) -> None:
        text = item_text(item)
        caption = self._captions(item, leads=bool(text))
        if text:
            self._build.text([("", text, item)], kind="code", caption=caption)
        self._floating(item.footnotes, "footnote", caption)

    def _table(self, visit: _Visit, item: Item) -> None:
        table = self._table_text(item.data or Table())
        caption = self._captions(item, leads=table is not None)
        if table is not None:
            self._build.table(item, table, caption)
        self._floating(item.footnotes, "footnote", caption)
        self._push(item.children, visit.depth)

    def _table_text(self, table: Table) -> TableText | None:
        return table_text(table, self._cell_text, self._cell_items)

    def _picture(self, visit: _Visit, item: Item) -> None:
        told = descriptions(item)
        numbers = chart(item)
        table = self._table_text(numbers) if numbers is not None else None
        caption = self._captions(item, leads=bool(told) or table is not None, about=item)
        for text in told:
            self._build.text([("", text, item)], kind="picture", caption=caption)
        if table is not None:
            self._build.table(item, table, caption)
        self._floating(item.footnotes, "footnote", caption)
        self._push(item.children, visit.depth)

    def _graph(self, visit: _Visit, item: Item) -> None:
        assert item.graph is not None  # noqa: S101 - the caller looked
        caption = self._captions(item, leads=True)
        for line in graph_lines(item.graph):
            self._build.text([("", line, item)], kind="key_value", before=self._line_or_paragraph("key_value"))
        self._floating(item.footnotes, "footnote", caption)
        self._push(item.children, visit.depth)

    def _scope(self, _visit: _Visit, item: Item) -> None:
        """Visit a group at whose end the headings inside it cease to hold."""
        self._stack.append(_Visit(levels=self._build.levels))
        if item.label == "sheet" and item.name.strip():
            self._build.heading(item, " ".join(item.name.split()), 0)
        self._push(item.children)

    def _captions(self, item: Item, *, leads: bool, about: Item | None = None) -> str:
        """Write the captions of a table, figure or code and return them."""
        return self._floating(item.captions, "caption", leads=leads, about=about)

    def _floating(
        self, refs: Iterable[Ref], kind: str, caption: str = "", *, leads: bool = False, about: Item | None = None
    ) -> str:
        told = [self._inline_parts(self._document.item(ref.ref)) for ref in refs]
        texts = [parts for parts in told if parts]
        caption = caption or " ".join("".join(before + text for before, text, _ in parts) for parts in texts)
        for parts in texts:
            self._build.text(parts, kind=kind, caption=caption, leads=leads, about=about)
        return caption

    def _cell_text(self, cell: Cell) -> str:
        """Return a cell's text; of a rich cell without one, the text of what it holds."""
        if cell.text.strip() or cell.ref is None:
            return cell.text
        return " ".join(self._flat(node) for node in below(self._document, self._document.item(cell.ref.ref)))

    def _flat(self, item: Item) -> str:
        """Return an item's own text on one line; of a table its cells, of a picture what is told of it."""
        if item.data is not None:
            return ", ".join(cell.text.strip() for cell in item.data.table_cells if cell.text.strip())
        if item.label in PICTURES:
            return " ".join(descriptions(item))
        if item.graph is not None:
            return "; ".join(graph_lines(item.graph))
        return item_text(item)

    def _cell_items(self, cell: Cell) -> list[Item]:
        if cell.ref is None:
            return []
        return [node for node in below(self._document, self._document.item(cell.ref.ref)) if self._flat(node)]

    _handlers: ClassVar[Mapping[str, Callable[["_Walk", _Visit, Item], None]]] = {
        "title": _heading,
        "section_header": _heading,
        "inline": _inline,
        "field_item": _inline,
        "list": _list,
        "ordered_list": _list,
        "list_item": _list_item,
        "checkbox_selected": _checkbox,
        "checkbox_unselected": _checkbox,
        "code": _code,
        "picture": _picture,
        "chart": _picture,
        "chapter": _scope,
        "slide": _scope,
        "sheet": _scope,
    }


def _cells(item: Item) -> Iterable[Cell]:
    return item.data.table_cells if item.data is not None else ()


_KINDS = {"formula": "formula", "footnote": "footnote", "caption": "caption"}
