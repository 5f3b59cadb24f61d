"""Writing a converted document: the lossless JSON, and DocTags derived from it."""

from pathlib import Path

from docling_core.types.doc import DoclingDocument

_EXPORT_ERRORS = (AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What docling-core's DocTags serializer raises on documents that are fine: ``TypeError`` on a captioned code item,
``RuntimeError`` and ``ValueError`` on labels and picture classes that have no token."""


def write_json(document: DoclingDocument, path: Path) -> None:
    """Write the document so that nothing is lost and equal documents give equal bytes."""
    path.write_text(document.model_dump_json(by_alias=True, exclude_none=True), encoding="utf-8", newline="")


def write_doctags(document: DoclingDocument, path: Path) -> str | None:
    """Write the document as DocTags, or return why docling-core cannot."""
    try:
        text = document.export_to_doctags()
        encoded = text.encode()
    except _EXPORT_ERRORS as error:
        return f"no DocTags: {type(error).__name__}: {error}"
    path.write_bytes(encoded)
    return None
