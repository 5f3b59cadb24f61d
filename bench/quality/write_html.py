"""Sources as web pages, which LibreOffice opens in its text editor."""

from base64 import b64encode
from html import escape
from pathlib import Path

from marks import hex_of
from sources import Part, Source
from write_docx import drawing, sides


def write_html(source: Source, path: Path) -> None:
    """Write a page."""
    body = "\n".join(_part(index, part) for index, part in enumerate(source.parts))
    body = body.replace("</ol>\n<ol>", "\n").replace("</ul>\n<ul>", "\n")
    direction = ' dir="rtl"' if source.mirrored else ""
    path.write_text(
        f'<!doctype html><html><head><meta charset="utf-8"><title></title><style>'
        f"body,td,th{{font-family:'{source.font}';font-size:{source.size}pt}}td p,th p{{margin:0}}</style></head>"
        f"<body{direction}>\n{body}\n</body></html>\n"
    )


def _part(index: int, part: Part) -> str:
    colour = f'<font color="#{hex_of(index)}">'
    text = f"{colour}{escape(part.text)}</font>"
    match part.label:
        case "heading":
            return f"<h{part.level}>{text}</h{part.level}>"
        case "list_item":
            kind = "ol" if part.ordered else "ul"
            nested = f"<{kind}><li>{text}</li></{kind}>"
            return f"<ul>{nested}</ul>" if part.level else nested
        case "code":
            return f"<pre>{text}</pre>"
        case "picture":
            kind, data = ("svg+xml", _chart().encode()) if index % 2 else ("png", drawing(index).read())
            return f'<p><img src="data:image/{kind};base64,{b64encode(data).decode()}" width="300" height="160"></p>'
        case "table":
            return _table(index, part)
        case _:
            return f"<p>{text}</p>"


def _chart() -> str:
    """Return a bar chart that stays vectors in the PDF."""
    bars = "".join(
        f'<rect x="{20 + 24 * bar}" y="{140 - high}" width="16" height="{high}" fill="#3060a0"/>'
        for bar, high in enumerate(9 * (bar * 7 % 13) for bar in range(11))
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="160">'
        f'<path d="M10 5 V140 H295" stroke="#202060" fill="none"/>{bars}</svg>'
    )


def _table(index: int, part: Part) -> str:
    rows = []
    for row, cells in enumerate(part.rows):
        lines = "".join(f"border-{side}:0.75pt solid #{hex_of(index)};" for side in sides(part, row, len(part.rows)))
        made = "".join(
            f'<td rowspan="{down}" colspan="{across}" style="{lines}padding:2pt">'
            f'<font color="#{hex_of(index)}">{_strong(text, head=row == 0)}</font></td>'
            for text, down, across in cells
        )
        rows.append(f"<tr>{made}</tr>")
    return f'<table cellspacing="0" width="100%" style="page-break-inside:avoid">{"".join(rows)}</table><p></p>'


def _strong(text: str, *, head: bool) -> str:
    return f"<b>{escape(text)}</b>" if head else escape(text)
