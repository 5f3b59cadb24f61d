"""Writing a converted document: the lossless JSON, and what is derived from it."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from docling.datamodel.base_models import FormatToMimeType, InputFormat
from docling_core.transforms.serializer.base import BaseTableSerializer, SerializationResult
from docling_core.transforms.serializer.doctags import DocTagsDocSerializer, DocTagsParams, DocTagsTableSerializer
from docling_core.types.doc import DoclingDocument, DocumentOrigin, FloatingItem, RichTableCell, TableItem
from docling_core.types.doc.common.meta import BaseMeta

from docparse_doctags._source import shown_name

_EXPORT_ERRORS = (AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What docling-core's serializers raise on sound documents, such as ``RuntimeError`` on a label without token."""

_PARAMS = DocTagsParams(mode=DocTagsParams.Mode.HUMAN_FRIENDLY)
"""What ``DoclingDocument.export_to_doctags()`` uses."""


class _TableSerializer(DocTagsTableSerializer):
    """docling-core's own, for which each table costs what it has in it.

    docling-core makes a serializer per table, which checks the whole document: 100 pages with a table of 240
    cells each took 30 s instead of 1.6 (docling-core 2.104).
    """

    def serialize(self, *, item: TableItem, doc: DoclingDocument, **kwargs: Any) -> SerializationResult:
        """Serialize a table; of the document, only those with items in their cells need more than its pages."""
        if not any(isinstance(cell, RichTableCell) for cell in item.data.table_cells):
            numbers = {place.page_no for place in item.prov} & doc.pages.keys()
            doc = DoclingDocument(name=doc.name, pages={number: doc.pages[number] for number in numbers})
        return super().serialize(item=item, doc=doc, **kwargs)


class _Serializer(DocTagsDocSerializer):
    """docling-core's own, mended.

    From 2.102 on it passes ``is_inline_scope`` twice for the caption of a code item, which is a ``TypeError``.
    """

    table_serializer: BaseTableSerializer = _TableSerializer()

    def serialize_captions(self, item: FloatingItem, **kwargs: Any) -> SerializationResult:
        """Serialize captions; they are not inline."""
        kwargs.pop("is_inline_scope", None)
        return super().serialize_captions(item, **kwargs)


def _doctags(document: DoclingDocument) -> str:
    return _Serializer(doc=document, params=_PARAMS).serialize().text


_EXPORTS: Mapping[str, tuple[str, Callable[[DoclingDocument], str]]] = {
    "doctags": ("DocTags", _doctags),
    "markdown": ("Markdown", DoclingDocument.export_to_markdown),
    "html": ("HTML", DoclingDocument.export_to_html),
    "doclang": ("DocLang", DoclingDocument.export_to_doclang),
}
"""Kind of output → its name for a person, and what makes it."""


def name_after(document: DoclingDocument, path: Path, kind: str, digest: str) -> None:
    """Say that a document was made from this file, as docling does of those that it reads itself.

    Args:
        document: the document, which is changed.
        path: the user's file.
        kind: docling's name for the format.
        digest: SHA-256 of the file, in hexadecimal digits.
    """
    name = shown_name(path)
    document.name = Path(name).stem
    mimetype = document.origin.mimetype if document.origin else FormatToMimeType[InputFormat(kind)][0]
    number = int(digest, 16) & (2**64 - 1)
    document.origin = DocumentOrigin(mimetype=mimetype, binary_hash=number, filename=name)


def describe(document: DoclingDocument, facts: Mapping[str, Any]) -> None:
    """Keep what is known of the source in the document.

    docling has no place for it but the metadata of items. That of the root of the furniture, which docling-core itself
    no longer uses, is kept when the document is loaded and saved, and unlike that of the body it does not turn up in
    the text of Markdown and HTML.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        root = document.furniture
    root.meta = BaseMeta()
    root.meta.set_custom_field("docparse", "source", dict(facts))


def write_json(document: DoclingDocument, path: Path) -> None:
    """Write the document so that nothing is lost and equal documents give equal bytes."""
    path.write_bytes(document.model_dump_json(by_alias=True, exclude_none=True).encode())


def write_exports(document: DoclingDocument, outputs: Mapping[str, Path]) -> list[str]:
    """Write what is derived from the document, and return what docling-core cannot write, one clause each.

    Args:
        document: the converted document.
        outputs: kind → path; kinds that are no exports are left alone.
    """
    lost = []
    for kind in [kind for kind in _EXPORTS if kind in outputs]:
        name, export = _EXPORTS[kind]
        try:
            encoded = export(document).encode()
        except _EXPORT_ERRORS as error:
            lost.append(f"no {name}: {type(error).__name__}: {error}")
        else:
            outputs[kind].write_bytes(encoded)
    return lost
