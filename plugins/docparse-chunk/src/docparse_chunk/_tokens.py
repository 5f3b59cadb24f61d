"""Counting tokens: the interface, Hugging Face tokenizers, and an approximation for machines without one."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from docparse_chunk._tiktoken import open_encoding
from docparse_chunk._units import Unit
from docparse_chunk._words import word_counts

APPROXIMATE = "approximate"
"""The name of the counter that is used when there is no tokenizer."""

_BATCH = 1024
"""Texts given to the tokenizer at once; bounds the memory that its encodings take."""

_BYTES_PER_TOKEN = 16
"""A WordPiece tokenizer takes any word over 100 characters for one unknown token; counting at least one token for so
many bytes keeps unspaced text (Thai, base64) from filling a chunk without end. Ordinary text has 3 to 6."""


class TokenCounter(Protocol):
    """Counts tokens as one embedding model does.

    Attributes:
        name: of the tokenizer; recorded in the rows.
        limit: most tokens that the model reads, special tokens included.
        specials: special tokens that the model puts around a text.
    """

    @property
    def name(self) -> str:
        """Return the name of the tokenizer."""
        ...

    @property
    def limit(self) -> int:
        """Return the most tokens that the model reads, special tokens included."""
        ...

    @property
    def specials(self) -> int:
        """Return how many special tokens the model puts around a text."""
        ...

    def count(self, texts: list[str]) -> list[int]:
        """Return the number of tokens of each text, special tokens not counted."""
        ...


class HuggingFaceCounter:
    """A ``tokenizer.json``, read by the library ``tokenizers``; truncation and padding set in the file are undone."""

    def __init__(self, name: str, path: Path, limit: int) -> None:
        from tokenizers import Tokenizer  # noqa: PLC0415 - compiled code that only workers need

        content = path.read_bytes()
        tokenizer: Tokenizer = Tokenizer.from_buffer(content)
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self.name = name
        self.limit = limit
        self.specials: int = tokenizer.num_special_tokens_to_add(is_pair=False)
        by_words = word_counts(content, self.encoded)
        self._count = by_words.count if by_words is not None else self.encoded

    def count(self, texts: list[str]) -> list[int]:
        """Return the number of tokens of each text, special tokens not counted."""
        return self._count(texts)

    def encoded(self, texts: list[str]) -> list[int]:
        """Return the same, every text given to the tokenizer as it is."""
        encode = self._tokenizer.encode_batch_fast
        return [
            len(encoding)
            for first in range(0, len(texts), _BATCH)
            for encoding in encode(texts[first : first + _BATCH], add_special_tokens=False)
        ]


class TokieCounter:
    """A ``tokenizer.json``, read by the library ``tokie``."""

    def __init__(self, name: str, path: Path, limit: int) -> None:
        import tokie  # noqa: PLC0415 - compiled code that only workers need, and only some users have

        tokenizer: Any = tokie.Tokenizer.from_json(str(path))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self.name = name
        self.limit = limit
        self.specials: int = tokenizer.num_special_tokens_to_add(is_pair=False)

    def count(self, texts: list[str]) -> list[int]:
        """Return the number of tokens of each text, special tokens not counted."""
        return [int(count) for count in self._tokenizer.count_tokens_batch(texts)]


class TiktokenCounter:
    """An encoding of the library ``tiktoken``; nothing is downloaded, the encoding must be in its cache."""

    limit = 8191
    """What OpenAI's embedding models read."""
    specials = 0

    def __init__(self, name: str) -> None:
        self._encoding: Any = open_encoding(name)
        self.name = f"tiktoken:{self._encoding.name}"

    def count(self, texts: list[str]) -> list[int]:
        """Return the number of tokens of each text."""
        encode = self._encoding.encode_ordinary
        return [len(encode(text)) for text in texts]


class ApproximateCounter:
    """Counts without a tokenizer, rather too much than too little.

    A token for each three letters of a word (two, where it has accents), two digits, or mark of punctuation; one for
    each letter of scripts other than Latin, three for a Hangul syllable, which BERT's tokenizers take apart; and a
    tenth on top. Against the tokenizer of all-MiniLM-L6-v2, on 393 passages of 150 tokens and more (web pages, papers,
    an RFC, tables, Python, lorem ipsum, Arabic) none was counted short: 1.01 to 2.1 times the tokens, 1.45 in the
    median; on single sentences in 16 languages from 1.03 (Italian) up.
    """

    name = APPROXIMATE
    limit = 256
    specials = 2

    def count(self, texts: list[str]) -> list[int]:
        """Return an upper estimate of the number of tokens of each text, special tokens not counted."""
        return [(sum(map(_pieces, _WORD.findall(text))) * 11 + 9) // 10 for text in texts]


_WORD = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|\w")
_LATIN_END = "\u0250"
_HANGUL = ("\uac00", "\ud7a3")


def _pieces(word: str) -> int:
    """Return how many tokens a word, a number or a mark is taken for."""
    if word[0].isdigit():
        return (len(word) + 1) // 2
    if word[0].isalpha() and word < _LATIN_END:
        return (len(word) + 2) // 3 if word.isascii() else (len(word) + 1) // 2
    return sum(3 if _HANGUL[0] <= letter <= _HANGUL[1] else 1 for letter in word)


def cost_of(counter: TokenCounter, units: Sequence[Unit]) -> list[int]:
    """Return what each unit takes of a chunk's budget, in tokens: its tokens, or more for an endless word."""
    counts = counter.count([unit.before + unit.text for unit in units])
    return [
        max(tokens, len(unit.text.encode()) // _BYTES_PER_TOKEN) for unit, tokens in zip(units, counts, strict=True)
    ]
