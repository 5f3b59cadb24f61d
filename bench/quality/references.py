"""Reference conversions that somebody else made, DocTags or Markdown, in the shape of our own references.

An item is a dict: label (heading, text, list_item, code, table, caption, footnote, formula), text, level of a heading,
boxes ([page, left, top, right, bottom], in points or, where `scale` is set, in parts of the page), and of a table rows
(the text at every row and column, spans repeated) and cells (each text once). Where `repeats` is set, as of a table in
Markdown, which cells are spans is a guess.
"""

import html
import re
from collections.abc import Iterator
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

_PAGE = 500
"""DocTags count positions in this many parts of the page."""

_LABELS = {"text": "text", "list_item": "list_item", "caption": "caption", "footnote": "footnote", "code": "code"}
_LABELS |= {"formula": "formula", "paragraph": "text", "title": "heading"}
_ITEM = re.compile(
    r"<(section_header_level_\d|title|text|paragraph|list_item|code|formula|footnote|otsl|picture)>(.*?)</\1>",
    re.DOTALL,
)
_CAPTION = re.compile(r"<caption>(.*?)</caption>", re.DOTALL)
_PLACE = re.compile(r"<loc_(\d+)>" * 4)
_TAG = re.compile(r"<[^>]*>")
_CELL = re.compile(r"<(fcel|ecel|ched|rhed|srow|lcel|ucel|xcel|nl)>([^<]*)")


def from_doctags(text: str) -> list[dict[str, Any]]:
    """Return the items of a DocTags document, furniture left out."""
    found = []
    for page, part in enumerate(text.split("<page_break>"), 1):
        for match in _ITEM.finditer(part):
            found += _doctags_items(match[1], match[2], page)
    return found


def _doctags_items(tag: str, content: str, page: int) -> Iterator[dict[str, Any]]:
    caption = _CAPTION.search(content)
    content = _CAPTION.sub("", content)
    place = _PLACE.search(content)
    box = [page, *(int(edge) / _PAGE for edge in place.groups())] if place else None
    if caption:
        yield {"label": "caption", "text": _plain(caption[1]), "level": 1, "boxes": []}
    if tag == "picture":
        return
    if tag == "otsl":
        yield {"label": "table", "text": "", "level": 1, "boxes": [box] if box else [], "scale": True, **_otsl(content)}
        return
    header = tag.startswith("section_header")
    label = "heading" if header else _LABELS[tag]
    level = int(tag[-1]) if header else 1
    yield {"label": label, "text": _plain(content), "level": level, "boxes": [box] if box else [], "scale": True}


def _plain(text: str) -> str:
    return " ".join(html.unescape(_TAG.sub("", text)).split())


def _otsl(content: str) -> dict[str, Any]:
    rows: list[list[str]] = [[]]
    cells = []
    for kind, text in _CELL.findall(content):
        if kind == "nl":
            rows.append([])
        elif kind == "lcel":
            rows[-1].append(rows[-1][-1])
        elif kind in {"ucel", "xcel"}:
            rows[-1].append(rows[-2][len(rows[-1])])
        else:
            rows[-1].append(_plain(text))
            cells.append(_plain(text))
    return {"rows": [row for row in rows if row], "cells": cells}


def from_markdown(text: str) -> list[dict[str, Any]]:
    """Return the items of a Markdown document."""
    tokens = MarkdownIt("commonmark").enable("table").parse(re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL))
    found: list[dict[str, Any]] = []
    stack: list[str] = []
    for index, token in enumerate(tokens):
        if token.type == "table_open":
            found.append(_markdown_table(tokens[index:]))
        stack = [*stack, token.type] if token.nesting > 0 else stack[:-1] if token.nesting < 0 else stack
        if token.type in {"fence", "code_block"}:
            found.append({"label": "code", "text": token.content.strip(), "level": 1, "boxes": []})
        elif token.type == "inline" and "table_open" not in stack and (said := _said(token)):
            found.append({**_kind(stack, tokens[index - 1]), "text": said, "boxes": []})
    return [item for item in found if item["text"] or item["label"] == "table"]


def _kind(stack: list[str], opened: Token) -> dict[str, Any]:
    if stack[-1] == "heading_open":
        return {"label": "heading", "level": int(opened.tag[1])}
    return {"label": "list_item" if "list_item_open" in stack else "text", "level": 1}


def _said(token: Token) -> str:
    kept = {"text", "code_inline", "softbreak", "hardbreak"}
    parts = [
        " " if child.type.endswith("break") else child.content for child in token.children or [] if child.type in kept
    ]
    return " ".join("".join(parts).split())


def _markdown_table(tokens: list[Token]) -> dict[str, Any]:
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(_said(token))
    cells = [
        text for row, line in enumerate(rows) for column, text in enumerate(line) if not _repeats(rows, row, column)
    ]
    return {"label": "table", "text": "", "level": 1, "boxes": [], "rows": rows, "cells": cells, "repeats": True}


def _repeats(rows: list[list[str]], row: int, column: int) -> bool:
    """Return whether a cell is a span written again, as Markdown has to: the same words as on its left or above."""
    text = rows[row][column]
    neighbours = [rows[row][column - 1]] if column else []
    if row and column < len(rows[row - 1]):
        neighbours.append(rows[row - 1][column])
    return len(text) > 3 and " " in text and text in neighbours
