"""Whether docling's models and OCR can run here: package specs, ``stat`` and the hub's cache; no network, no torch."""

import os
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import attrs

LAYOUT_REPOSITORY = "docling-project/docling-layout-heron"
"""The layout model that docling's standard pipeline uses by default."""

TABLE_REPOSITORY = "docling-project/docling-models"
_LAYOUT_FILES = ("config.json", "preprocessor_config.json", "model.safetensors")
_NEEDED = ("torch", "torchvision", "transformers")
_TABLES = Path("model_artifacts", "tableformer")


@attrs.frozen(kw_only=True)
class Models:
    """What of docling's models is on this machine.

    Attributes:
        missing: the packages that the engine ``ml`` lacks.
        artifacts: the folder that the weights were looked for in; None means the hub's cache.
        layout: the folder of the layout model's weights, or None.
        tables: whether the weights of the table model are there.
    """

    missing: tuple[str, ...]
    artifacts: Path | None
    layout: Path | None
    tables: bool

    @property
    def ready(self) -> bool:
        """Whether the engine ``ml`` can run."""
        return not self.missing and self.layout is not None

    @property
    def reason(self) -> str:
        """Return why it cannot, with what to do about it; empty when it can."""
        if self.missing:
            return f"{', '.join(self.missing)} not installed: pip install 'docparse-doctags[ml]'"
        if self.layout is None:
            where = self.artifacts or "the hub's cache"
            return f"no weights of {LAYOUT_REPOSITORY} in {where}: docling-tools models download, then --artifacts"
        return ""


def find_models(artifacts: str | None) -> Models:
    """Return what of docling's models is here; it takes milliseconds."""
    named = artifacts or os.environ.get("DOCLING_ARTIFACTS_PATH")
    folder = Path(named).expanduser() if named else None
    layout = _in_folder(folder) if folder else _in_cache(LAYOUT_REPOSITORY, _LAYOUT_FILES)
    return Models(
        missing=tuple(name for name in _NEEDED if not _has(name)),
        artifacts=folder,
        layout=layout,
        tables=_has_tables(folder),
    )


def _has(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ValueError:  # a module without a spec, as a program that replaces one leaves it
        return True


def _in_folder(folder: Path) -> Path | None:
    found = folder / LAYOUT_REPOSITORY.replace("/", "--")
    return found if all((found / name).is_file() for name in _LAYOUT_FILES) else None


def _in_cache(repository: str, files: tuple[str, ...]) -> Path | None:
    if not _has("huggingface_hub"):
        return None
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 - not there in a base install

    paths = [try_to_load_from_cache(repository, name) for name in files]
    return Path(str(paths[0])).parent if all(isinstance(path, str) for path in paths) else None


def _has_tables(folder: Path | None) -> bool:
    if not _has("docling_ibm_models"):
        return False
    if folder is None:
        return _in_cache(TABLE_REPOSITORY, (str(_TABLES / "accurate" / "tm_config.json"),)) is not None
    return (folder / TABLE_REPOSITORY.replace("/", "--") / _TABLES / "accurate" / "tm_config.json").is_file()


def ocr_version() -> str | None:
    """Return the version of RapidOCR, or None where it, or what runs its models, is not installed."""
    if not _has("onnxruntime"):
        return None
    try:
        return version("rapidocr")
    except PackageNotFoundError:
        return None
