"""The splitters of others over plain texts; run by ``chunk_retrieval.py`` in a Python that has them.

python bench/quality/chunk_peers.py TEXTS.json CHUNKS.json TOKENIZER.json MAX_TOKENS
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

from tokenizers import Tokenizer

Split = Callable[[str], list[str]]


def systems(tokenizer: Tokenizer, limit: int) -> Iterator[tuple[str, Callable[[], Split]]]:
    """Yield the name of each splitter and what opens it."""

    def count(text: str) -> int:
        return len(tokenizer.encode(text, add_special_tokens=False))

    def chonkie(kind: str) -> Split:
        import chonkie as library  # noqa: PLC0415 - a peer, may be missing

        chunker = getattr(library, kind)(tokenizer, chunk_size=limit)
        return lambda text: [chunk.text for chunk in chunker.chunk(text)]

    def langchain() -> Split:
        from langchain_text_splitters import RecursiveCharacterTextSplitter  # noqa: PLC0415 - a peer, may be missing

        return RecursiveCharacterTextSplitter(chunk_size=limit, chunk_overlap=0, length_function=count).split_text

    def llama_index() -> Split:
        from llama_index.core.node_parser import SentenceSplitter  # noqa: PLC0415 - a peer, may be missing

        def tokens(text: str) -> list[int]:
            return tokenizer.encode(text, add_special_tokens=False).ids

        return SentenceSplitter(chunk_size=limit, chunk_overlap=0, tokenizer=tokens).split_text

    def semchunk() -> Split:
        import semchunk as library  # noqa: PLC0415 - a peer, may be missing

        return library.chunkerify(count, limit)

    def semantic() -> Split:
        from semantic_text_splitter import TextSplitter  # noqa: PLC0415 - a peer, may be missing

        return TextSplitter.from_huggingface_tokenizer(tokenizer, limit).chunks

    yield f"chonkie token {version('chonkie')}", lambda: chonkie("TokenChunker")
    yield "chonkie recursive", lambda: chonkie("RecursiveChunker")
    yield "chonkie sentence", lambda: chonkie("SentenceChunker")
    yield f"langchain {version('langchain-text-splitters')}", langchain
    yield f"llama-index {version('llama-index-core')}", llama_index
    yield f"semchunk {version('semchunk')}", semchunk
    yield "semantic-text-splitter", semantic


def main() -> None:
    """Write the chunks and the CPU time of each splitter; one that fails is named and left out."""
    given, got, file, limit = sys.argv[1:]
    texts = json.loads(Path(given).read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_file(file)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    made = {}
    for name, opened in systems(tokenizer, int(limit)):
        try:
            split = opened()
            start = time.process_time()
            chunks = [[chunk for chunk in split(text) if chunk.strip()] if text.strip() else [] for text in texts]
        except Exception as error:  # noqa: BLE001 - code of others
            print(f"{name} is left out: {type(error).__name__}: {error}", file=sys.stderr)
            continue
        made[name] = {"documents": chunks, "cpu_s": time.process_time() - start}
    Path(got).write_text(json.dumps(made), encoding="utf-8")


if __name__ == "__main__":
    main()
