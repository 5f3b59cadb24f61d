"""Texts into vectors: from the cache where known, else in batches of like length, and all of them checked."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import attrs
from numpy.typing import NDArray

from docparse_embed._batches import token_batches
from docparse_embed._cache import Entry, VectorCache
from docparse_embed._checks import listed
from docparse_embed._chunks import Chunks, result_or_error
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
        cached: how many chunks were known, all their parts included: from the cache, or from an earlier document of
            the same call.
        encoded: how many different texts went through the model for it; a text of several documents of a call counts
            for the first that has a result.
        truncated: how many chunks were cut to what the model reads.
        split: how many chunks were embedded in parts.
        halved: how often a batch did not fit into memory and was halved; a batch of several documents counts for that
            of its longest text.
    """

    rows: list[list[Entry]]
    tokens: list[int]
    cached: int
    encoded: int
    truncated: int
    split: int
    halved: int


@attrs.define(kw_only=True, eq=False)
class _Document:
    """One document of a call.

    Attributes:
        chunks: what is to be encoded.
        parts: of its texts that are embedded in parts.
        names: what is to be encoded → the first chunk that it comes from.
        too_long: how many chunks are longer than the model reads.
        halved: see ``Encoded``.
        error: why it has no vectors.
    """

    chunks: Chunks
    parts: Parts
    names: Mapping[str, str]
    too_long: int
    halved: int = 0
    error: StageError | None = None

    def parts_of(self, text: str) -> Sequence[str]:
        """Return what is encoded of a text: itself, or its parts."""
        return self.parts.get(text, (text,))


