"""The provider ``sentence-transformers``: the reference that faster ones are verified against."""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docparse_embed._digest import model_digest
from docparse_embed._models import locate
from docparse_embed.providers import FoundModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer


def find(model: str | None, *, offline: bool, cache: Path | None) -> FoundModel:
    """Return the model with the digest of its files; see ``Provider.find``."""
    place = locate(model, offline=offline)
    return FoundModel(
        name=place.name,
        label=place.label,
        location=place.folder,
        digest=model_digest(place.folder, cache),
        revision=place.revision,
    )


@contextmanager
def open_encoder(found: FoundModel, *, device: str, threads: int) -> Iterator["SentenceTransformersEncoder"]:
    """Load the model for one worker; see ``Provider.open_encoder``."""
    # The files are all here, so nothing may wait for a network; read by huggingface_hub when it is first imported.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch  # noqa: PLC0415 - seconds, and only a worker needs it
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - as above
    from transformers.utils import logging  # noqa: PLC0415 - as above

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers leaves it unannotated
    torch.set_num_threads(threads)
    where = "cpu" if device == "cpu" else "cuda"
    model = SentenceTransformer(str(found.location), device=where, local_files_only=True)
    yield SentenceTransformersEncoder(model)


class SentenceTransformersEncoder:
    """An open sentence-transformers model; see ``Encoder``."""

    def __init__(self, model: "SentenceTransformer") -> None:
        from sentence_transformers.sentence_transformer.modules import (  # noqa: PLC0415 - as in open_encoder
            Normalize,
            Pooling,
        )

        limit = model.get_max_seq_length()
        self._model = model
        self.dimension = int(model.get_embedding_dimension() or 0)
        self.max_tokens = int(limit) if limit is not None and math.isfinite(limit) else None
        self.normalized = any(isinstance(module, Normalize) for module in model)
        self.pooling = next((str(module.pooling_mode) for module in model if isinstance(module, Pooling)), "")
        self.document_prompt = model.prompts.get("document") or ""
        self.query_prompt = model.prompts.get("query") or ""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the length of each text in tokens; see ``Encoder.count_tokens``."""
        tokenizer: Any = self._model.tokenizer
        prompted = [self.document_prompt + text for text in texts]
        if not prompted:
            return []
        if callable(tokenizer):
            # verbose: a longer text than the model reads is what is being asked about, not worth a warning.
            return [
                len(ids) for ids in tokenizer(prompted, truncation=False, padding=False, verbose=False)["input_ids"]
            ]
        return [len(encoding.ids) for encoding in tokenizer.encode_batch(prompted)]

    def encode_documents(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Return a float32 array (len(texts), dimension) from one forward pass."""
        return self._model.encode_document(
            list(texts), batch_size=max(len(texts), 1), show_progress_bar=False, convert_to_numpy=True
        )

    def encode_query(self, text: str) -> "NDArray[np.float32]":
        """Return a float32 array (dimension,)."""
        return self._model.encode_query(text, show_progress_bar=False, convert_to_numpy=True)
