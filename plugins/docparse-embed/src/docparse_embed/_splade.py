"""SPLADE and other sparse models of sentence-transformers: imports torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SparseEncoder

from docparse_embed._families import SPARSE_ROW
from docparse_embed._torch import count_tokens, limit_of, memory_errors, prepare_torch, prompt_of

_DOCUMENT = ("document", "passage", "corpus")


def open_model(folder: Path, *, device: str, threads: int) -> "SpladeEncoder":
    """Return the model of a folder; nothing is asked of a hub."""
    prepare_torch(threads=threads)
    return SpladeEncoder(SparseEncoder(str(folder), device="cpu" if device == "cpu" else "cuda", local_files_only=True))


class SpladeEncoder:
    """An open sparse model; see ``docparse_embed.providers.SparseEncoder``."""

    batch_tokens = 1024

    def __init__(self, model: SparseEncoder) -> None:
        self._model = model
        self.max_tokens = limit_of(model)
        self.document_prompt = prompt_of(model, _DOCUMENT, None)
        self.query_prompt = prompt_of(model, ("query",), None)
        # Not get_embedding_dimension(): of some models that is the width of the hidden layers.
        self.dimension = int(model.encode_document(["a"], show_progress_bar=False)[0].shape[0])

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the length of each text in tokens."""
        return count_tokens(self._model.tokenizer, [self.document_prompt + text for text in texts])

    def encode_documents(self, texts: Sequence[str]) -> list[NDArray[np.void]]:
        """Return the weights of each text, by ascending index."""
        return self._encode(self._model.encode_document, texts)

    def encode_query(self, text: str) -> NDArray[np.void]:
        """Return the weights of a query, by ascending index."""
        return self._encode(self._model.encode_query, [text])[0]

    def _encode(self, encode: Any, texts: Sequence[str]) -> list[NDArray[np.void]]:
        with memory_errors():
            found = encode(list(texts), batch_size=max(len(texts), 1), show_progress_bar=False)
        return [_row(vector) for vector in found]


def _row(vector: torch.Tensor) -> NDArray[np.void]:
    whole = vector.coalesce().cpu()
    row = np.zeros(whole.values().shape[0], dtype=SPARSE_ROW)
    row["index"], row["value"] = whole.indices()[0].numpy(), whole.values().numpy()
    kept: NDArray[np.void] = row[row["value"] != 0]
    return kept
