"""The structure tree of a page of a tagged PDF (ISO 32000-2, 14.7), as PDFium reads it.

PDFium makes, of each page, the elements that have content there and what these are in. The others are left out, though
not their places, so that an empty cell is told from none.
"""

import ctypes
from collections.abc import Iterator
from typing import Any

import attrs
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

_DEEPEST = 60
_MOST_ELEMENTS = 5000
"""Bounds of one page: damaged trees have loops."""

_NAME_BYTES = 64
"""Of a name in UTF-16, with its terminating zero; the longest here has ten letters."""

_NO_CONTENT = -1


@attrs.define(kw_only=True, eq=False)
class Element:
    """A part of the structure.

    Attributes:
        number: its place in reading order, content counted too.
        role: its name in the standard, as ``P`` or ``TD``.
        contents: the numbers of the marked content that it has itself.
        children: the elements in it, None for one that has nothing on this page.
        rows: how many a cell spans, as written: damaged files have any number.
        columns: how many a cell spans.
        scope: what a header cell heads: ``Row``, ``Column``, ``Both``, or empty where the PDF does not say.
    """

    number: int
    role: str
    contents: frozenset[int] = frozenset()
    children: list["Element | None"] = attrs.field(factory=list)
    rows: float = 1
    columns: float = 1
    scope: str = ""

    @property
    def numbers(self) -> range:
        """Return the numbers of it and of all that is in it, and of no other element."""
        known = [child for child in self.children if child is not None]
        return range(self.number, known[-1].numbers.stop if known else self.number + 1)

    def all(self) -> Iterator["Element"]:
        """Yield it and what is in it, in reading order."""
        yield self
        for child in self.children:
            if child is not None:
                yield from child.all()


@attrs.frozen
class Structure:
    """What a structure tree says of a page.

    Attributes:
        root: what all its elements are in.
        whole: whether it was read to its end.
    """

    root: Element = attrs.field(factory=lambda: Element(number=-1, role=""))
    whole: bool = True


def structure_of(page: pdfium.PdfPage) -> Structure:
    """Return the structure of a page, empty where it has none."""
    structure = Structure()
    tree = pdfium_c.FPDF_StructTree_GetForPage(page)
    if not tree:
        return structure
    handles = [
        pdfium_c.FPDF_StructTree_GetChildAtIndex(tree, index)
        for index in range(pdfium_c.FPDF_StructTree_CountChildren(tree))
    ]
    whole = _read(structure.root, handles)
    pdfium_c.FPDF_StructTree_Close(tree)
    return attrs.evolve(structure, whole=whole)


def _read(root: Element, handles: list[Any]) -> bool:
    """Read all elements below one; return whether that was within the bounds."""
    stack: list[tuple[Any, Element, int]] = [(handle, root, 0) for handle in reversed(handles)]
    number, whole = 0, True
    while stack and number < _MOST_ELEMENTS:
        handle, above, depth = stack.pop()
        whole = whole and depth <= _DEEPEST
        if not handle or depth > _DEEPEST:
            above.children.append(None)
            number += 1
            continue
        element, below = _element(handle, number)
        above.children.append(element)
        stack += [(child, element, depth + 1) for child in reversed(below)]
        number += 1 + max(pdfium_c.FPDF_StructElement_CountChildren(handle), 0) - len(below)
    return whole and not stack


def _element(handle: Any, number: int) -> tuple[Element, list[Any]]:
    """Return an element and the handles of its children."""
    contents, below = set(), []
    for index in range(max(pdfium_c.FPDF_StructElement_CountChildren(handle), 0)):
        content = pdfium_c.FPDF_StructElement_GetChildMarkedContentID(handle, index)
        if content == _NO_CONTENT:
            below.append(pdfium_c.FPDF_StructElement_GetChildAtIndex(handle, index))
        else:
            contents.add(content)
    contents |= {
        pdfium_c.FPDF_StructElement_GetMarkedContentIdAtIndex(handle, index)
        for index in range(max(pdfium_c.FPDF_StructElement_GetMarkedContentIdCount(handle), 0))
    }
    element = Element(number=number, role=_role(handle), contents=frozenset(contents - {_NO_CONTENT}))
    if element.role in {"TH", "TD"}:
        _add_attributes(element, handle)
    return element, below


def _role(handle: Any) -> str:
    """Return the name of an element; one that is longer than all names of the standard is none that counts here."""
    buffer = ctypes.create_string_buffer(_NAME_BYTES)
    return _name(buffer, pdfium_c.FPDF_StructElement_GetType(handle, buffer, _NAME_BYTES))


def _name(buffer: ctypes.Array[ctypes.c_char], size: int) -> str:
    return buffer.raw[: max(size - 2, 0)].decode("utf-16-le", "replace") if size <= _NAME_BYTES else ""


def _add_attributes(element: Element, handle: Any) -> None:
    """Add what a cell says of itself (ISO 32000-2, 14.8.5.7)."""
    for index in range(max(pdfium_c.FPDF_StructElement_GetAttributeCount(handle), 0)):
        attributes = pdfium_c.FPDF_StructElement_GetAttributeAtIndex(handle, index)
        element.rows = _number(attributes, b"RowSpan", element.rows)
        element.columns = _number(attributes, b"ColSpan", element.columns)
        element.scope = _text(attributes, b"Scope", element.scope)


def _number(attributes: Any, name: bytes, default: float) -> float:
    value = pdfium_c.FPDF_StructElement_Attr_GetValue(attributes, name)
    number = ctypes.c_float()
    return number.value if pdfium_c.FPDF_StructElement_Attr_GetNumberValue(value, number) else default


def _text(attributes: Any, name: bytes, default: str) -> str:
    value = pdfium_c.FPDF_StructElement_Attr_GetValue(attributes, name)
    buffer, size = ctypes.create_string_buffer(_NAME_BYTES), ctypes.c_ulong()
    known = pdfium_c.FPDF_StructElement_Attr_GetStringValue(value, buffer, _NAME_BYTES, size)
    return _name(buffer, size.value) if known else default
