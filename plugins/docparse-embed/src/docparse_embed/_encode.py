"""Texts into vectors: from the cache where known, else in batches of like length, and all of them checked."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import attrs
from numpy.typing import NDArray

from docparse_embed._batches import token_batches
from docparse_embed._cache import Entry, VectorCache
from docparse_embed._checks import listed
from docparse_embed._overflow import Parts, split_text
from docparse_runner import Category, StageError

DEFAULT_BATCH = 1024

Tell = Callable[[float, float | None], None]
Check = Callable[[Sequence[NDArray[Any]], Sequence[str]], None]
"""Raises StageError when vectors, one for each of some chunk ids, are not what they should be."""


class _Encoder(Protocol):
    """What both kinds of encoders have; see ``providers``."""

    max_tokens: int | None

    def count_tokens(self, texts: Sequence[str]) -> list[int]: ...

    def encode_documents(self, texts: Sequence[str]) -> Any: ...


@attrs.frozen(kw_only=True)
class Encoded:
    """The vectors of one document.

    Attributes:
        rows: one for each chunk; where a chunk was split, those of its parts.
        tokens: the length of each chunk in the model's tokens, before anything was cut.
        cached: how many chunks were in the cache, all their parts included.
        encoded: how many different texts went through the model.
        truncated: how many chunks were cut to what the model reads.
        split: how many chunks were embedded in parts.
        halved: how often a batch did not fit into memory and was halved.
    """

    rows: list[list[Entry]]
    tokens: list[int]
    cached: int
    encoded: int
    truncated: int
    split: int
    halved: int


@attrs.define(kw_only=True)
class _Work:
    """What is under way for one document."""

    names: dict[str, list[str]]
    tell: Tell
    total: int
    done: int = 0
    halved: int = 0


@attrs.frozen(kw_only=True)
class DocumentEncoder:
    """An open encoder with its cache and the user's choices.

    Attributes:
        encoder: the open model.
        check: what vectors have to pass before they are used or kept.
        cache: vectors known by content, or None.
        batch_tokens: bound of one batch, in tokens after padding; None means the encoder's own.
        on_overflow: what to do with a text longer than the model reads: ``truncate``, ``split`` or ``refuse``.
    """

    encoder: _Encoder
    check: Check
    cache: VectorCache | None = None
    batch_tokens: int | None = None
    on_overflow: str = "truncate"

    def encode(self, names: Sequence[str], texts: Sequence[str], tell: Tell) -> Encoded:
        """Return the vectors of the texts of one document.

        Args:
            names: the chunks' ids, for messages.
            texts: what to encode, in the same order.
            tell: called with (texts encoded, texts to encode) after each batch.

        Raises:
            StageError: a text is too long (``refuse``), or the encoder returned a vector that is not one.
        """
        known, tokens = self._known(texts)
        long = self._too_long(names, texts, tokens)
        parts = self._split(texts, tokens, known) if self.on_overflow == "split" else {}
        wanted = [part for text in texts for part in parts.get(text, (text,))]
        missing = {text: tokens[text] for text in dict.fromkeys(wanted) if text not in known}
        work = _Work(names=_names_of(names, texts, parts), tell=tell, total=len(missing))
        entries = {**known, **self._fresh(missing, work)}
        return Encoded(
            rows=[[entries[part] for part in parts.get(text, (text,))] for text in texts],
            tokens=[tokens[text] for text in texts],
            cached=sum(all(part in known for part in parts.get(text, (text,))) for text in texts),
            encoded=len(missing),
            truncated=0 if parts else long,
            split=long if parts else 0,
            halved=work.halved,
        )

    def _known(self, texts: Sequence[str]) -> tuple[dict[str, Entry], dict[str, int]]:
        """Return what the cache has, and the length of every text."""
        known = self.cache.get(texts) if self.cache else {}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        tokens = dict(zip(missing, self.encoder.count_tokens(missing), strict=True))
        tokens.update({text: entry.tokens for text, entry in known.items()})
        return known, tokens

    def _too_long(self, names: Sequence[str], texts: Sequence[str], tokens: Mapping[str, int]) -> int:
        """Return how many texts the model would cut; refuse them when the user says so."""
        limit = self.encoder.max_tokens
        long = [name for name, text in zip(names, texts, strict=True) if limit is not None and tokens[text] > limit]
        if long and self.on_overflow == "refuse":
            msg = (
                f"longer than the {limit} tokens that the model reads: {listed(long)}; "
                f"chunk with a smaller --max-tokens, or embed with --on-overflow split or truncate"
            )
            raise StageError(msg, category=Category.INPUT)
        return len(long)

    def _split(self, texts: Sequence[str], tokens: dict[str, int], known: dict[str, Entry]) -> Parts:
        """Return the parts of the texts that are too long, and add to what is known what is known of those."""
        limit = self.encoder.max_tokens
        long = [text for text in dict.fromkeys(texts) if limit is not None and tokens[text] > limit]
        if limit is None or not long:
            return {}
        parts = {text: split_text(text, self.encoder.count_tokens, limit) for text in long}
        flat = [part for each in parts.values() for part in each]
        found, lengths = self._known(flat)
        known.update(found)
        tokens.update({part: lengths[part] for part in flat if part not in parts})
        return parts

    def _fresh(self, tokens: Mapping[str, int], work: _Work) -> dict[str, Entry]:
        """Encode, check and keep what is not known, batch after batch: what is kept outlives a later failure."""
        found: dict[str, Entry] = {}
        size = self.batch_tokens or getattr(self.encoder, "batch_tokens", None) or DEFAULT_BATCH
        for texts in token_batches(tokens, self.encoder.max_tokens, size):
            rows = list(self._encoded(texts, work))
            self.check(rows, [work.names[text][0] for text in texts])
            fresh = {text: Entry(tokens[text], row) for text, row in zip(texts, rows, strict=True)}
            if self.cache:
                self.cache.put(fresh)
            found.update(fresh)
            work.done += len(texts)
            work.tell(work.done, work.total)
        return found

    def _encoded(self, texts: list[str], work: _Work) -> Iterator[NDArray[Any]]:
        """Yield the vectors of a batch, in halves where it does not fit into memory."""
        try:
            rows = self.encoder.encode_documents(texts)
        except MemoryError as error:
            if len(texts) == 1:
                msg = f"no memory to encode even one text: {listed(work.names[texts[0]])} ({error})"
                raise StageError(msg, category=Category.OOM) from error
            work.halved += 1
            rows = None
        if rows is None:  # outside of the handler, so that what the failed call held can be freed
            half = (len(texts) + 1) // 2
            yield from self._encoded(texts[:half], work)
            yield from self._encoded(texts[half:], work)
            return
        if len(rows) != len(texts):
            msg = f"the encoder returned {len(rows)} vectors for {len(texts)} texts"
            raise StageError(msg, category=Category.CONTRACT)
        yield from rows


def _names_of(names: Sequence[str], texts: Iterable[str], parts: Parts) -> dict[str, list[str]]:
    """Return text → ids of the chunks that it comes from."""
    found: dict[str, list[str]] = {}
    for name, text in zip(names, texts, strict=True):
        for part in parts.get(text, (text,)):
            found.setdefault(part, []).append(name)
    return found
