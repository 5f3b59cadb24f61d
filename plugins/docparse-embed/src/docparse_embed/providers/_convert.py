"""Convert one model to OpenVINO's format and compare it with the original: ``python -m … MODEL FOLDER``.

The whole pipeline of modules is converted, pooling and normalisation included. ``torch.jit.trace`` fixes whatever
depends on a shape, silently, so the result is compared at many lengths, over the limit included.
"""

import json
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer

from docparse_embed._probes import CLOSE, lowest_cosine, probes
from docparse_embed._torch import SentenceTransformersEncoder, load_model
from docparse_embed.providers import Settings
from docparse_embed.providers.openvino import OpenVinoEncoder

openvino: Any = import_module("openvino")  # it has no types

_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_EXAMPLE = (2, 7)


class ConversionError(Exception):
    """The model cannot be converted, or not so that its vectors stay the same."""


def convert(source: Path, folder: Path) -> dict[str, Any]:
    """Write the converted model and return its card.

    Raises:
        ConversionError: the model is of another kind, or its vectors differ.
    """
    model = load_model(source, device="cpu", threads=torch.get_num_threads()).eval()
    backend = getattr(model.tokenizer, "backend_tokenizer", None)
    if backend is None or "input_ids" not in model.preprocess(["a"]) or not isinstance(model[0], torch.nn.Module):
        msg = "it is no transformer with a fast tokenizer"
        raise ConversionError(msg)
    backend.save(str(folder / "tokenizer.json"))
    inputs = [name for name in _INPUTS if name in model.preprocess(["a"])]
    openvino.save_model(_converted(model, inputs), str(folder / "model.xml"), compress_to_fp16=False)
    reference = SentenceTransformersEncoder(model, Settings())
    reference.half_precision = False
    card = {
        "dimension": reference.dimension,
        "document_prompt": reference.document_prompt,
        "inputs": inputs,
        "max_tokens": reference.max_tokens,
        "normalized": reference.normalized,
        "pooling": reference.pooling,
        "precision": "f32",
        "query_prompt": reference.query_prompt,
        "versions": {"openvino": openvino.__version__, "torch": torch.__version__},
    }
    return _verified(card, reference, folder)


class _Pipeline(torch.nn.Module):
    """The modules of a model as one, from token ids to vectors."""

    def __init__(self, model: SentenceTransformer, inputs: Sequence[str]) -> None:
        super().__init__()
        self._parts = torch.nn.ModuleList(list(model))
        self._inputs = inputs

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        features = dict(zip(self._inputs, tensors, strict=True))
        for part in self._parts:
            features = part(features)
        return features["sentence_embedding"]


def _converted(model: SentenceTransformer, inputs: Sequence[str]) -> Any:
    ids = torch.full(_EXAMPLE, 5)
    examples = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # the tracer's, about what the comparison checks
        return openvino.convert_model(_Pipeline(model, inputs), example_input=tuple(examples[name] for name in inputs))


def _verified(card: dict[str, Any], reference: SentenceTransformersEncoder, folder: Path) -> dict[str, Any]:
    """Write the card if the vectors are the same, with the lowest precision at which they are."""
    texts = probes(reference.max_tokens)
    expected = reference.encode_documents(texts)
    for precision in _precisions():
        (folder / "card.json").write_text(json.dumps({**card, "precision": precision}), encoding="utf-8")
        encoder = OpenVinoEncoder(folder, threads=1, settings=Settings())
        cosine = lowest_cosine(expected, encoder.encode_documents(texts))
        same_lengths = encoder.count_tokens(texts) == reference.count_tokens(texts)
        if cosine >= CLOSE and same_lengths:
            final = {**card, "precision": precision, "cosine": cosine}
            (folder / "card.json").write_text(json.dumps(final, indent=1), encoding="utf-8")
            return final
    msg = f"its vectors differ from those of sentence-transformers: cosine {cosine:.4f}, below {CLOSE}"
    raise ConversionError(msg)


def _precisions() -> tuple[str, ...]:
    has_bfloat16 = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return ("bf16", "f32") if has_bfloat16 else ("f32",)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
