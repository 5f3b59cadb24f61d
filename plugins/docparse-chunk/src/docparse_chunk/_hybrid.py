"""docling-core's ``HybridChunker``, as the reference: its chunks in rows like all others.

It reads the document itself and writes its text anew, so a chunk's place is that of the whole items that it names.
"""

from collections.abc import Iterator
from typing import Any

from docparse_chunk._tokens import TokenCounter
from docparse_chunk._units import Chunk, Document, Limits, Source, Unit, unique
from docparse_runner import Category, StageError

_KINDS = {
    "caption": "caption",
    "chart": "picture",
    "code": "code",
    "document_index": "table",
    "footnote": "footnote",
    "formula": "formula",
    "list_item": "list_item",
    "picture": "picture",
    "table": "table",
}


def docling_hybrid(document: Document, counter: TokenCounter, limits: Limits) -> Iterator[Chunk]:
    """Yield the chunks that ``HybridChunker`` makes; of the limits only ``max_tokens`` is known to it.

    Args:
        document: what is cut; its file is read again.
        counter: counts as the embedding model does.
        limits: what chunks have to keep to.

    Raises:
        StageError: of category ``config``: docling-core and what its chunker needs are not installed.
    """
    try:
        from docling_core.transforms.chunker.hybrid_chunker import HybridChunker  # noqa: PLC0415 - takes seconds
        from docling_core.types.doc.document import DoclingDocument  # noqa: PLC0415 - as above
    except ImportError as error:
        msg = f"the chunker docling-hybrid needs {error.name}: pip install 'docparse-chunk[docling]'"
        raise StageError(msg, category=Category.CONFIG) from error
    if document.path is None:
        msg = "the chunker docling-hybrid reads the document's file, and this document was not read from one"
        raise StageError(msg, category=Category.CONFIG)
    chunker = HybridChunker(tokenizer=_tokenizer(counter, limits.max_tokens))
    places = _Places(document)
    for made in chunker.chunk(DoclingDocument.load_from_json(document.path)):
        if made.text.strip():
            yield places.chunk(made)


def _tokenizer(counter: TokenCounter, max_tokens: int) -> Any:
    """Return a counter as docling-core knows it."""
    from docling_core.transforms.chunker.tokenizer.base import BaseTokenizer  # noqa: PLC0415 - as above

    class Counting(BaseTokenizer):
        def count_tokens(self, text: str) -> int:
            return counter.count([text])[0]

        def get_max_tokens(self) -> int:
            return max_tokens

        def get_tokenizer(self) -> Any:
            return self.count_tokens

    return Counting()


class _Places:
    """Where the items of a document stand in its body text, and their boxes."""

    def __init__(self, document: Document) -> None:
        self._found: dict[str, tuple[int, int, Source]] = {}
        for unit in document.units:
            for _, source in unit.sources:
                start, _, _ = self._found.get(source.ref, (unit.start, 0, source))
                self._found[source.ref] = start, unit.end, source

    def chunk(self, made: Any) -> Chunk:
        refs = unique(item.self_ref for item in made.meta.doc_items)
        found = [self._found[ref] for ref in refs if ref in self._found]
        kinds = unique(_KINDS.get(str(item.label.value), "text") for item in made.meta.doc_items)
        unit = Unit(
            text=made.text,
            before="",
            kind=kinds[0] if len(kinds) == 1 else "text",
            start=min((start for start, _, _ in found), default=0),
            end=max((end for _, end, _ in found), default=0),
            sources=tuple((0, source) for _, _, source in found),
        )
        return Chunk(headings=tuple(made.meta.headings or ()), units=(unit,))
