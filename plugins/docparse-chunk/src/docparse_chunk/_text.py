"""The text of single items: inline groups joined, list markers, formulas, forms."""

from collections.abc import Iterator

from docparse_chunk._docling import Docling, Graph, Item
from docparse_chunk._markup import markdown
from docparse_chunk._scripts import COLONS, NO_SPACE_AFTER, NO_SPACE_BEFORE, POSSESSIVES, is_unspaced

Parts = list[tuple[str, str, Item]]
"""(what stands before, text, item) of each part of a text; nothing stands before the first."""

_TITLE = 80
"""Longest text, in characters, that is taken for an unmarked heading when no punctuation ends it."""


def item_text(item: Item) -> str:
    """Return an item's own text; of a formula that was not decoded, what stands on the page."""
    if item.label == "formula":
        text = (item.text or item.orig).strip()
        return f"$${text}$$" if text else ""
    if item.label == "code":
        return item.text.strip("\n").rstrip()
    return item.text.strip()


def inline_parts(document: Docling, item: Item, *, markup: bool = False) -> Parts:
    """Return the text of an item and of everything below it as parts of one paragraph.

    Args:
        document: where the items are.
        item: the first of them.
        markup: whether links and emphasis are written as Markdown.
    """
    parts: Parts = []
    last: tuple[str, Item] | None = None
    for node in below(document, item):
        text = " ".join((node.text or (node.orig if node.label == "formula" else "")).split())
        if not text:
            continue
        if node.label == "formula":
            text = f"${text}$"
        joint = _joint(*last, text) if last is not None else ""
        parts.append((joint, markdown(text, node) if markup else text, node))
        last = text, node
    return parts


def introduces(parts: Parts) -> bool:
    """Say whether a text ends in a colon, or is as short and open-ended as a title, and so introduces what follows."""
    length = sum(len(before) + len(text) for before, text, _ in parts)
    last = parts[-1][1]
    return last.endswith(COLONS) or (length <= _TITLE and (last[-1].isalnum() or last[-1] in ")]"))


def below(document: Docling, item: Item) -> Iterator[Item]:
    """Yield an item and all items below it, in reading order, each once."""
    seen: set[str] = set()
    stack = [item]
    while stack:
        node = stack.pop()
        if node.self_ref in seen:
            continue
        seen.add(node.self_ref)
        yield node
        if node.children:
            stack += [document.item(child.ref) for child in reversed(node.children)]


def _joint(last: str, node: Item, text: str) -> str:
    if node.label == "field_key":
        return " " if last.endswith(COLONS) else ": "
    before, after = last[-1], text[0]
    is_ending = after in NO_SPACE_BEFORE or text.startswith(POSSESSIVES)
    if is_ending or before in NO_SPACE_AFTER or (is_unspaced(before) and is_unspaced(after)):
        return ""
    return " "


def list_marker(item: Item, ordinal: int, depth: int) -> str:
    """Return what stands before a list item's text: its indentation and its bullet or number.

    Args:
        item: the list item.
        ordinal: its place in its list, from 1.
        depth: how many lists it is in.
    """
    marker = item.marker.strip()
    if not any(letter.isalnum() for letter in marker):
        marker = f"{ordinal}." if item.enumerated else "-"
    return "  " * max(0, depth - 1) + marker + " "


def graph_lines(graph: Graph) -> list[str]:
    """Return a form's keys and values, one ``key: value`` a line; cells that other items carry are left to those."""
    cells = {cell.cell_id: cell for cell in graph.cells if cell.item_ref is None and cell.text.strip()}
    values: dict[int, list[str]] = {}
    told: set[int] = set()
    for link in graph.links:
        if link.label == "to_value" and link.source_cell_id in cells and link.target_cell_id in cells:
            values.setdefault(link.source_cell_id, []).append(cells[link.target_cell_id].text.strip())
            told.add(link.target_cell_id)
    lines = []
    for number, cell in cells.items():
        if number in values:
            lines.append(f"{cell.text.strip().rstrip(':')}: {', '.join(values[number])}")
        elif number not in told:
            lines.append(cell.text.strip())
    return lines