_Owners = Mapping[str, Sequence[_Document]]
"""What is to be encoded → the documents that it belongs to, in their order."""


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

    def encode(self, documents: Sequence[Chunks], tell: Tell) -> list[Encoded | StageError]:
        """Return for each document its vectors, or why it has none: a text is too long, or a vector is not one.

        Args:
            documents: their texts go through the model together, each different text once.
            tell: called with (texts encoded, texts to encode) after each batch.

        Raises:
            StageError: the encoder itself says what went wrong, or breaks its contract.
        """
        texts = list(dict.fromkeys(text for each in documents for text in each.texts))
        known, tokens = self._known(texts)
        parts = self._split(texts, tokens, known) if self.on_overflow == "split" else {}
        opened = [self._opened(each, tokens, parts) for each in documents]
        owners = _owners_of(opened, known)
        entries = {**known, **self._fresh(owners, tokens, tell)}
        counted_for = {text: _first_alive(those) for text, those in owners.items()}
        return [each.error or self._encoded(each, entries, tokens, counted_for) for each in opened]

    def _known(self, texts: Sequence[str]) -> tuple[dict[str, Entry], dict[str, int]]:
        """Return what the cache has, and the length of every text."""
        known = self.cache.get(texts) if self.cache else {}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        tokens = dict(zip(missing, self.encoder.count_tokens(missing), strict=True))
        tokens.update({text: entry.tokens for text, entry in known.items()})
        return known, tokens

    def _split(self, texts: Sequence[str], tokens: dict[str, int], known: dict[str, Entry]) -> Parts:
        """Return the parts of the texts that are too long, and add to what is known what is known of those."""
        limit = self.encoder.max_tokens
        long = [text for text in texts if limit is not None and tokens[text] > limit]
        if limit is None or not long:
            return {}
        parts = {text: split_text(text, self.encoder.count_tokens, limit) for text in long}
        flat = [part for each in parts.values() for part in each]
        found, lengths = self._known(flat)
        known.update(found)
        tokens.update({part: lengths[part] for part in flat if part not in parts})
        return parts

    def _opened(self, chunks: Chunks, tokens: Mapping[str, int], parts: Parts) -> _Document:
        """Return a document as it begins; with texts that are too long it has ended, when the user says so."""
        limit = self.encoder.max_tokens
        pairs = list(zip(chunks.ids, chunks.texts, strict=True))
        long = [name for name, text in pairs if limit is not None and tokens[text] > limit]
        names: dict[str, str] = {}
        for name, text in pairs:
            for part in parts.get(text, (text,)):
                names.setdefault(part, name)
        document = _Document(chunks=chunks, parts=parts, names=names, too_long=len(long))
        if long and self.on_overflow == "refuse":
            msg = (
                f"longer than the {limit} tokens that the model reads: {listed(long)}; "
                f"chunk with a smaller --max-tokens, or embed with --on-overflow split or truncate"
            )
            document.error = StageError(msg, category=Category.INPUT)
        return document

    def _fresh(self, owners: _Owners, tokens: Mapping[str, int], tell: Tell) -> dict[str, Entry]:
        """Encode, check and keep what is not known, batch after batch: what is kept outlives a later failure."""
        found: dict[str, Entry] = {}
        done = 0
        size = self.batch_tokens or getattr(self.encoder, "batch_tokens", None) or DEFAULT_BATCH
        for batch in token_batches({text: tokens[text] for text in owners}, self.encoder.max_tokens, size):
            rows = dict(self._rows(batch, owners))
            doubtful = self._check(rows, owners)
            fresh = {text: Entry(tokens[text], row) for text, row in rows.items()}
            if self.cache:
                self.cache.put({text: entry for text, entry in fresh.items() if text not in doubtful})
            found.update(fresh)
            done += len(batch)
            tell(done, len(owners))
        return found

    def _rows(self, texts: Sequence[str], owners: _Owners) -> Iterator[tuple[str, NDArray[Any]]]:
        """Yield the vectors of the texts that are still wanted, in halves where a batch does not fit into memory."""
        texts = [text for text in texts if _first_alive(owners[text])]
        if not texts:
            return
        try:
            rows = self.encoder.encode_documents(texts)
        except MemoryError as error:
            if len(texts) == 1:
                _no_memory(texts[0], owners, error)
                return
            rows = None
        if rows is None:  # outside of the handler, so that what the failed call held can be freed
            _count_halved(texts[0], owners)
            half = (len(texts) + 1) // 2
            yield from self._rows(texts[:half], owners)
            yield from self._rows(texts[half:], owners)
            return
        if len(rows) != len(texts):
            msg = f"the encoder returned {len(rows)} vectors for {len(texts)} texts"
            raise StageError(msg, category=Category.CONTRACT)
        yield from zip(texts, rows, strict=True)

    def _check(self, rows: Mapping[str, NDArray[Any]], owners: _Owners) -> set[str]:
        """End the documents of which a vector is not what it should be, each with the names of its own chunks.

        Returns:
            The texts of those documents: nothing that came together with such a vector is kept.
        """
        doubtful: set[str] = set()
        for document in dict.fromkeys(each for text in rows for each in owners[text]):
            mine = [text for text in rows if text in document.names]
            error = result_or_error(self.check, [rows[text] for text in mine], [document.names[text] for text in mine])
            if error:
                document.error = document.error or error
                doubtful.update(mine)
        return doubtful

    def _encoded(
        self,
        document: _Document,
        entries: Mapping[str, Entry],
        tokens: Mapping[str, int],
        counted_for: Mapping[str, _Document | None],
    ) -> Encoded:
        chunks, parts = document.chunks, [document.parts_of(text) for text in document.chunks.texts]
        mine = {text for text in document.names if counted_for.get(text) is document}
        return Encoded(
            rows=[[entries[part] for part in each] for each in parts],
            tokens=[tokens[text] for text in chunks.texts],
            cached=sum(mine.isdisjoint(each) for each in parts),
            encoded=len(mine),
            truncated=0 if self.on_overflow == "split" else document.too_long,
            split=document.too_long if self.on_overflow == "split" else 0,
            halved=document.halved,
        )


def _owners_of(documents: Iterable[_Document], known: Mapping[str, Entry]) -> dict[str, list[_Document]]:
    """Return what has to be encoded, with the documents that need it and have not ended."""
    owners: dict[str, list[_Document]] = {}
    for document in documents:
        for text in document.names if not document.error else ():
            if text not in known:
                owners.setdefault(text, []).append(document)
    return owners


def _first_alive(documents: Iterable[_Document]) -> _Document | None:
    """Return the first document that has not failed."""
    return next((each for each in documents if not each.error), None)


def _count_halved(longest: str, owners: _Owners) -> None:
    document = _first_alive(owners[longest])
    assert document is not None  # noqa: S101 - else it would not have been encoded
    document.halved += 1


def _no_memory(text: str, owners: _Owners, error: MemoryError) -> None:
    """End the documents of a text for which there is no memory even when it is alone."""
    for document in owners[text]:
        msg = f"no memory to encode even one text: {listed([document.names[text]])} ({error})"
        document.error = document.error or StageError(msg, category=Category.OOM)
