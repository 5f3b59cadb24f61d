"""What the stage converts here, and what would let it convert more."""

from collections.abc import Iterator

from docparse_doctags._detect import find_models, ocr_version
from docparse_doctags._formats import EXTENSIONS, IMAGES, LEGACY
from docparse_doctags._legacy import libreoffice
from docparse_runner import Capability


def capabilities() -> Iterator[Capability]:
    """Yield the formats that always work, then what an extra or a program enables; packages are only looked for."""
    models = find_models(None)
    has_ocr = ocr_version() is not None
    yield Capability(name="formats", summary=" ".join(sorted(EXTENSIONS)))
    yield Capability(
        name="OCR",
        summary=f"scanned pages, and {' '.join(sorted(IMAGES))}",
        enabled=has_ocr,
        remedy="pip install 'docparse-doctags[ocr]'",
    )
    yield Capability(
        name="engine ml",
        summary="docling's models for layout and tables",
        enabled=models.ready,
        remedy=models.reason,
    )
    yield Capability(name="engine vlm", summary="pages read by a vision-language model behind --vlm-url")
    yield Capability(
        name="LibreOffice",
        summary=f"{' '.join(sorted(LEGACY))}, with --legacy-office",
        enabled=libreoffice() is not None,
        remedy="install LibreOffice, so that soffice is on the PATH",
    )
