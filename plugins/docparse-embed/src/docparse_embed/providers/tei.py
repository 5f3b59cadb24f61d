"""The provider ``tei``: a server of Text Embeddings Inference (https://github.com/huggingface/text-embeddings-inference).

It says itself which model it serves and how long a text may be (``/info``), and counts tokens (``/tokenize``).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from docparse_embed.providers import FoundModel, Settings
from docparse_embed.providers._http import Address, Server, batches, open_server
from docparse_runner import Category, StageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BATCH = 32
"""Texts per request, where the server does not say how many it takes."""
_DECIDES = ("model_id", "model_sha", "model_dtype", "model_type", "max_input_length")


@attrs.frozen(kw_only=True)
class Tei:
    """The provider with the user's settings."""

    REMOTE: ClassVar[bool] = True

    settings: Settings = attrs.field(factory=Settings)

    def configured(self, settings: Settings) -> "Tei":
        """Return the provider with other settings."""
        return Tei(settings=settings)

    def find(self, model: str | None, *, offline: bool, cache: Path | None) -> FoundModel:
        """Return what the server serves; see ``Provider.find``."""
        address = Address.of(model, self.settings, "tei")
        address.must_be_allowed(offline=offline)
        with open_server(address, self.settings) as server:
            info = _info(server)
        if address.model and address.model != info["model_id"]:
            msg = f"the server {address.url} serves {info['model_id']}, not {address.model}: name it with --model"
            raise StageError(msg, category=Category.CONFIG)
        decides = json.dumps(["tei", *(info.get(name) for name in _DECIDES)], sort_keys=True)
        return FoundModel(
            name=f"{address.url}#{info['model_id']}",
            label=info["model_id"],
            location=Path(),
            digest=f"sha256:{hashlib.sha256(decides.encode()).hexdigest()}",
            revision=info.get("model_sha") or "",
            max_tokens=info.get("max_input_length"),
            cache=cache,
            settings=self.settings,
        )

    @contextmanager
    def open_encoder(self, found: FoundModel, *, device: str, threads: int) -> Iterator["TeiEncoder"]:  # noqa: ARG002 - the server has its own
        """Connect to the server; see ``Provider.open_encoder``."""
        address = Address.of(found.name, found.settings, "tei")
        with open_server(address, found.settings) as server:
            yield TeiEncoder(server, _info(server), found.settings)


def _info(server: Server) -> Mapping[str, Any]:
    info = server.ask("/info")
    if not isinstance(info, dict) or not isinstance(info.get("model_id"), str):
        msg = "the server's /info names no model: it is no server of Text Embeddings Inference (see --provider openai)"
        raise StageError(msg, category=Category.CONFIG)
    return info


TEI = Tei()
"""What the entry point names."""


class TeiEncoder:
    """A connected server; see ``Encoder``."""

    provider = "tei"

    def __init__(self, server: Server, info: Mapping[str, Any], settings: Settings) -> None:
        kind = info.get("model_type")
        embedding = kind.get("embedding") if isinstance(kind, dict) else None
        self._server = server
        self._size = info.get("max_client_batch_size") or _BATCH
        self.max_tokens: int | None = info.get("max_input_length")
        self.batch_tokens = (info.get("max_batch_tokens") or 16_384) * settings.concurrency
        self.normalized = True  # asked for with every request
        self.pooling = str((embedding or {}).get("pooling", ""))
        self.document_prompt = settings.document_prompt or ""
        self.query_prompt = settings.query_prompt or ""
        self.dimension = len(self.encode_query("dimension"))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the length of each text in tokens, as the server counts."""
        prompted = [self.document_prompt + text for text in texts]
        bodies = [{"inputs": batch, "add_special_tokens": True} for batch in batches(prompted, self._size)]
        return [len(tokens) for answer in self._server.ask_each("/tokenize", bodies) for tokens in answer]

    def encode_documents(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Return a float32 array (len(texts), dimension)."""
        return self._encode([self.document_prompt + text for text in texts])

    def encode_query(self, text: str) -> "NDArray[np.float32]":
        """Return a float32 array (dimension,)."""
        row: NDArray[np.float32] = self._encode([self.query_prompt + text])[0]
        return row

    def _encode(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        import numpy as np  # noqa: PLC0415 - only workers need it

        # Cutting is decided, and counted, before: see --on-overflow.
        bodies = [{"inputs": batch, "normalize": True, "truncate": True} for batch in batches(texts, self._size)]
        rows = [row for answer in self._server.ask_each("/embed", bodies) for row in answer]
        try:
            return np.array(rows, dtype=np.float32).reshape(len(texts), -1)
        except (ValueError, TypeError) as error:
            msg = f"the model server returned {len(rows)} rows for {len(texts)} texts, or rows that are no vectors"
            raise StageError(msg, category=Category.PROVIDER) from error
