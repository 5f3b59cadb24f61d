"""The small markup of the texts in this folder, parsed into blocks that every renderer understands.

``#`` headings, ``-`` and ``1.`` items (two blanks deeper for a sub-item), ``|`` table rows of which the first is the
header, ``*emphasis*``; a paragraph is one line. ``Table:`` is the caption of the table that follows, ``caption:``
that of the figure before, ``figure:`` the name of a drawing, ``notes:`` what a speaker says. Lines of the form
``key: value`` before the first blank line describe the document.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import attrs


@attrs.frozen(kw_only=True)
class Block:
    """One unit of a text.

    Attributes:
        kind: heading, text, bullets, numbers, table, title (the caption of a table), caption, figure or notes.
        text: what it says; empty for lists and tables.
        level: of a heading, from 1.
        items: of a list, each with its depth from 0.
        rows: of a table, header first, all of one length.
    """

    kind: str
    text: str = ""
    level: int = 0
    items: tuple[tuple[int, str], ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@attrs.frozen(kw_only=True)
class Text:
    """A parsed text.

    Attributes:
        about: its ``key: value`` lines, such as title, author, note and abstract.
        blocks: everything else, in order.
    """

    about: dict[str, str]
    blocks: tuple[Block, ...]

    @property
    def title(self) -> str:
        """The name of the document: stated, or its first heading."""
        return self.about.get("title") or next(block.text for block in self.blocks if block.kind == "heading")


_KINDS = {
    "heading": re.compile(r"#+ "),
    "bullets": re.compile(r" *- "),
    "numbers": re.compile(r"\d+\. "),
    "table": re.compile(r"\|"),
    "title": re.compile(r"Table: "),
    "caption": re.compile(r"caption: "),
    "figure": re.compile(r"figure: "),
    "notes": re.compile(r"notes: "),
    "about": re.compile(r"(title|subtitle|author|note|abstract): "),
}


def read(path: Path) -> Text:
    """Parse the text in a file."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line]
    grouped = [(kind, list(group)) for kind, group in groupby(lines, _kind)]
    about = dict(line.split(": ", 1) for kind, group in grouped if kind == "about" for line in group)
    return Text(about=about, blocks=tuple(_blocks(grouped)))


def spans(text: str) -> list[tuple[str, bool]]:
    """Split a line into pieces, each with whether it is emphasised."""
    pieces = re.split(r"\*([^*]+)\*", text)
    return [(piece, position % 2 == 1) for position, piece in enumerate(pieces) if piece]


def plain(text: str) -> str:
    """Return a line without its emphasis marks."""
    return "".join(piece for piece, _ in spans(text))


def _kind(line: str) -> str:
    return next((kind for kind, pattern in _KINDS.items() if pattern.match(line)), "text")


def _blocks(grouped: list[tuple[str, list[str]]]) -> Iterator[Block]:
    for kind, lines in grouped:
        if kind in {"bullets", "numbers"}:
            yield Block(kind=kind, items=tuple(_item(line, kind) for line in lines))
        elif kind == "table":
            yield Block(kind=kind, rows=tuple(_row(line) for line in lines))
        elif kind != "about":
            yield from (_line(kind, line) for line in lines)


def _line(kind: str, line: str) -> Block:
    if kind == "text":
        return Block(kind=kind, text=line)
    mark, text = line.split(" ", 1)
    return Block(kind=kind, text=text, level=len(mark) if kind == "heading" else 0)


def _item(line: str, kind: str) -> tuple[int, str]:
    depth = (len(line) - len(line.lstrip())) // 2
    return depth, _KINDS[kind].sub("", line, count=1)


def _row(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip("|").split("|"))
