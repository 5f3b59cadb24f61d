"""The provider ``openai``: OpenAI's API for embeddings, which many servers speak (vLLM, llama.cpp, Ollama, TEI).

The API does not say how long a text may be, nor count tokens: a server that speaks it truly refuses what is too long,
and so the document fails with the server's words.
"""

import base64
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

_BATCH = 64
_CHARACTERS_A_TOKEN = 4
_TOLERANCE = 1e-3


@attrs.frozen(kw_only=True)
class OpenAi:
    """The provider with the user's settings."""

    REMOTE: ClassVar[bool] = True

    settings: Settings = attrs.field(factory=Settings)

    def configured(self, settings: Settings) -> "OpenAi":
        """Return the provider with other settings."""
        return OpenAi(settings=settings)

    def find(self, model: str | None, *, offline: bool, cache: Path | None) -> FoundModel:
        """Return the model, which is known by address and name alone: nothing is asked; see ``Provider.find``."""
        address = Address.of(model, self.settings, "openai")
        address.must_be_allowed(offline=offline)
        if not address.model:
            msg = f"the server {address.url} must be told which model is meant: name it with --model"
            raise StageError(msg, category=Category.CONFIG)
        decides = json.dumps(["openai", address.url, address.model])
        return FoundModel(
            name=str(address),
            label=address.model,
            location=Path(),
            digest=f"sha256:{hashlib.sha256(decides.encode()).hexdigest()}",
            cache=cache,
            settings=self.settings,
        )

    @contextmanager
    def open_encoder(self, found: FoundModel, *, device: str, threads: int) -> Iterator["OpenAiEncoder"]:  # noqa: ARG002 - the server has its own
        """Connect to the server; see ``Provider.open_encoder``."""
        address = Address.of(found.name, found.settings, "openai")
        with open_server(address, found.settings) as server:
            yield OpenAiEncoder(server, address.model, found.settings)


OPENAI = OpenAi()
"""What the entry point names."""


class OpenAiEncoder:
    """A connected server; see ``Encoder``."""

    provider = "openai"
    max_tokens: int | None = None
    pooling = ""

    def __init__(self, server: Server, model: str, settings: Settings) -> None:
        import numpy as np  # noqa: PLC0415 - only workers need it

        self._server = server
        self._model = model
        self.batch_tokens = 16_384 * settings.concurrency
        self.document_prompt = settings.document_prompt or ""
        self.query_prompt = settings.query_prompt or ""
        example = self.encode_query("dimension")  # the API has no other way to say it
        self.dimension = len(example)
        self.normalized = bool(abs(np.linalg.norm(example) - 1) <= _TOLERANCE)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return an estimate: the API does not count, so that no text is ever found too long here."""
        return [len(self.document_prompt + text) // _CHARACTERS_A_TOKEN + 1 for text in texts]

    def encode_documents(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Return a float32 array (len(texts), dimension)."""
        return self._encode([self.document_prompt + text for text in texts])

    def encode_query(self, text: str) -> "NDArray[np.float32]":
        """Return a float32 array (dimension,)."""
        row: NDArray[np.float32] = self._encode([self.query_prompt + text])[0]
        return row

    def _encode(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        import numpy as np  # noqa: PLC0415 - as above

        asked = batches(texts, _BATCH)
        # Servers refuse an empty text; a space is what there is to say of one.
        bodies = [
            {"model": self._model, "input": [text or " " for text in batch], "encoding_format": "base64"}
            for batch in asked
        ]
        answers = self._server.ask_each("/embeddings", bodies)
        return np.stack(
            [row for batch, answer in zip(asked, answers, strict=True) for row in _rows(answer, len(batch))]
        )


def _rows(answer: Any, count: int) -> "list[NDArray[np.float32]]":
    """Return the vectors of one answer in the order of the texts, whatever the order of the answer.

    Raises:
        StageError: of category ``provider``: they are not one for each text.
    """
    try:
        by_index = {entry["index"]: _vector(entry) for entry in answer["data"]}
        return [by_index[index] for index in range(count)]
    except (KeyError, TypeError, ValueError) as error:
        msg = f"the model server's answer is not one vector for each of {count} texts ({type(error).__name__}: {error})"
        raise StageError(msg, category=Category.PROVIDER) from error


def _vector(entry: Mapping[str, Any]) -> "NDArray[np.float32]":
    """Return a vector, base64 of little-endian float32 or, from servers that do not know that, a list of numbers."""
    import numpy as np  # noqa: PLC0415 - as above

    given = entry["embedding"]
    if isinstance(given, str):
        return np.frombuffer(base64.b64decode(given, validate=True), dtype="<f4").astype(np.float32)
    return np.array(given, dtype=np.float32)
