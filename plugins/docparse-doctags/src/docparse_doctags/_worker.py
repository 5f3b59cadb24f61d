"""What a worker opens. Nothing heavy is imported before it does."""

import gc
from collections.abc import Callable

from docparse_doctags._detect import ocr_version
from docparse_doctags._ladder import Way
from docparse_doctags._light_import import later_modules, without_modules
from docparse_runner import ItemOutcome, StageContext, WorkItem

_NEW_OBJECTS = 10_000
"""So many objects are made before Python looks for cycles among them, instead of 700.

A page makes thousands and hardly a cycle; looking for those took a seventh of the processor time of PDFs.
"""

_UNUSED, _SELDOM_USED = ("torch", "transformers"), ("pandas", "scipy.ndimage")
"""What docling imports and no engine but ``ml`` needs: the second are loaded if somebody uses them after all."""


def collect_seldom() -> None:
    """Let Python's collector of cycles run less often in this process."""
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])


def open_worker(context: StageContext) -> Callable[[WorkItem], ItemOutcome]:
    """Return the function that converts one document, with docling loaded."""
    engine = context.resolved.get("engine", "native")
    reads_images = context.resolved.get("ocr") == "rapidocr"
    # The model sees the pages itself; OCR is for when it does not answer.
    has_spare = engine == "vlm" and context.options.ocr == "auto" and ocr_version() is not None
    collect_seldom()
    unused, later = ((), ()) if engine == "ml" else (_UNUSED, _SELDOM_USED)
    with without_modules(*unused), later_modules(*later):
        from docparse_doctags._conversion import DocumentWorker  # noqa: PLC0415 - docling takes 1.5 s

        return DocumentWorker(context, Way(engine=engine, ocr=reads_images or has_spare))
