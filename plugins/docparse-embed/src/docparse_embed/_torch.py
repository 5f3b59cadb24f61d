"""sentence-transformers models, opened and tuned: imports torch."""

import math
import re
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling
from transformers.utils import logging

from docparse_embed._probes import CLOSE, lowest_cosine, probes
from docparse_embed.providers import Settings

_CPU_BATCH = 1024
_ACCELERATOR_BATCH = 65_536
_DOCUMENT = ("document", "passage", "corpus")
_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory", re.IGNORECASE)


def prepare_torch(*, threads: int) -> None:
    """Set what is set once a process."""
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers leaves it unannotated
    torch.set_num_threads(threads)


class _SharedModel(SentenceTransformer):
    """A model that several threads use: its tokenizer cannot take two at once."""

    _tokenizing = threading.Lock()

    def preprocess(self, *arguments: Any, **named: Any) -> Any:
        """Return what the model reads of some texts."""
        with self._tokenizing:
            return super().preprocess(*arguments, **named)


def load_model(folder: Path, *, device: str, threads: int) -> SentenceTransformer:
    """Return the model of a folder; nothing is asked of a hub."""
    prepare_torch(threads=threads)
    return _SharedModel(str(folder), device="cpu" if device == "cpu" else "cuda", local_files_only=True)


@contextmanager
def memory_errors() -> Iterator[None]:
    """Raise ``MemoryError`` where torch raises errors of its own."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise MemoryError(str(error)) from error
    except RuntimeError as error:
        if _MEMORY.search(str(error)):  # what the allocator of the CPU raises has no type of its own
            raise MemoryError(str(error)) from error
        raise


def count_tokens(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    """Return the length of each text in tokens, before any truncation."""
    if not texts:
        return []
    if callable(tokenizer):
        # verbose: a longer text than the model reads is what is being asked about, not worth a warning.
        return [len(ids) for ids in tokenizer(list(texts), truncation=False, padding=False, verbose=False)["input_ids"]]
    return [len(encoding.ids) for encoding in tokenizer.encode_batch(list(texts))]


def limit_of(model: Any) -> int | None:
    """Return how many tokens a model reads, or None for no limit."""
    limit = model.get_max_seq_length()
    return int(limit) if limit is not None and math.isfinite(limit) else None


def prompt_of(model: Any, names: Sequence[str], chosen: str | None) -> str:
    """Return the prompt that the user chose, else the first of these names that the model has."""
    own = next((model.prompts[name] for name in names if model.prompts.get(name)), "")
    return own if chosen is None else chosen


class SentenceTransformersEncoder:
    """An open sentence-transformers model; see ``Encoder``.

    On a processor each thread has a batch of its own, instead of all sharing one: they never wait for each other, which
    costs half of the time where another process has one of the cores (twice the CPU seconds of the same batches, with
    two threads on two busy cores).
    """

    provider = "sentence-transformers"

    def __init__(self, model: SentenceTransformer, settings: Settings, *, batches: int = 1) -> None:
        """Take an open model; of one on a processor, so many batches run at a time."""
        self._model = model
        self._batches = batches if model.device.type == "cpu" else 1
        # Asked of each thread: torch would start as many again for each.
        self._pool = ThreadPoolExecutor(self._batches, initializer=torch.set_num_threads, initargs=(1,))
        self.dimension = int(model.get_embedding_dimension() or 0)
        self.max_tokens = limit_of(model)
        self.normalized = any(isinstance(module, Normalize) for module in model)
        self.pooling = next((str(module.pooling_mode) for module in model if isinstance(module, Pooling)), "")
        self.document_prompt = prompt_of(model, _DOCUMENT, settings.document_prompt)
        self.query_prompt = prompt_of(model, ("query",), settings.query_prompt)
        self.batch_tokens = _CPU_BATCH * self._batches if model.device.type == "cpu" else _ACCELERATOR_BATCH
        self.half_precision = self._may_use_bfloat16()

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the length of each text in tokens; see ``Encoder.count_tokens``."""
        return count_tokens(self._model.tokenizer, [self.document_prompt + text for text in texts])

    def encode_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a float32 array (len(texts), dimension) from one forward pass of each thread."""
        parts = [texts[start :: self._batches] for start in range(self._batches)]  # of like length: texts come sorted
        rows: list[Any] = [None] * len(texts)
        side_by_side = self._pool.map if self._batches > 1 else map
        for start, found in enumerate(side_by_side(self._encoded, parts)):
            rows[start :: self._batches] = found
        return np.array(rows, dtype=np.float32)

    def _encoded(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        return list(self._encode(self._model.encode_document, texts, self.document_prompt)) if texts else []

    def encode_query(self, text: str) -> NDArray[np.float32]:
        """Return a float32 array (dimension,)."""
        row: NDArray[np.float32] = self._encode(self._model.encode_query, [text], self.query_prompt)[0]
        return row

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def _encode(self, encode: Any, texts: Sequence[str], prompt: str) -> NDArray[np.float32]:
        half = torch.autocast("cpu", dtype=torch.bfloat16) if self.half_precision else nullcontext()
        with memory_errors(), half:
            found: NDArray[np.float32] = encode(
                list(texts), prompt=prompt, batch_size=max(len(texts), 1), show_progress_bar=False
            )
        return found.astype(np.float32, copy=False)

    def _may_use_bfloat16(self) -> bool:
        """Return whether the processor multiplies bfloat16 itself and this model's vectors stay what they are."""
        self.half_precision = False
        if self._model.device.type != "cpu" or not _multiplies_bfloat16() or self.max_tokens is None:
            return False
        texts = probes(self.max_tokens)
        exact = self.encode_documents(texts)
        self.half_precision = True
        return lowest_cosine(exact, self.encode_documents(texts)) >= CLOSE


def _multiplies_bfloat16() -> bool:
    """Return whether this processor has instructions for bfloat16; without them it is emulated, and slow."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "amx_bf16" in flags or "avx512_bf16" in flags
