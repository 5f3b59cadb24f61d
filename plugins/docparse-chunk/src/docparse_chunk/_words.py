"""Counting word by word, each word once: exact for the tokenizers of BERT's kind, and several times as fast.

Those split at white space and around each mark of punctuation before anything else, and none of their steps looks
beyond such a piece: the tokens of a text are those of its pieces. Half of the words of real documents differ from
others by their marks alone (``end.``, ``(see``), so that only half as many pieces have to be encoded. Byte-pair and
unigram tokenizers take the white space into their tokens, and are not counted so.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

_MOST_WORDS = 1 << 19
"""Words remembered, some 60 MB of them; then counting begins anew."""
_LONG = 64
"""Words of more characters (unspaced scripts, addresses, base64) hardly come again and are not remembered."""

_ODD = re.compile("[\x0b\x0c\x1c-\x1f\x85]")
"""White space for Python, and nothing at all for BERT's tokenizer: texts with one are not split here."""

_MARK = re.compile(r"[!-/:-@\[-`{-~]")
"""Punctuation for BERT's tokenizer: all that is neither letter nor digit in ASCII; one token each. Marks beyond ASCII
are left to it."""

Encode = Callable[[list[str]], list[int]]


class _Kind(msgspec.Struct):
    type: str = ""


class _Added(msgspec.Struct):
    content: str = ""


class _File(msgspec.Struct):
    normalizer: _Kind | None = None
    pre_tokenizer: _Kind | None = None
    model: _Kind | None = None
    added_tokens: list[_Added] = []


def word_counts(tokenizer: bytes, encode: Encode) -> "WordCounts | None":
    """Return what counts by words; None where the tokens of a text are not those of its words.

    Args:
        tokenizer: the content of a ``tokenizer.json``.
        encode: counts the tokens of texts with it.
    """
    try:
        file: Any = msgspec.json.decode(tokenizer, type=_File)
    except msgspec.DecodeError:
        return None
    kinds = tuple(part and part.type for part in (file.normalizer, file.pre_tokenizer, file.model))
    added = [token.content for token in file.added_tokens]
    if kinds != ("BertNormalizer", "BertPreTokenizer", "WordPiece") or any(len(text.split()) != 1 for text in added):
        return None
    return WordCounts(encode, added)


class WordCounts:
    """Remembers the tokens of words."""

    def __init__(self, encode: Encode, added: list[str]) -> None:
        """Begin with no word.

        Args:
            encode: counts the tokens of texts.
            added: what is one token wherever it stands, ``[SEP]``, its marks included.
        """
        self._encode = encode
        self._known: dict[str, int] = {"": 0}
        self._added = re.compile("|".join(map(re.escape, added)) or "(?!)", re.IGNORECASE)

    def count(self, texts: list[str]) -> list[int]:
        """Return the number of tokens of each text."""
        odd = [place for place, text in enumerate(texts) if _ODD.search(text)]
        split = [text.split() for text in texts]
        long = self._learn(set().union(*split))
        tokens = self._known.__getitem__
        counts = [sum(map(tokens, words)) for words in split]
        for place, count in zip(odd, self._encode([texts[place] for place in odd]), strict=True):
            counts[place] = count
        for word in long:
            del self._known[word]
        return counts

    def _learn(self, words: set[str]) -> list[str]:
        """Count what is not known of these words, and return those that are not worth remembering."""
        if len(self._known) > _MOST_WORDS:
            self._known = {"": 0}
        known = self._known
        new = words.difference(known)
        is_added = self._added.search
        pieces = {word: [word] if is_added(word) else _MARK.split(word) for word in new}
        unknown = list(set().union(*pieces.values()).difference(known))
        known.update(zip(unknown, self._encode(unknown), strict=True))
        known.update((word, len(parts) - 1 + sum(map(known.__getitem__, parts))) for word, parts in pieces.items())
        return [word for word in new.union(unknown) if len(word) > _LONG]
