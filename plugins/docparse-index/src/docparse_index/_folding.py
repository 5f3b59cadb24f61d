"""Text as the full-text table gets it, on both sides: chunks and queries are folded by the same function.

FTS5's tokenizer folds case and the accents of Latin letters. What it does not do is done here:

- Scripts that are written without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese), and Korean, whose particles
  stick to its nouns, are cut into single signs; a query looks for pairs of neighbouring signs, as Lucene's CJK
  analyser does. Nothing is missed, whatever its length, which a trigram table cannot say of words of two signs.
- Compatibility forms become what they stand for (NFKC): the ligatures of PDF files, full-width letters.
- Soft hyphens and joiners, Arabic and Hebrew points vanish; ``ß``, ``ø`` and their like become plain letters.
"""

import re
import unicodedata
from functools import lru_cache

OPEN, CLOSE = "\ufdd0", "\ufdd1"
"""Marks around matched words: code points that Unicode reserves for use inside a program."""

_MARKS = (
    "\u0300-\u036f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u1056-\u1059"
    "\u1160-\u11ff\u17b4-\u17d3\u3099\u309a\uff9e\uff9f"
)
_CLUSTER = re.compile(f"(?s:.)[{_MARKS}]+|[^\\x00-\\x7f]")
"""What may change: a character with the marks that belong to it, or any that is not ASCII."""

_SIGN = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3130-\u318f"
    f"\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff][{_MARKS}]*"
)
"""A character, with its marks, of a script that is searched by pairs of signs."""

_VANISHES = re.compile(
    "[\u00ad\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc"
    "\u06df-\u06e8\u06ea-\u06ed\u200c\u200d\u2060\ufeff]"
)
_LETTERS = str.maketrans(
    {
        "ß": "ss", "ẞ": "ss", "æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe", "ø": "o", "Ø": "o", "ł": "l", "Ł": "l",
        "đ": "d", "Đ": "d", "ð": "d", "Ð": "d", "þ": "th", "Þ": "th", "\u0131": "i", "ħ": "h", "Ħ": "h",
        "\ufdd0": " ", "\ufdd1": " ",
    }
)  # fmt: skip
"""Plain letters for those that do not fall apart into letter and accent; blanks for ``OPEN`` and ``CLOSE``."""


def folded(text: str) -> str:
    """Return the text as the full-text table gets it; ASCII stays as it is."""
    return text if text.isascii() else _CLUSTER.sub(lambda match: _folded(match[0]), text)


def aligned(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Return ``folded(text)``, and for each of its characters where in the text it comes from."""
    pieces, origins, position = list[str](), list[tuple[int, int]](), 0
    for match in _CLUSTER.finditer(text):
        start, end = match.span()
        pieces += [text[position:start], _folded(match[0])]
        origins += [(place, place + 1) for place in range(position, start)]
        origins += [(start, end)] * len(pieces[-1])
        position = end
    origins += [(place, place + 1) for place in range(position, len(text))]
    return "".join([*pieces, text[position:]]), origins


def runs(text: str) -> list[list[str]]:
    """Return the words of a folded text; signs that stood beside each other are one run."""
    found, beside = list[list[str]](), False
    for word in text.split():
        is_sign = _SIGN.fullmatch(word) is not None
        if is_sign and beside:
            found[-1].append(word)
        else:
            found.append([word])
        beside = is_sign
    return found


@lru_cache(maxsize=1 << 16)
def _folded(cluster: str) -> str:
    plain = _VANISHES.sub("", unicodedata.normalize("NFKC", cluster)).translate(_LETTERS)
    return _SIGN.sub(lambda match: f" {match[0]} ", plain)
