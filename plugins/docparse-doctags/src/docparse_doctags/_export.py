"""Writing a converted document: the lossless JSON, and DocTags derived from it."""

from pathlib import Path
from typing import Any

from docling_core.transforms.serializer.base import SerializationResult
from docling_core.transforms.serializer.doctags import DocTagsDocSerializer, DocTagsParams
from docling_core.types.doc import DoclingDocument, FloatingItem

_EXPORT_ERRORS = (AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What docling-core's serializer raises on sound documents, such as ``RuntimeError`` on a label without token."""

_PARAMS = DocTagsParams(mode=DocTagsParams.Mode.HUMAN_FRIENDLY)
"""What ``DoclingDocument.export_to_doctags()`` uses."""


class _Serializer(DocTagsDocSerializer):
    """docling-core's own, mended.

    From 2.102 on it passes ``is_inline_scope`` twice for the caption of a code item, which is a ``TypeError``.
    """

    def serialize_captions(self, item: FloatingItem, **kwargs: Any) -> SerializationResult:
        """Serialize captions; they are not inline."""
        kwargs.pop("is_inline_scope", None)
        return super().serialize_captions(item, **kwargs)


def write_json(document: DoclingDocument, path: Path) -> None:
    """Write the document so that nothing is lost and equal documents give equal bytes."""
    path.write_bytes(document.model_dump_json(by_alias=True, exclude_none=True).encode())


def write_doctags(document: DoclingDocument, path: Path) -> str | None:
    """Write the document as DocTags, or return why docling-core cannot."""
    try:
        encoded = _Serializer(doc=document, params=_PARAMS).serialize().text.encode()
    except _EXPORT_ERRORS as error:
        return f"no DocTags: {type(error).__name__}: {error}"
    path.write_bytes(encoded)
    return None
