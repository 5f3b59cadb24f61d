"""The provider ``openvino``: the model, converted once and verified, without torch. It runs on processors."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docparse_embed.providers import FoundModel, Settings
from docparse_embed.providers._conversion import converted, was_refused
from docparse_embed.providers.sentence_transformers import find
from docparse_runner import Category, StageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RANK = 10

__all__ = ["RANK", "find", "open_encoder", "ready"]


def ready(found: FoundModel, device: str) -> bool:
    """Return whether ``auto`` may take it: the runtime is installed and the model converted, now if need be."""
    if device != "cpu" or found.cache is None or find_spec("openvino") is None or was_refused(found):
        return False
    try:
        converted(found)
    except StageError:
        return False
    return True


@contextmanager
def open_encoder(found: FoundModel, *, device: str, threads: int) -> Iterator["OpenVinoEncoder"]:
    """Open the converted model, which is made first if need be; see ``Provider.open_encoder``.

    Raises:
        StageError: of category ``config``: the runtime is not installed, or the conversion is not what it should be.
    """
    if device != "cpu" or find_spec("openvino") is None:
        problem = "runs on processors, not on accelerators" if device != "cpu" else "is not installed"
        msg = f"openvino {problem}: use --provider sentence-transformers, or pip install 'docparse-embed[openvino]'"
        raise StageError(msg, category=Category.CONFIG)
    yield OpenVinoEncoder(converted(found), threads=threads, settings=found.settings)


class OpenVinoEncoder:
    """An open model in OpenVINO's format; see ``Encoder``.

    Each text is a request of its own, so nothing is padded and no vector depends on its neighbours; as many are under
    way as there are threads.
    """

    provider = "openvino"
    batch_tokens = 8192

    def __init__(self, folder: Path, *, threads: int, settings: Settings, precision: str | None = None) -> None:
        openvino: Any = import_module("openvino")  # it has no types
        from tokenizers import Tokenizer  # noqa: PLC0415 - only workers need it

        card: dict[str, Any] = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        self.dimension = int(card["dimension"])
        self.max_tokens: int | None = card["max_tokens"]
        self.normalized = bool(card["normalized"])
        self.pooling = str(card["pooling"])
        self.document_prompt = _first(settings.document_prompt, card["document_prompt"])
        self.query_prompt = _first(settings.query_prompt, card["query_prompt"])
        self._inputs: list[str] = card["inputs"]
        self._tokenizer, self._cutting = (Tokenizer.from_file(str(folder / "tokenizer.json")) for _ in range(2))
        for tokenizer in (self._tokenizer, self._cutting):
            tokenizer.no_padding()
            tokenizer.no_truncation()
        if self.max_tokens is not None:
            self._cutting.enable_truncation(self.max_tokens)
        self._ids: dict[str, list[int]] = {}
        core = openvino.Core()
        hints = {
            "NUM_STREAMS": str(threads),
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": precision or card["precision"],
            "ENABLE_CPU_PINNING": False,  # two workers would be pinned to the same cores
        }
        self._queue = openvino.AsyncInferQueue(core.compile_model(str(folder / "model.xml"), "CPU", hints), threads)
        self._queue.set_callback(_collect)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the length of each text in tokens; see ``Encoder.count_tokens``."""
        prompted = [self.document_prompt + text for text in texts]
        # Kept, because the same texts come to be encoded next.
        found = [encoding.ids for encoding in self._tokenizer.encode_batch(prompted)]
        self._ids = dict(zip(prompted, found, strict=True))
        return [len(ids) for ids in found]

    def encode_documents(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Return a float32 array (len(texts), dimension)."""
        return self._encode([self.document_prompt + text for text in texts])

    def encode_query(self, text: str) -> "NDArray[np.float32]":
        """Return a float32 array (dimension,)."""
        row: NDArray[np.float32] = self._encode([self.query_prompt + text])[0]
        return row

    def _encode(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        import numpy as np  # noqa: PLC0415 - as above

        rows = np.empty((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            ids = np.array([self._ids_of(text)], dtype=np.int64)
            known = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
            self._queue.start_async([known[name] for name in self._inputs], row)
        self._queue.wait_all()
        return rows

    def _ids_of(self, text: str) -> list[int]:
        ids = self._ids.get(text) or self._tokenizer.encode(text).ids
        return ids if self.max_tokens is None or len(ids) <= self.max_tokens else self._cutting.encode(text).ids


def _collect(request: Any, row: "NDArray[np.float32]") -> None:
    row[:] = request.get_output_tensor(0).data[0]


def _first(chosen: str | None, own: str) -> str:
    return own if chosen is None else chosen
