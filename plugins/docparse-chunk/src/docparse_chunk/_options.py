"""The options of the stage ``chunk``."""

from typing import Any

import attrs

from docparse_runner import option

LAYERS = ("body", "notes", "furniture", "background", "invisible")
"""The content layers of a DoclingDocument."""

MARKUPS = ("plain", "markdown")

FORMATS = ("jsonl", "parquet")


def _known_layers(_options: Any, _field: Any, layers: tuple[str, ...]) -> None:
    unknown = [layer for layer in layers if layer not in LAYERS]
    if unknown or not layers:
        got = f"not {', '.join(map(repr, unknown))}" if unknown else "and one at least"
        msg = f"each of the layers must be one of {', '.join(LAYERS)}, {got}"
        raise ValueError(msg)


@attrs.frozen(kw_only=True)
class Options:
    """What a user may choose; the tokenizer's digest enters the config hash through ``docparse_resolve``.

    Attributes:
        model: the embedding model whose tokenizer counts: a folder, or a name at the model hub; None means the one
            that the stage ``embed`` takes by default.
        tokenizer: what counts instead of the model's own tokenizer: a folder or a name likewise, ``tiktoken:NAME``,
            ``tokie`` or ``tokie:FOLDER`` (the same counts by that library), or ``approximate``.
        chunker: a name in the entry point group ``docparse_chunk.chunkers``.
        max_tokens: most tokens of a chunk with its headings, special tokens not counted; None means what the model
            reads less its special tokens.
        min_tokens: sections smaller than this join a neighbour under the same heading; 0 keeps every section apart.
        overlap_tokens: how much of a chunk's end is repeated at the beginning of the next one of the same section.
        cross_headings: pack across headings: as few chunks as possible, whatever they are about.
        layers: the content layers that are read, of ``LAYERS``.
        markup: ``plain``, or ``markdown`` to write links and emphasis in the text.
        markers: what begins a text at which a chunk must begin.
        anchors: put ``<<chunk:DOC_ID:CHUNK_ID>>`` above the text of each row; it is not embedded.
        format: of the file that is written: ``jsonl`` or ``parquet``.
    """

    model: str | None = option(
        None,
        help="Embedding model whose tokenizer counts: a folder, or a name at the model hub.",
        default_text="the model at hand, sentence-transformers/all-MiniLM-L6-v2",
        shared=True,
        affects_output=False,
    )
    chunker: str = option(
        "structural", help="How documents are cut: structural, page, docling-hybrid, or the name of a plugin's."
    )
    max_tokens: int | None = option(
        None,
        help="Longest chunk, headings included, special tokens not.",
        unit="tokens",
        ge=16,
        default_text="what the model reads less its special tokens",
    )
    min_tokens: int = option(
        64, help="Join smaller sections with their neighbours under one heading; 0 never.", unit="tokens", ge=0
    )
    overlap_tokens: int = option(
        0, help="Repeat up to this much of a chunk at the start of the next.", unit="tokens", ge=0
    )
    cross_headings: bool = option(False, help="Fill chunks across headings, under whatever heading they begin.")
    layers: tuple[str, ...] = option(
        ("body",),
        help="Content layers to read: body, notes (a slide's), furniture (page headers and footers), ...",
        validator=_known_layers,
    )
    tokenizer: str | None = option(
        None,
        help="Tokenizer that counts instead: a folder, a name, tiktoken:NAME, tokie, or approximate.",
        default_text="the model's",
        affects_output=False,
    )
    markup: str = option(
        "plain", help="Leave links and emphasis to their own fields, or write them in the text.", choices=MARKUPS
    )
    markers: tuple[str, ...] = option((), help="Texts that begin with one of these begin a chunk: Article, Q:, ...")
    anchors: bool = option(False, help="Put a line with the document and the chunk id above the text of each row.")
    format: str = option(
        "jsonl", help="Format of the file: JSON Lines, or Parquet with typed columns.", choices=FORMATS
    )
