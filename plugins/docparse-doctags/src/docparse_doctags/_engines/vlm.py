"""docling's vision-language pipeline: each page is an image that a model, served elsewhere, reads."""

from contextlib import AbstractContextManager
from types import ModuleType

from docling.backend.docling_parse_backend import ThreadedDoclingParseDocumentBackend
from docling.datamodel.pipeline_options import VlmConvertOptions, VlmPipelineOptions
from docling.datamodel.pipeline_options_vlm_model import ResponseFormat
from docling.datamodel.stage_model_specs import VlmModelSpec
from docling.datamodel.vlm_engine_options import ApiVlmEngineOptions, VlmEngineType
from pydantic import AnyUrl

from docparse_doctags._light_import import in_place_of
from docparse_doctags._readers import Reader

NAME = "vlm"
_TIMEOUT_S = 300.0
"""How long one page may take the model; the item's deadline holds in any case."""

_HERE = "docling.models.vlm_pipeline_models"
_LOCAL_MODELS = {
    f"{_HERE}.hf_transformers_model": "HuggingFaceTransformersVlmModel",
    f"{_HERE}.mlx_model": "HuggingFaceMlxModel",
}


def _without_local_models() -> AbstractContextManager[None]:
    """Let docling's pipeline be imported without transformers and torch, which only models on this machine need."""
    return in_place_of({name: _module_with(name, kind) for name, kind in _LOCAL_MODELS.items()})


def _module_with(name: str, kind: str) -> ModuleType:
    module = ModuleType(name)
    setattr(module, kind, type(kind, (), {}))
    return module


def pdf_reader(*, url: str, model: str, answers: str, prompt: str, key: str | None) -> Reader:
    """Return docling's pipeline against an endpoint in the way of OpenAI's chat completions.

    Args:
        url: of the endpoint.
        model: its name there.
        answers: ``doctags`` or ``markdown``.
        prompt: what is asked of each page.
        key: the endpoint's key, or None.
    """
    with _without_local_models():
        from docling.pipeline.vlm_pipeline import VlmPipeline  # noqa: PLC0415 - imports transformers
    spec = VlmModelSpec(
        name=model,
        default_repo_id=model,
        prompt=prompt,
        response_format=ResponseFormat(answers),
        stop_strings=["</doctag>", "<|end_of_text|>"] if answers == "doctags" else [],
    )
    engine = ApiVlmEngineOptions(
        engine_type=VlmEngineType.API,
        url=AnyUrl(url),
        headers={"Authorization": f"Bearer {key}"} if key else {},
        params={"model": model, "max_tokens": spec.max_new_tokens, "skip_special_tokens": False},
        timeout=_TIMEOUT_S,
    )
    options = VlmPipelineOptions(
        vlm_options=VlmConvertOptions(engine_options=engine, model_spec=spec), enable_remote_services=True
    )
    return Reader(backend=ThreadedDoclingParseDocumentBackend, pipeline=VlmPipeline, options=options)
