"""The part of the DoclingDocument schema (1.x) that chunking reads, decoded straight from JSON.

Field names are docling-core's; see ``docling_core.types.doc.document.DoclingDocument``. Unknown fields, page images
among them, are skipped by the decoder and never become objects.
"""

from pathlib import Path
from typing import Annotated, Any

import msgspec

from docparse_runner import Category, StageError

_SCHEMA = "DoclingDocument"
_MAJOR = "1"

Index = Annotated[int, msgspec.Meta(ge=0)]


class Ref(msgspec.Struct, frozen=True, gc=False):
    """A JSON pointer to an item, ``#/texts/12``."""

    ref: str = msgspec.field(name="$ref")


class BBox(msgspec.Struct, frozen=True, gc=False):
    """A rectangle in points; ``coord_origin`` says which corner of the page is (0, 0)."""

    l: float  # noqa: E741 - docling's name
    t: float
    r: float
    b: float
    coord_origin: str = "TOPLEFT"


class Provenance(msgspec.Struct, frozen=True, gc=False):
    """Where on which page an item stands."""

    page_no: int
    bbox: BBox


class Cell(msgspec.Struct, frozen=True, gc=False):
    """A table cell; offsets are zero-based, ends are exclusive. ``ref`` is a rich cell's content."""

    start_row_offset_idx: Index
    end_row_offset_idx: Index
    start_col_offset_idx: Index
    end_col_offset_idx: Index
    text: str = ""
    column_header: bool = False
    row_header: bool = False
    ref: Ref | None = None


class Table(msgspec.Struct, frozen=True, gc=False):
    """A table's cells; docling's ``grid`` repeats them and is not read."""

    table_cells: list[Cell] = []


class PictureClass(msgspec.Struct, frozen=True, gc=False):
    """What a model took a picture for, and how sure it was."""

    class_name: str
    confidence: float | None = None


class Annotation(msgspec.Struct, frozen=True, gc=False):
    """What a model said about a picture, as documents before 1.7 have it; ``kind`` says which of the fields is set."""

    kind: str = ""
    text: str | None = None
    predicted_classes: list[PictureClass] = []
    smi: str = ""
    chart_data: Table | None = None


class Described(msgspec.Struct, frozen=True, gc=False):
    """A text about a picture."""

    text: str | None = None


class Chart(msgspec.Struct, frozen=True, gc=False):
    """The numbers behind a chart."""

    chart_data: Table = Table()


class Classification(msgspec.Struct, frozen=True, gc=False):
    """What a picture was taken for, the likeliest first."""

    predictions: list[PictureClass] = []


class Molecule(msgspec.Struct, frozen=True, gc=False):
    """A chemical structure in SMILES notation."""

    smi: str = ""


class Meta(msgspec.Struct, frozen=True, gc=False):
    """What models said about a picture."""

    description: Described | None = None
    tabular_chart: Chart | None = None
    classification: Classification | None = None
    molecule: Molecule | None = None


class Formatting(msgspec.Struct, frozen=True, gc=False):
    """How a text is set."""

    bold: bool = False
    italic: bool = False
    underline: bool = False
    strikethrough: bool = False
    script: str = "baseline"


class Size(msgspec.Struct, frozen=True, gc=False):
    """Of a page, in points."""

    width: float
    height: float


class Page(msgspec.Struct, frozen=True, gc=False):
    """A page."""

    size: Size | None = None


class GraphCell(msgspec.Struct, frozen=True, gc=False):
    """A key or a value of a form; ``item_ref`` names the item that carries the same text."""

    cell_id: int
    label: str = ""
    text: str = ""
    item_ref: Ref | None = None


class GraphLink(msgspec.Struct, frozen=True, gc=False):
    """A key and its value (``to_value``), or another relation of two cells."""

    label: str
    source_cell_id: int
    target_cell_id: int


class Graph(msgspec.Struct, frozen=True, gc=False):
    """The keys and values of a form."""

    cells: list[GraphCell] = []
    links: list[GraphLink] = []


class Item(msgspec.Struct, frozen=True, gc=False):
    """Any node of the document's tree: a group, a text, a table, a picture, a form."""

    self_ref: str
    label: str = "unspecified"
    content_layer: str = "body"
    children: list[Ref] = []
    name: str = ""
    text: str = ""
    orig: str = ""
    level: int = 1
    marker: str = ""
    enumerated: bool = False
    prov: list[Provenance] = []
    captions: list[Ref] = []
    footnotes: list[Ref] = []
    data: Table | None = None
    annotations: list[Annotation] = []
    meta: Meta | None = None
    graph: Graph | None = None
    formatting: Formatting | None = None
    hyperlink: str | None = None


class Docling(msgspec.Struct, frozen=True):
    """A DoclingDocument."""

    schema_name: str
    version: str
    body: Item
    groups: list[Item] = []
    texts: list[Item] = []
    tables: list[Item] = []
    pictures: list[Item] = []
    key_value_items: list[Item] = []
    form_items: list[Item] = []
    field_regions: list[Item] = []
    field_items: list[Item] = []
    pages: dict[str, Page] = {}

    def item(self, ref: str) -> Item:
        """Return the item that a JSON pointer names.

        Raises:
            StageError: of category ``input``: the document has no such item.
        """
        kind, _, number = ref[2:].partition("/")
        items = getattr(self, kind, None) if ref.startswith("#/") else None
        if items.__class__ is list and number.isdecimal() and int(number) < len(items):
            found: Item = items[int(number)]
            return found
        msg = f"the document refers to {ref!r}, which it does not have"
        raise StageError(msg, category=Category.INPUT)


class _Head(msgspec.Struct):
    schema_name: Any = None
    version: Any = None


_head_decoder = msgspec.json.Decoder(_Head)
_decoder = msgspec.json.Decoder(Docling)


def load(path: Path) -> Docling:
    """Return the document in a ``.docling.json`` file.

    Raises:
        StageError: of category ``input``: the file is not JSON, or not a DoclingDocument of version 1.
    """
    data = path.read_bytes()
    try:
        document = _decoded(data, path.name)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = f"{path.name} is not a DoclingDocument in JSON: {error}"
        raise StageError(msg, category=Category.INPUT) from None
    _check_head(document, path.name)
    return document


def _decoded(data: bytes, name: str) -> Docling:
    try:
        return _decoder.decode(data)
    except msgspec.ValidationError:
        _check_head(_head_decoder.decode(data), name)  # of another kind of file this says more
        raise


def _check_head(head: _Head | Docling, name: str) -> None:
    if head.schema_name != _SCHEMA:
        msg = f"{name} is not a DoclingDocument: its schema_name is {head.schema_name!r}"
        raise StageError(msg, category=Category.INPUT)
    if str(head.version).partition(".")[0] != _MAJOR:
        msg = f"{name} is a DoclingDocument of version {head.version!r}; this stage reads version {_MAJOR}.x"
        raise StageError(msg, category=Category.INPUT)
