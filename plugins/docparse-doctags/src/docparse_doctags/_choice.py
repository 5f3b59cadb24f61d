"""What ``--engine auto`` and ``--ocr auto`` mean on this machine."""

from collections.abc import Mapping

from docparse_doctags._detect import LAYOUT_REPOSITORY, find_models, ocr_version
from docparse_doctags._options import Options
from docparse_runner import UsageError


def resolved(options: Options) -> Mapping[str, str]:
    """Return the engine, and what else its results depend on; the same data enters the config hash.

    Raises:
        UsageError: the engine that was asked for cannot run here; the message says what it lacks.
    """
    models = find_models(options.artifacts)
    if options.engine == "ml" and not models.ready:
        msg = f"doctags: --engine ml cannot run here: {models.reason}"
        raise UsageError(msg)
    engine = options.engine if options.engine != "auto" else "ml" if models.ready else "native"
    if engine == "vlm":
        return {"engine": engine, "model": options.vlm_model, "prompt": options.vlm_prompt}
    ocr = _ocr(options)
    if engine == "native":
        return {"engine": engine, "ocr": ocr}
    tables = options.table_mode if models.tables else "off"
    return {"engine": engine, "layout": LAYOUT_REPOSITORY, "tables": tables, "ocr": ocr}


def _ocr(options: Options) -> str:
    return "off" if options.ocr == "off" or ocr_version() is None else "rapidocr"


def why(options: Options, engine: str) -> str:
    """Return, in a clause, why this engine runs."""
    if options.engine != "auto":
        return f"--engine {options.engine}"
    reason = find_models(options.artifacts).reason
    return f"the engine ml cannot run: {reason}" if engine == "native" else "docling's models are on this machine"
