"""What reads the documents: a name → a function from a PDF's path to the items that it finds.

The systems that are not installed beside docling are asked in another interpreter, see ``others.py``.
"""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
from docling.backend.docling_parse_backend import ThreadedDoclingParseDocumentBackend
from docling.datamodel.base_models import InputFormat
from docling.datamodel.document import InputDocument
from docling.pipeline.native_pdf_pipeline import NativePdfPipeline
from docling_core.types.doc import CodeItem, ContentLayer, CoordOrigin, DocItem, DoclingDocument, TableItem
from references import from_markdown

from docparse_doctags._engines import native
from docparse_doctags._readers import Reader
from docparse_doctags._worker import collect_seldom

_LABELS = {"section_header": "heading", "title": "heading"}


@attrs.frozen(kw_only=True)
class Reading:
    """What one system made of one document.

    Attributes:
        items: as ``references`` describes them.
        cpu_s: processor time.
    """

    items: list[dict[str, Any]]
    cpu_s: float


def docling_system(reader: Reader) -> Callable[[Path], Reading]:
    """Return a system that is a pipeline of docling's."""
    pipeline = reader.opened()

    def read(path: Path) -> Reading:
        begin = time.process_time()
        given = InputDocument(
            path_or_stream=path, format=InputFormat.PDF, backend=reader.backend, backend_options=reader.backend_options
        )
        document = pipeline.execute(given, raises_on_error=True).document
        return Reading(items=list(items_of(document)), cpu_s=time.process_time() - begin)

    return read


def local_systems() -> dict[str, Callable[[Path], Reading]]:
    """Return our engine and docling's flat pipeline, both in a process that is set up as a worker's."""
    collect_seldom()
    return {"native": docling_system(native.pdf_reader()), "flat": docling_system(_flat())}


def _flat() -> Reader:
    """Return docling's flat pipeline with the settings of ours: nothing rendered, one thread."""
    return attrs.evolve(native.pdf_reader(), pipeline=NativePdfPipeline, backend=ThreadedDoclingParseDocumentBackend)


def other_systems(python: Path, paths: list[Path]) -> dict[str, dict[str, Reading]]:
    """Return name of a system → stem of a PDF → what it made of it, as another interpreter runs them."""
    script = Path(__file__).with_name("others.py")
    done = subprocess.run([python, script, *paths], check=True, capture_output=True, text=True)
    found: dict[str, dict[str, Reading]] = {}
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            row = json.loads(line)
            items = row["items"] if "items" in row else from_markdown(row["markdown"])
            found.setdefault(row["system"], {})[row["name"]] = Reading(items=items, cpu_s=row["cpu_s"])
    return found


def items_of(document: DoclingDocument) -> Iterator[dict[str, Any]]:
    """Yield the items of a document in reading order, furniture left out."""
    floating = [item for item in document.texts if isinstance(item, CodeItem)]
    captions = {
        reference.cref for item in [*document.tables, *document.pictures, *floating] for reference in item.captions
    }
    for item, _ in document.iterate_items(included_content_layers={ContentLayer.BODY}, traverse_pictures=False):
        if not isinstance(item, DocItem) or item.self_ref in captions:
            continue
        for reference in getattr(item, "captions", []):
            yield _item(reference.resolve(document), document)
        if item.label != "picture":
            yield _item(item, document)


def _item(item: DocItem, document: DoclingDocument) -> dict[str, Any]:
    level = 0 if item.label == "title" else getattr(item, "level", 1)
    made = {
        "label": _LABELS.get(item.label, str(item.label.value)),
        "text": getattr(item, "text", ""),
        "level": level,
        "boxes": [_box(place, document) for place in item.prov],
    }
    if isinstance(item, TableItem):
        made["rows"] = [[cell.text for cell in row] for row in item.data.grid]
        made["cells"] = [cell.text for cell in item.data.table_cells]
    return made


def _box(place: Any, document: DoclingDocument) -> list[float]:
    box = place.bbox
    if box.coord_origin is not CoordOrigin.TOPLEFT:
        box = box.to_top_left_origin(document.pages[place.page_no].size.height)
    return [place.page_no, box.l, box.t, box.r, box.b]
